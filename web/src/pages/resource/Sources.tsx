// Who says what: what each connection saw, side by side, with the rows on which they differ marked.
import { useState } from 'react'
import { Link } from 'react-router'

import type { Field, KindInfo, Observation, Resource } from '../../api/types'
import { at } from '../../format/pointer'
import { partition } from '../../format/text'
import { headFields, labelOf } from '../../kinds/fields'
import { absent } from '../../kinds/value'
import { Mark, State } from '../../parts/marks'
import { Panel } from '../../parts/Page'
import { Empty } from '../../parts/States'
import { Copy, Foreign, Snippet } from '../../parts/Text'
import { Cell } from '../../parts/ValueView'
import { When } from '../../parts/When'
import css from './Resource.module.css'
import { CoveragePanel } from './Coverage'
import { Identity, Split, type Splitting } from './Identity'

const nameOf = (o: Observation) => o.connection?.name || o.connection?.id || 'another source'

export function Sources({ r, kind, canEdit, refresh }: { r: Resource; kind: KindInfo | undefined; canEdit: boolean; refresh: () => void }) {
  const [splitting, setSplitting] = useState<Splitting | null>(null)
  const [raw, setRaw] = useState<number | null>(null)
  const list = r.observations ?? []
  const identity = <Identity r={r} canEdit={canEdit} onSplit={setSplitting} />
  const dialog = splitting ? <Split r={r} what={splitting} onClose={() => setSplitting(null)} refresh={refresh} /> : null
  if (list.length === 0) {
    return (
      <div className="stack">
        <Empty title="No connection has seen this">It was made by hand. Discovery adopts it when a connection sees one of its identifiers.</Empty>
        {identity}
        {dialog}
      </div>
    )
  }
  const fields: Field[] = [...headFields.filter((f) => ['name', 'region', 'zone'].includes(f.path)), ...(kind?.fields ?? [])]
  const said = fields.filter((f) => list.some((o) => !absent(at(o.envelope, f.pointer))))
  return (
    <div className="stack">
      <Panel title="What each source says" flush>
        <div className={css.scroll} tabIndex={0} role="region" aria-label="Sources side by side">
          <table className={css.sources}>
            <thead>
              <tr>
                <th scope="col"><span className="hidden-visually">Field</span></th>
                {list.map((o, i) => (
                  <th key={i} scope="col">
                    {o.connection ? <Link to={`/connections/${o.connection.id}`}><Foreign text={nameOf(o)} max={40} /></Link> : nameOf(o)}
                  </th>
                ))}
                <th scope="col">Shown</th>
              </tr>
            </thead>
            <tbody>
              <Row label="State" cells={list.map((o) => <State key={nameOf(o)} state={o.state} />)} shown={<State state={r.state} />} />
              <Row label="Its own id" cells={list.map((o, i) => <Copy key={i} text={o.external_id} max={36} label="the external id" />)} />
              <Row label="Partition" cells={list.map((o, i) => <Foreign key={i} text={partition(o.partition)} />)} />
              <Row label="Observed" cells={list.map((o, i) => <When key={i} at={o.observed_at} />)} />
              <Row label="Seen" cells={list.map((o, i) => <When key={i} at={o.last_seen} />)} />
              <Row label="Joined by" cells={list.map((o, i) => <Foreign key={i} text={o.match || 'its first sighting'} />)} />
              {canEdit && list.length > 1 ? (
                <Row label="Not the same?" cells={list.map((o, i) => o.connection ? <button key={i} type="button" className="link" onClick={() => setSplitting({ name: nameOf(o), body: { observations: [{ connection: o.connection!.id, external_id: o.external_id }] } })}>Split it off</button> : null)} />
              ) : null}
              {said.map((f) => {
                const values = list.map((o) => at(o.envelope, f.pointer))
                const differ = new Set(values.filter((v) => !absent(v)).map((v) => JSON.stringify(v))).size > 1
                return <Row key={f.pointer} label={labelOf(f)} differ={differ} cells={values.map((v, i) => <Cell key={i} value={v} field={f} />)} shown={<Cell value={at(r, f.pointer)} field={f} />} />
              })}
            </tbody>
          </table>
        </div>
      </Panel>
      <CoveragePanel kind={r.kind} id={r.id} />
      {identity}
      {dialog}
      <Panel title="As it travelled">
        <div className="stack-s">
          {list.map((o, i) => (
            <div key={i} className="stack-s">
              <div className="row">
                <button type="button" className="link" aria-expanded={raw === i} onClick={() => setRaw(raw === i ? null : i)}>{raw === i ? 'Hide' : 'Show'} the envelope of {nameOf(o)}</button>
                {o.run_id ? <Link to={`/runs/${o.run_id}`}>its run</Link> : null}
                <span className="muted">SHA-256 <Copy text={o.hash} max={20} label="the hash" /></span>
              </div>
              {raw === i ? <Snippet label="the envelope" text={JSON.stringify(o.envelope, null, 2)} /> : null}
            </div>
          ))}
        </div>
      </Panel>
    </div>
  )
}

function Row({ label, cells, shown, differ }: { label: string; cells: React.ReactNode[]; shown?: React.ReactNode; differ?: boolean }) {
  return (
    <tr data-differ={differ || undefined}>
      <th scope="row">{label}{differ ? <> <Mark state="degraded" title="The sources differ" /></> : null}</th>
      {cells.map((c, i) => <td key={i}>{c}</td>)}
      <td className={css.shown}>{shown}</td>
    </tr>
  )
}
