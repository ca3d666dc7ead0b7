// Which things this one is: what was merged into it, and what is wrong with what its sources say.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from 'react-router'

import { api } from '../../api/client'
import type { Resource } from '../../api/types'
import { Confirm } from '../../parts/Confirm'
import { Panel } from '../../parts/Page'
import { Foreign } from '../../parts/Text'
import { say } from '../../parts/toast'

/** What is to be split off: a resource that was merged into this one, or what a source saw. */
export interface Splitting {
  name: string
  body: { resource: string } | { observations: { connection: string; external_id: string }[] }
}

export function Identity({ r, canEdit, onSplit }: { r: Resource; canEdit: boolean; onSplit: (s: Splitting) => void }) {
  const merged = r.absorbed ?? []
  const warnings = r.warnings ?? []
  if (merged.length + warnings.length === 0) return null
  return (
    <>
      {warnings.length ? (
        <Panel title={t`What is wrong with it`}>
          <ul className="stack-s">{warnings.map((w) => <li key={w}><Foreign text={w} max={300} /></li>)}</ul>
        </Panel>
      ) : null}
      {merged.length ? (
        <Panel title={t`Merged into this one`}>
          <ul className="stack-s">
            {merged.map((m) => (
              <li key={m.id} className="row">
                <Foreign text={m.name || m.id} max={60} />
                {canEdit ? <button type="button" className="link" onClick={() => onSplit({ name: m.name || m.id, body: { resource: m.id } })}><Trans>Split it off again</Trans></button> : null}
              </li>
            ))}
          </ul>
        </Panel>
      ) : null}
    </>
  )
}

export function Split({ r, what, onClose, refresh }: { r: Resource; what: Splitting; onClose: () => void; refresh: () => void }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const split = async (reason: string) => {
    const off = await api.post('/api/v1/resources/{kind}/{id}/split', { path: { kind: r.kind, id: r.id }, ifMatch: r.version, body: { ...what.body, ...(reason ? { reason } : {}) } })
    for (const key of ['resources', 'reviews', 'changes', 'summary', 'approvals']) void client.invalidateQueries({ queryKey: [key] })
    if (off.approval) {
      say(t`It waits for somebody to approve it; nothing is split until then`)
      onClose()
      return
    }
    say(t`${off.name || t`It`} is a resource of its own`)
    refresh()
    void navigate(`/inventory/${off.kind}/${off.id}`)
  }
  return (
    <Confirm title={t`Split off ${what.name}`} verb={t`Split`} reason="optional" onClose={onClose} onConfirm={split}>
      <p><Trans>It becomes a resource of its own, with its history if it had one. No later reading joins the two again; merging them by hand does.</Trans></p>
    </Confirm>
  )
}
