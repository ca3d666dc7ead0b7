// The coverage strip: one quiet line that says how far what stands below it can be trusted. Nobody else shows this.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { useLater } from '../api/later'
import { q } from '../api/queries'
import type { Coverage, CoverageException, KindInfo } from '../api/types'
import { partition } from '../format/text'
import { parseTime } from '../format/time'
import { count, counted } from '../format/units'
import { exceptionWords, old, trust } from '../kinds/coverage'
import css from './Coverage.module.css'
import { Mark, State } from './marks'
import { Foreign, Quote } from './Text'
import { useNow, When } from './When'

export function CoverageStrip({ kind, total }: { kind?: KindInfo | undefined; total?: string | undefined }) {
  const { data, error } = useQuery({ ...q.coverage(kind?.name), enabled: useLater() })
  const [open, setOpen] = useState(false)
  if (error && !data) return <div className={css.strip} data-tone="warn">How far this can be trusted is not known: {error.message}</div>
  if (!data) return <div className={css.strip}>&nbsp;</div>
  return (
    <div className="stack-s">
      <Line c={data} kind={kind} total={total} open={open} toggle={() => setOpen(!open)} />
      {open ? <Exceptions list={data.exceptions ?? []} withKind={!kind} /> : null}
    </div>
  )
}

function Line({ c, kind, total, open, toggle }: { c: Coverage; kind: KindInfo | undefined; total: string | undefined; open: boolean; toggle: () => void }) {
  const now = useNow()
  const t = trust(c)
  const tone = t === 'complete' && !old(c, now) ? 'ok' : t === 'none' ? 'idle' : 'warn'
  const list = c.exceptions ?? []
  const filter = kind ? `/inventory/${kind.name}?filter=${encodeURIComponent('state = unwatched')}` : undefined
  return (
    <div className={css.strip} data-tone={tone} data-testid="coverage">
      <span className={css.staff} aria-hidden />
      {total ? <span className="strong">{total}</span> : null}
      {t === 'none' ? (
        <span><span>no connection reads {kind ? kind.plural.toLowerCase() : 'anything'} yet; <Link to="/connections">see connections</Link></span></span>
      ) : null}
      {parseTime(c.as_of) ? <span><span>as of <When at={c.as_of} clock /></span></span> : t === 'none' ? null : <span>never read completely</span>}
      {t === 'complete' ? <span className="row-n"><Mark state="complete" /> complete, {counted(c.scopes, 'scope')}</span> : null}
      {list.length ? (
        <button type="button" className="link" onClick={toggle} aria-expanded={open}>
          <Mark state={list[0]!.status} />
          <span>complete except <bdi>{exceptionWords(list[0]!)}</bdi>{list.length > 1 ? ` and ${count(list.length - 1)} more` : ''}</span>
        </button>
      ) : null}
      {c.unwatched ? (
        <span className="row-n"><Mark state="unwatched" />{filter ? <Link to={filter}>{count(c.unwatched)} unwatched</Link> : `${count(c.unwatched)} unwatched`}</span>
      ) : null}
      {c.held ? <span className="row-n"><Mark state="held" /><Link to="/removals">{counted(c.held, 'removal')} held</Link></span> : null}
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
            <span className="muted">last complete <When at={e.last_complete} /></span>
            <Link to={`/runs/${e.run_id}`}>see run</Link>
          </div>
          {e.error ? <Quote text={e.error} tone="warn" /> : null}
          {e.advice ? <p className={css.advice}><strong>What to do:</strong> {e.advice}</p> : null}
        </li>
      ))}
    </ul>
  )
}
