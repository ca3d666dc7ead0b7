// How the sealed credential of one connection stands.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Connection } from '../api/types'
import { useMaySomewhere } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Foreign, Quote } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { Candidate } from './Candidate'
import css from './Seal.module.css'
import { SealDialog } from './SealForm'
import { stateOf, wordOf } from './words'

export function SealPanel({ c }: { c: Connection }) {
  const client = useQueryClient()
  const may = useMaySomewhere('connection.edit')
  const sealed = useQuery(q.sealedOf(c.id))
  const [dialog, setDialog] = useState<'seal' | 'forget' | null>(null)
  const x = sealed.data
  if (sealed.error && !sealed.data) return <Panel title={t`Sealed credential`}><ProblemPanel error={sealed.error} compact /></Panel>
  if (!x || (x.state === 'none' && (x.wanted ?? []).length === 0)) return null
  return (
    <Panel
      id="credential"
      title={t`Sealed credential`}
      actions={may ? (
        <>
          <Button onClick={() => setDialog('seal')}>{x.state === 'none' ? t`Enter it` : t`Enter another`}</Button>
          {x.state === 'none' && !x.candidate ? null : <Button onClick={() => setDialog('forget')}><Trans>Forget …</Trans></Button>}
        </>
      ) : null}
    >
      {x.state === 'none' ? <p className="muted"><Trans>Nothing is sealed for this connection{c.credential ? t`; it uses a credential of the agent’s own file` : ''}.</Trans></p> : (
        <dl className={css.terms}>
          <div><dt><Trans>State</Trans></dt><dd><State state={stateOf(x.state)} word={wordOf(x.state)} />{x.reason ? <Quote text={x.reason} tone={x.state === 'reenter' ? 'bad' : undefined} /> : null}{x.advice ? <Quote text={x.advice} tone="bad" /> : null}</dd></div>
          <div><dt><Trans>Sealed</Trans></dt><dd><span><Foreign text={(x.variables ?? []).join(', ')} mono /> <span className="muted"><Trans><When at={x.sealed_at} /> by <Foreign text={x.sealed_by ?? ''} max={60} /></Trans></span>{x.checked_at ? <> <span className="muted"><Trans>· worked when it was checked <When at={x.checked_at} /></Trans></span></> : null}</span>{x.due ? <Quote text={t`It is due: enter a new one.`} tone="bad" /> : null}</dd></div>
          <div><dt><Trans>Readable by</Trans></dt><dd>{(x.opened_by ?? []).length ? (x.opened_by ?? []).map((r) => <span key={r.fingerprint}><Foreign text={r.name} /> <code className="break">{r.fingerprint}</code></span>) : t`nobody`}</dd></div>
        </dl>
      )}
      <Candidate of={x} may={may} onAgain={() => setDialog('seal')} />
      {dialog === 'seal' ? <SealDialog of={[x]} onClose={() => setDialog(null)} /> : null}
      {dialog === 'forget' ? (
        <Confirm
          title={t`Forget the sealed credential of ${c.name}`}
          verb={t`Forget it`}
          danger
          onClose={() => setDialog(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/sealed-credentials/{id}', { path: { id: c.id } })
            void client.invalidateQueries({ queryKey: ['sealed'] })
            say(t`The sealed credential is forgotten`)
          }}
        >
          <p><Trans>Runs go on with what the agent’s own file has, or fail. It cannot be taken back; it can be entered again.</Trans></p>
        </Confirm>
      ) : null}
    </Panel>
  )
}
