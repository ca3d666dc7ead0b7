import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import type { Agent } from '../api/types'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { Mark } from '../parts/marks'
import { Panel } from '../parts/Page'
import { Copy, Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Agents.module.css'

/** Two copies of one agent wait for a person: who they are, and which of them is the agent. */
export function AgentHold({ a }: { a: Agent }) {
  const client = useQueryClient()
  const may = useMay('agent.manage')
  const [keep, setKeep] = useState<string | null>(null)
  const hold = a.hold
  if (!hold) return null
  const kept = hold.copies?.find((x) => x.id === keep)
  return (
    <Panel title={<><Trans><Mark state="held" /> Two copies of this agent <span className="muted">held <When at={hold.since} /></span></Trans></>}>
      <div className="stack">
      <p><Trans>They take turns: its disk or data directory was copied. Both go on reading; nothing they read is taken until you say which one is the agent.</Trans></p>
      <ul className="stack-s">
        {(hold.copies ?? []).map((x) => (
          <li key={x.id} className={css.copy}>
            <strong><Foreign text={x.hostname || t`unknown host`} /></strong>
            <span className="muted"><Trans>{x.address ? <><Trans>from <Foreign text={x.address} />, </Trans></> : null}last heard <When at={x.last_heard} /></Trans></span>
            <Copy text={x.id} max={24} label={t`the copy’s id`} />
            {may ? <Button variant="outline" size="xs" onClick={() => setKeep(x.id)}><Trans>This one is the agent …</Trans></Button> : null}
          </li>
        ))}
      </ul>
      <p className="muted"><Trans>Then delete the data directory of the other and enroll it with a join token of its own.</Trans></p>
      </div>
      {kept ? (
        <Confirm
          title={t`Keep the copy on ${kept.hostname || 'an unknown host'}`}
          verb={t`Keep this one`}
          reason="optional"
          onClose={() => setKeep(null)}
          onConfirm={async (reason) => {
            await api.post('/api/v1/agents/{id}/release', { path: { id: a.id }, body: { keep: kept.id, ...(reason ? { reason } : {}) } })
            void client.invalidateQueries({ queryKey: ['agents'] })
            say(t`${a.name} is released`)
          }}
        >
          <p><Trans>The other copy is shut out. Delete its data directory and enroll it with a join token of its own.</Trans></p>
        </Confirm>
      ) : null}
    </Panel>
  )
}
