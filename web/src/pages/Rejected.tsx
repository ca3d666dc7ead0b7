// What a connection reads and the collector does not take: which item, why, since when, and what to do.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { RejectedItem } from '../api/types'
import { partition } from '../format/text'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Copy, Foreign, Snippet } from '../parts/Text'
import { When } from '../parts/When'
import css from './Connection.module.css'

/** advice is what a person can do about a reason. */
export function advice(reason: string, kept: boolean): string {
  if (reason.startsWith('internal')) return kept ? t`The collector itself failed on it. What it kept is below: send it with a support bundle. “Send everything again” tries it once more.` : t`The collector itself failed on it. “Send everything again” tries it once more.`
  if (reason.includes('pending')) return t`Its kind waits for approval: an administrator approves it on the page of the kinds, and it comes with the next run.`
  return t`The source, its plugin or the kind’s schema has to change. It is taken as soon as it differs, and asked for again by “Send everything again”.`
}

export function RejectedPanel({ id, may }: { id: string; may: boolean }) {
  const rejected = useQuery(q.rejected(id))
  const list = rejected.data?.items ?? []
  if (!rejected.error && list.length === 0) return null
  return (
    <Panel title={<><Trans>Rejected <span className="muted">{rejected.data ? `${plural(list.length, { one: '# item', other: '# items' })}${rejected.data.more ? t` and more` : ''}` : ''}</span></Trans></>}>
      {rejected.error && !rejected.data ? <ProblemPanel error={rejected.error} compact retry={() => void rejected.refetch()} /> : null}
      <ul className={css.rejected} aria-label={t`Rejected items`}>
        {list.map((it) => <One key={`${it.scope}/${it.external_id}`} id={id} it={it} may={may} />)}
      </ul>
    </Panel>
  )
}

function One({ id, it, may }: { id: string; it: RejectedItem; may: boolean }) {
  const [kept, setKept] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const show = async () => {
    setError(null)
    try {
      setKept((await api.get('/api/v1/connections/{id}/rejected/body', { path: { id }, query: { scope: it.scope, external_id: it.external_id } })).canonical)
    } catch (err) {
      setError(err)
    }
  }
  return (
    <li>
      <div className="row">
        <span className="strong">{it.kind}</span>
        <Copy text={it.external_id} max={60} label={t`the external id`} />
        <Foreign text={partition(it.partition)} />
        {it.rejected_at ? <span className="muted"><Trans>rejected <When at={it.rejected_at} /></Trans></span> : null}
      </div>
      <p><Foreign text={it.reason} max={400} /></p>
      <p><strong><Trans>What to do:</Trans></strong> {advice(it.reason, !!it.kept_bytes)}</p>
      {it.kept_bytes && may && kept === null ? <div><Button onClick={() => void show()}><Trans>Show what was kept</Trans></Button></div> : null}
      {kept !== null ? <Snippet tall label={t`what was kept`} text={kept} /> : null}
      {error ? <ProblemPanel error={error} compact /> : null}
    </li>
  )
}
