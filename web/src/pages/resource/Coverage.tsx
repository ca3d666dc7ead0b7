// How far what stands on this page can be trusted: the scopes that its observations lie in, and how each was read last.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { q } from '../../api/queries'
import type { Scope } from '../../api/types'
import { partition } from '../../format/text'
import { count, counted } from '../../format/units'
import { State } from '../../parts/marks'
import { Panel } from '../../parts/Page'
import { Loading, ProblemPanel } from '../../parts/States'
import { Foreign, Quote } from '../../parts/Text'
import { When } from '../../parts/When'
import css from './Resource.module.css'

export function CoveragePanel({ kind, id }: { kind: string; id: string }) {
  const coverage = useQuery(q.resourceCoverage(kind, id))
  const list = coverage.data?.items
  return (
    <Panel title="Coverage">
      {coverage.error && !list ? <ProblemPanel error={coverage.error} compact retry={() => void coverage.refetch()} /> : null}
      {!list && !coverage.error ? <Loading what="its scopes" lines={2} /> : null}
      {list?.length === 0 ? <p className="muted">No connection you may see reads it, so nothing here goes stale or gone by itself.</p> : null}
      {list?.length ? <ul className={css.scopes} aria-label="Scopes that it lies in">{list.map((s) => <One key={`${s.connection.id}/${s.kind}/${partition(s.partition)}`} s={s} />)}</ul> : null}
    </Panel>
  )
}

function One({ s }: { s: Scope }) {
  return (
    <li>
      <div className="row">
        <State state={s.status} />
        <Link to={`/connections/${s.connection.id}`}><Foreign text={s.connection.name || s.connection.id} max={60} /></Link>
        <Foreign text={partition(s.partition)} />
        <span className="muted">last complete <When at={s.last_complete} never="never" /></span>
        <span className="muted">{counted(s.listed, 'key')}{s.rejected ? `, ${count(s.rejected)} rejected` : ''}</span>
        {s.run_id ? <Link to={`/runs/${s.run_id}`}>see run</Link> : null}
      </div>
      {s.unwatched ? <p>Not watched: <Foreign text={s.unwatched} max={200} /></p> : !s.planned ? <p>The last plan of this connection no longer has this scope.</p> : null}
      {s.error ? <Quote text={s.error} tone="warn" /> : null}
      {s.advice ? <p><strong>What to do:</strong> {s.advice}</p> : null}
    </li>
  )
}
