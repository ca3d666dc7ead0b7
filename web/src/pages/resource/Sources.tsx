// Who says what: what each connection saw, side by side, with the rows on which they differ marked.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
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

const nameOf = (o: Observation) => o.connection?.name || o.connection?.id || t`another source`

export function Sources({ r, kind, canEdit, refresh }: { r: Resource; kind: KindInfo | undefined; canEdit: boolean; refresh: () => void }) {
  const [splitting, setSplitting] = useState<Splitting | null>(null)
  const [raw, setRaw] = useState<number | null>(null)
  const list = r.observations ?? []
  const identity = <Identity r={r} canEdit={canEdit} onSplit={setSplitting} />
  const dialog = splitting ? <Split r={r} what={splitting} onClose={() => setSplitting(null)} refresh={refresh} /> : null
  if (list.length === 0) {
    return (
      <div className="stack">
        <Empty title={t`No connection has seen this`}><Trans>It was made by hand. Discovery adopts it when a connection sees one of its identifiers.</Trans></Empty>
        {identity}
        {dialog}
      </div>
    )
  }
  const fields: Field[] = [...headFields.filter((f) => ['name', 'region', 'zone'].includes(f.path)), ...(kind?.fields ?? [])]
  const said = fields.filter((f) => list.some((o) => !absent(at(o.envelope, f.pointer))))
  return (
    <div className="stack">
      <Panel title={t`What each source says`} flush>
        <div className={css.scroll} tabIndex={0} role="region" aria-label={t`Sources side by side`}>
          <table className={css.sources}>
            <thead>
              <tr>
                <th scope="col"><span className="hidden-visually"><Trans>Field</Trans></span></th>
                {list.map((o, i) => (
                  <th key={i} scope="col">
                    {o.connection ? <Link to={`/connections/${o.connection.id}`}><Foreign text={nameOf(o)} max={40} /></Link> : nameOf(o)}
                  </th>
                ))}
                <th scope="col"><Trans>Shown</Trans></th>
              </tr>
            </thead>
            <tbody>
              <Row label={t`State`} cells={list.map((o) => <State key={nameOf(o)} state={o.state} />)} shown={<State state={r.state} />} />
              <Row label={t`Its own id`} cells={list.map((o, i) => <Copy key={i} text={o.external_id} max={36} label={t`the external id`} />)} />
              <Row label={t`Partition`} cells={list.map((o, i) => <Foreign key={i} text={partition(o.partition)} />)} />
              <Row label={t`Observed`} cells={list.map((o, i) => <When key={i} at={o.observed_at} />)} />
              <Row label={t`Seen`} cells={list.map((o, i) => <When key={i} at={o.last_seen} />)} />
              <Row label={t`Joined by`} cells={list.map((o, i) => <Foreign key={i} text={o.match || t`its first sighting`} />)} />
              {canEdit && list.length > 1 ? (
                <Row label={t`Not the same?`} cells={list.map((o, i) => o.connection ? <button key={i} type="button" className="link" onClick={() => setSplitting({ name: nameOf(o), body: { observations: [{ connection: o.connection!.id, external_id: o.external_id }] } })}><Trans>Split it off</Trans></button> : null)} />
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
      <Panel title={t`As it travelled`}>
        <div className="stack-s">
          {list.map((o, i) => (
            <div key={i} className="stack-s">
              <div className="row">
                <button type="button" className="link" aria-expanded={raw === i} onClick={() => setRaw(raw === i ? null : i)}><Trans>{raw === i ? t`Hide` : t`Show`} the envelope of {nameOf(o)}</Trans></button>
                {o.run_id ? <Link to={`/runs/${o.run_id}`}><Trans>its run</Trans></Link> : null}
                <span className="muted"><Trans>SHA-256 <Copy text={o.hash} max={20} label={t`the hash`} /></Trans></span>
              </div>
              {raw === i ? <Snippet label={t`the envelope`} text={JSON.stringify(o.envelope, null, 2)} /> : null}
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
      <th scope="row">{label}{differ ? <> <Mark state="degraded" title={t`The sources differ`} /></> : null}</th>
      {cells.map((c, i) => <td key={i}>{c}</td>)}
      <td className={css.shown}>{shown}</td>
    </tr>
  )
}
