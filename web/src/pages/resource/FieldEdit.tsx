// Sets one field by hand, on the version that was seen: if somebody else wrote meanwhile, both values are shown and
// nothing is overwritten.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Autocomplete, Button, Select, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type KeyboardEvent } from 'react'

import { api } from '../../api/client'
import { Problem } from '../../api/problem'
import { q } from '../../api/queries'
import type { Field, KindInfo, Resource } from '../../api/types'
import { at } from '../../format/pointer'
import { human } from '../../format/text'
import { carried, writeTyped } from '../../format/typed'
import { isLabelNumber } from '../../format/units'
import { labelOf, parseValue } from '../../kinds/fields'
import { filledRows, isRecords, recordProblems, type Row } from '../../kinds/records'
import { absent, valueText } from '../../kinds/value'
import { Understood, withUnit } from '../../parts/QuantityInput'
import { RecordsEdit } from '../../parts/RecordsEdit'
import { ProblemPanel } from '../../parts/States'
import { Taken } from '../../parts/Taken'
import { Foreign } from '../../parts/Text'
import { say } from '../../parts/toast'
import css from './Resource.module.css'

interface Props {
  r: Resource
  kind: KindInfo
  field: Field
  value: unknown
  curated: boolean
  onDone: () => void
  refresh: () => void
}

const asText = (v: unknown, f: Field) => (absent(v) ? '' : Array.isArray(v) ? v.join('\n') : f.type === 'time' && typeof v === 'string' ? v.slice(0, 10) : typeof v === 'number' ? writeTyped(v, unitOf(f)) : String(v))

/** What a number of the field is counted in; names made of digits are counted in nothing. */
const unitOf = (f: Field) => (isLabelNumber(f.path) ? undefined : f.unit)

export function FieldEdit({ r, field, value, curated, onDone, refresh }: Props) {
  const client = useQueryClient()
  const records = isRecords(field)
  // Whether something discovered lies beneath what people set.
  const beneath = curated && !absent(r.provenance?.[field.pointer]?.discovered)
  const [text, setText] = useState(() => (records ? '' : asText(value, field)))
  const [rows, setRows] = useState<Row[]>(() => (records && Array.isArray(value) ? (value as Row[]) : []))
  const [base] = useState({ version: r.version, value })
  const [version, setVersion] = useState(r.version)
  const [wrong, setWrong] = useState('')
  const [wrongRows, setWrongRows] = useState(new Map<string, string>())
  const [error, setError] = useState<unknown>(null)
  const [theirs, setTheirs] = useState<Resource | null>(null)
  const [busy, setBusy] = useState(false)
  const ofDatacenter = field.pointer === '/datacenter'
  const datacenters = useQuery({ ...q.datacenters(), enabled: ofDatacenter })
  const words = (v: unknown) => (ofDatacenter ? (datacenters.data?.items.find((d) => d.id === v)?.name ?? valueText(v, field)) : valueText(v, field))

  const send = async (change: { set?: Record<string, unknown>; reset?: string[] }, onVersion: number) => {
    setBusy(true)
    setError(null)
    try {
      const next = await api.patch('/api/v1/resources/{kind}/{id}', { path: { kind: r.kind, id: r.id }, body: change, ifMatch: onVersion })
      client.setQueryData(q.resource(r.kind, r.id).queryKey, (old) => (old ? { ...old, ...next } : next))
      void client.invalidateQueries({ queryKey: ['resources', r.kind] })
      void client.invalidateQueries({ queryKey: ['history', r.id] })
      refresh()
      say(`${labelOf(field)} ${change.reset ? t`handed back to discovery` : t`saved`}`)
      onDone()
    } catch (err) {
      setBusy(false)
      if (err instanceof Problem && err.stale) {
        const current = await client.fetchQuery({ ...q.resource(r.kind, r.id), staleTime: 0 }).catch(() => null)
        if (current) {
          setTheirs(current)
          setVersion(current.version)
          return
        }
      }
      setError(err)
    }
  }
  const save = (onVersion = version) => {
    if (records) {
      const problems = recordProblems(field, rows)
      setWrongRows(problems)
      if (problems.size === 0) void send({ set: { [field.pointer]: filledRows(field, rows) } }, onVersion)
      return
    }
    if (text.trim() === '' && field.type !== 'array') {
      // Nothing is left without a name: what people named has none beneath.
      if (field.pointer === '/name' && !beneath) {
        setWrong(t`This is needed.`)
        return
      }
      void send(beneath ? { reset: [field.pointer] } : { set: { [field.pointer]: null } }, onVersion)
      return
    }
    const { value: parsed, problem } = parseValue(field, text)
    setWrong(problem ?? '')
    if (!problem) void send({ set: { [field.pointer]: parsed } }, onVersion)
  }
  const onKey = (e: KeyboardEvent) => {
    if (e.key === 'Escape') onDone()
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) save()
  }
  return (
    <form className="stack-s" noValidate onSubmit={(e) => { e.preventDefault(); save() }} onKeyDown={onKey}>
      {records ? <RecordsEdit field={field} rows={rows} onChange={setRows} problems={wrongRows} /> : <FieldInput kind={r.kind} field={field} text={text} setText={setText} error={wrong || (error instanceof Problem ? error.fields.get(field.pointer) : undefined)} />}
      {field.pointer === '/name' && text !== value ? <Taken kind={r.kind} name={text} datacenter={r.datacenter?.id ?? ''} except={r.id} /> : null}
      {field.type === 'ip' || field.items?.[0]?.type === 'ip' ? <Taken kind={r.kind} address={text.split('\n').at(-1) ?? ''} datacenter={r.datacenter?.id ?? ''} except={r.id} /> : null}
      {theirs ? (
        <div className={css.conflict} role="alert" data-testid="edit-conflict">
          <strong><Trans>Somebody else changed this {r.kind} meanwhile.</Trans></strong>
          <span>
            <Trans>When you began: <Foreign text={words(base.value) || t`nothing`} />. Now: <Foreign text={words(ofDatacenter ? theirs.datacenter?.id : at(theirs, field.pointer)) || t`nothing`} />. Yours: <Foreign text={(records ? words(rows) : ofDatacenter ? words(text) : text) || t`nothing`} />.</Trans>
          </span>
          <div className="row">
            <Button variant="filled" loading={busy} onClick={() => { setTheirs(null); save(theirs.version) }}><Trans>Save mine</Trans></Button>
            <Button onClick={onDone}><Trans>Keep theirs</Trans></Button>
          </div>
        </div>
      ) : (
        <div className="row">
          <Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button>
          <Button onClick={onDone}><Trans>Cancel</Trans></Button>
          {beneath ? <span className="muted"><Trans>discovered: <Foreign text={words(r.provenance?.[field.pointer]?.discovered)} max={60} /></Trans></span> : null}
          {beneath ? <Button onClick={() => void send({ reset: [field.pointer] }, version)}><Trans>Back to what is discovered</Trans></Button> : null}
        </div>
      )}
      {error ? <ProblemPanel error={error} compact /> : null}
    </form>
  )
}

function DatacenterInput({ common, value, onChange }: { common: object; value: string; onChange: (id: string) => void }) {
  const datacenters = useQuery(q.datacenters())
  return <Select {...common} clearable searchable data={(datacenters.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))} value={value || null} onChange={(v) => onChange(v ?? '')} nothingFoundMessage={t`No such datacenter`} />
}

/** For a fact that is being edited, where its label stands beside it, or `labelled` in a form. */
export function FieldInput({ kind, field, text, setText, error, labelled = false }: { kind: string; field: Field; text: string; setText: (it: string) => void; error: string | undefined; labelled?: boolean }) {
  const unit = unitOf(field)
  const label = labelled ? withUnit(labelOf(field), unit) : labelOf(field)
  const options = useQuery(q.options())
  const offered = options.data?.items.find((l) => l.fields.includes(field.pointer) || l.fields.includes(kind + field.pointer))?.values
  const common = labelled ? { label, error } : { 'aria-label': label, autoFocus: true, error }
  if (field.pointer === '/datacenter') return <DatacenterInput common={common} value={text} onChange={setText} />
  if (field.enum?.length || field.type === 'boolean') {
    const data = field.type === 'boolean' ? [{ value: 'true', label: t`yes` }, { value: 'false', label: t`no` }] : field.enum!.map((v) => ({ value: v, label: human(v).toLowerCase() }))
    return <Select {...common} data={data} value={text || null} onChange={(v) => setText(v ?? '')} clearable />
  }
  if (field.type === 'array') return <Textarea {...common} description={t`One in each line.`} value={text} onChange={(e) => setText(e.currentTarget.value)} />
  const long = field.pointer === '/common/notes' || field.path === 'description'
  // The same input before and after the offered values are known: who types already must not lose his place.
  if (field.type === 'string' && !field.unit && (offered || !long)) return <Autocomplete {...common} data={offered ?? []} value={text} onChange={setText} />
  if (long) return <Textarea {...common} value={text} onChange={(e) => setText(e.currentTarget.value)} />
  return (
    <TextInput
      {...common}
      type={field.type === 'time' ? 'date' : 'text'}
      inputMode={(field.type === 'integer' || field.type === 'number') && !unit ? 'decimal' : undefined}
      {...(!labelled && unit && !carried(unit) ? { rightSection: <span className="muted">{unit}</span>, rightSectionWidth: 60 } : {})}
      inputContainer={(input) => <>{input}<Understood text={text} unit={unit} /></>}
      value={text}
      onChange={(e) => setText(e.currentTarget.value)}
    />
  )
}
