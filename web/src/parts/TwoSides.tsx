// Two resources of which somebody is to say whether they are one, field by field: where they differ first, what is equal folded away.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useInViewport } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { Link } from 'react-router'

import { q } from '../api/queries'
import type { Field, KindInfo, Resource } from '../api/types'
import { at } from '../format/pointer'
import { commonFields, headFields, labelOf } from '../kinds/fields'
import { absent } from '../kinds/value'
import { State } from './marks'
import css from './SideBySide.module.css'
import { Loading, ProblemPanel } from './States'
import { Foreign } from './Text'
import { Cell } from './ValueView'
import { When } from './When'

interface One {
  kind: string
  id: string
  name: string
}

/** Both sides, read once they are in sight: a long list of them asks for what one looks at. */
export function TwoSides(p: { left: One; right: One }) {
  const { ref, inViewport } = useInViewport<HTMLDivElement>()
  const [seen, setSeen] = useState(false)
  if (inViewport && !seen) setSeen(true)
  return <div ref={ref} style={seen ? undefined : { minHeight: 120 }}>{seen ? <Both {...p} /> : <p><Foreign text={p.left.name || p.left.id} max={60} />, <Foreign text={p.right.name || p.right.id} max={60} /></p>}</div>
}

/** Each is read with what the reader may see of it. */
function Both({ left, right }: { left: One; right: One }) {
  const kinds = useQuery(q.kinds())
  const a = useQuery(q.resource(left.kind, left.id))
  const b = useQuery(q.resource(right.kind, right.id))
  // Counted below, and asked for here so that nothing waits for the resources first.
  useQuery(q.relations(left.kind, left.id))
  useQuery(q.relations(right.kind, right.id))
  const error = [a, b].find((x) => x.error && !x.data)?.error
  if (error) return <ProblemPanel error={error} compact />
  if (!a.data || !b.data || !kinds.data) return <Loading what={t`both sides`} lines={3} />
  return <Sides a={a.data} b={b.data} kind={kinds.data.find((k) => k.name === left.kind)} />
}

// What is shown above the fields, or says when something was written and not what it is.
const apart = new Set(['/name', '/state', '/last_seen', '/updated_at', '/created_at'])

function Sides({ a, b, kind }: { a: Resource; b: Resource; kind: KindInfo | undefined }) {
  const fields = [...headFields.filter((f) => !apart.has(f.pointer)), ...(kind?.fields ?? []).filter((f) => f.type !== 'object'), ...commonFields(kind)]
  const of = (r: Resource, f: Field) => at(r, f.pointer) ?? (f.volatile ? at(r.volatile, f.pointer.replace(/^\/attributes/, '')) : undefined)
  const said = fields.filter((f) => !absent(of(a, f)) || !absent(of(b, f)))
  const same = (f: Field) => JSON.stringify(of(a, f) ?? null) === JSON.stringify(of(b, f) ?? null)
  const row = (f: Field) => <tr key={f.pointer}><th scope="row">{labelOf(f)}</th>{[a, b].map((r) => <td key={r.id}><Shown value={of(r, f)} field={f} /></td>)}</tr>
  const equal = said.filter(same)
  const other = said.filter((f) => !same(f))
  const label = t`${a.name || a.id} and ${b.name || b.id}`
  return (
    <div className="stack-s">
      <div className={css.scroll} tabIndex={0} role="region" aria-label={label}>
        <table className={css.table}>
          <thead><tr><th scope="col"><Trans>Field</Trans></th>{[a, b].map((r) => <th key={r.id} scope="col"><Link to={`/inventory/${r.kind}/${r.id}`}><Foreign text={r.name || r.id} max={60} /></Link></th>)}</tr></thead>
          <tbody>
            <Row label={t`State`} of={[a, b].map((r) => <State key={r.id} state={r.state} />)} />
            <Row label={t`Sources`} of={[a, b].map((r) => <Sources key={r.id} r={r} />)} />
            <Row label={t`Identifiers`} of={[a, b].map((r) => <Identifiers key={r.id} r={r} other={r === a ? b : a} />)} />
            <Row label={t`Relations`} of={[a, b].map((r) => <Relations key={r.id} r={r} />)} />
            <Row label={t`Last seen`} of={[a, b].map((r) => <When key={r.id} at={r.last_seen} never={t`by nobody but people`} />)} />
            <Row label={t`First seen`} of={[a, b].map((r) => <When key={r.id} at={r.created_at} />)} />
            {other.map(row)}
          </tbody>
        </table>
      </div>
      {other.length === 0 ? <p className="muted"><Trans>No field differs.</Trans></p> : null}
      {equal.length ? (
        <details>
          <summary>{plural(equal.length, { one: '# field is equal', other: '# fields are equal' })}</summary>
          <table className={css.table}><tbody>{equal.map(row)}</tbody></table>
        </details>
      ) : null}
    </div>
  )
}

const Row = ({ label, of }: { label: string; of: ReactNode[] }) => <tr><th scope="row">{label}</th>{of.map((x, i) => <td key={i}>{x}</td>)}</tr>

const Shown = ({ value, field }: { value: unknown; field: Field }) => (absent(value) ? <span className="muted">–</span> : <Cell value={value} field={field} />)

function Sources({ r }: { r: Resource }) {
  const list = r.observations ?? []
  if (list.length === 0) return <Trans>made by hand</Trans>
  return <ul className={css.list}>{list.map((o, i) => <li key={i}>{o.connection ? <Link to={`/connections/${o.connection.id}`}><Foreign text={o.connection.name || o.connection.id} max={40} /></Link> : t`another source`}</li>)}</ul>
}

/** What both have is what brought them together, and stands out. */
function Identifiers({ r, other }: { r: Resource; other: Resource }) {
  const list = r.identifiers ?? []
  if (list.length === 0) return <span className="muted">–</span>
  const both = (i: { type: string; value: string }) => other.identifiers?.some((o) => o.type === i.type && o.value === i.value)
  return <ul className={css.list}>{list.map((i) => <li key={i.type + i.value}>{i.type} <Foreign text={i.value} mono max={60} />{both(i) ? <> <strong><Trans>on both</Trans></strong></> : null}</li>)}</ul>
}

function Relations({ r }: { r: Resource }) {
  const list = useQuery(q.relations(r.kind, r.id))
  const n = list.data?.total_size
  if (n === undefined) return <span className="muted">{list.error ? t`unknown` : '…'}</span>
  return <Link to={`/inventory/${r.kind}/${r.id}?tab=relations`}>{plural(n, { one: '# relation', other: '# relations' })}</Link>
}
