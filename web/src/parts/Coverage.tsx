// The coverage strip: one quiet line that says how far what stands below it can be trusted. Nobody else shows this.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { useLater } from '../api/later'
import { q } from '../api/queries'
import type { Coverage, CoverageException, KindInfo } from '../api/types'
import { partition } from '../format/text'
import { parseTime } from '../format/time'
import { count } from '../format/units'
import { useReadsAll } from '../frame/session'
import { exceptionWords, old, trust } from '../kinds/coverage'
import css from './Coverage.module.css'
import { Mark, State } from './marks'
import { Foreign, Quote } from './Text'
import { useNow, When } from './When'

export function CoverageStrip({ kind, total }: { kind?: KindInfo | undefined; total?: string | undefined }) {
  const { data, error } = useQuery({ ...q.coverage(kind?.name), enabled: useLater() })
  if (error && !data) return <div className={css.strip} data-tone="warn"><Trans>How far this can be trusted is not known: {error.message}</Trans></div>
  if (!data) return <div className={css.strip}><Trans>&nbsp;</Trans></div>
  return <Strip c={data} kind={kind} total={total} />
}

/** The strip of a list as it was: how far it could be trusted then is not kept, and how far one of now can be says nothing of it. */
export function PastStrip({ at, total }: { at: string; total?: string | undefined }) {
  return (
    <div className={css.strip} data-tone="idle" data-testid="coverage">
      <span className={css.staff} aria-hidden />
      {total ? <span className="strong">{total}</span> : null}
      <span><Trans>as it was at <When at={at} clock /></Trans></span>
      <span className="muted"><Trans>what had been read by then is told by <Link to="/runs">the runs</Link></Trans></span>
    </div>
  )
}

/** The strip of what was read already. */
export function Strip({ c, kind, total }: { c: Coverage; kind?: KindInfo | undefined; total?: string | undefined }) {
  const [open, setOpen] = useState(false)
  return (
    <div className="stack-s">
      <Line c={c} kind={kind} total={total} open={open} toggle={() => setOpen(!open)} />
      {open ? <Exceptions list={c.exceptions ?? []} withKind={!kind} /> : null}
    </div>
  )
}

function Line({ c, kind, total, open, toggle }: { c: Coverage; kind: KindInfo | undefined; total: string | undefined; open: boolean; toggle: () => void }) {
  const now = useNow()
  const all = useReadsAll()
  const it = trust(c)
  const tone = it === 'complete' && !old(c, now) ? 'ok' : it === 'none' ? 'idle' : 'warn'
  const list = c.exceptions ?? []
  const filter = kind ? `/inventory/${kind.name}?filter=${encodeURIComponent('state = unwatched')}` : undefined
  return (
    <div className={css.strip} data-tone={tone} data-testid="coverage">
      <span className={css.staff} aria-hidden />
      {total ? <span className="strong">{total}</span> : null}
      {it === 'none' ? (
        <span><span>{all ? <Trans>no connection reads {kind ? kind.plural.toLowerCase() : t`anything`} yet; <Link to="/connections">see connections</Link></Trans> : <Trans>no connection that you may see reads {kind ? kind.plural.toLowerCase() : t`anything`}</Trans>}</span></span>
      ) : null}
      {parseTime(c.as_of) ? <span><span><Trans>as of <When at={c.as_of} clock /></Trans></span></span> : it === 'none' ? null : <span><Trans>never read completely</Trans></span>}
      {it === 'complete' ? <span className="row-n"><Trans><Mark state="complete" /> complete, <Plural value={c.scopes} one="# scope" other="# scopes" /></Trans></span> : null}
      {list.length ? (
        <button type="button" className="link" onClick={toggle} aria-expanded={open}>
          <Mark state={list[0]!.status} />
          <span><Trans>complete except <bdi>{exceptionWords(list[0]!)}</bdi>{list.length > 1 ? t` and ${count(list.length - 1)} more` : ''}</Trans></span>
        </button>
      ) : null}
      {c.unwatched ? (
        <span className="row-n"><Mark state="unwatched" />{filter ? <Link to={filter}><Trans>{count(c.unwatched)} unwatched</Trans></Link> : t`${count(c.unwatched)} unwatched`}</span>
      ) : null}
      {c.held ? <span className="row-n"><Mark state="held" /><Link to="/removals"><Trans><Plural value={c.held} one="# removal" other="# removals" /> held</Trans></Link></span> : null}
    </div>
  )
}

/** The scopes that are not complete, each with the provider's own words and what to do. */
export function Exceptions({ list, withKind }: { list: CoverageException[]; withKind?: boolean }) {
  return (
    <ul className={css.exceptions}>
      {list.map((e) => (
        <li key={`${e.connection.id}/${e.kind}/${partition(e.partition)}`}>
          <div className="row">
            <State state={e.status} />
            <Link to={`/connections/${e.connection.id}`}><Foreign text={e.connection.name || e.connection.id} /></Link>
            {withKind ? <span>{e.kind}</span> : null}
            <Foreign text={partition(e.partition)} />
            <span className="muted"><Trans>last complete <When at={e.last_complete} /></Trans></span>
            <Link to={`/runs/${e.run_id}`}><Trans>see run</Trans></Link>
          </div>
          {e.error ? <Quote text={e.error} tone="warn" /> : null}
          {e.advice ? <p className={css.advice}><strong><Trans>What to do:</Trans></strong> {e.advice}</p> : null}
        </li>
      ))}
    </ul>
  )
}
