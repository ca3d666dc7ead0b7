// How far what stands on this page can be trusted: the scopes that its observations lie in, and how each was read last.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { q } from '../../api/queries'
import type { Scope } from '../../api/types'
import { partition } from '../../format/text'
import { count } from '../../format/units'
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
    <Panel title={t`Coverage`}>
      {coverage.error && !list ? <ProblemPanel error={coverage.error} compact retry={() => void coverage.refetch()} /> : null}
      {!list && !coverage.error ? <Loading what={t`its scopes`} lines={2} /> : null}
      {list?.length === 0 ? <p className="muted"><Trans>No connection you may see reads it, so nothing here goes stale or gone by itself.</Trans></p> : null}
      {list?.length ? <ul className={css.scopes} aria-label={t`Scopes that it lies in`}>{list.map((s) => <One key={`${s.connection.id}/${s.kind}/${partition(s.partition)}`} s={s} />)}</ul> : null}
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
        <span className="muted"><Trans>last complete <When at={s.last_complete} never={t`never`} /></Trans></span>
        <span className="muted">{plural(s.listed, { one: '# key', other: '# keys' })}{s.rejected ? t`, ${count(s.rejected)} rejected` : ''}</span>
        {s.run_id ? <Link to={`/runs/${s.run_id}`}><Trans>see run</Trans></Link> : null}
      </div>
      {s.unwatched ? <p><Trans>Not watched: <Foreign text={s.unwatched} max={200} /></Trans></p> : !s.planned ? <p><Trans>The last plan of this connection no longer has this scope.</Trans></p> : null}
      {s.error ? <Quote text={s.error} tone="warn" /> : null}
      {s.advice ? <p><strong><Trans>What to do:</Trans></strong> {s.advice}</p> : null}
    </li>
  )
}
