// Edits a list of records (contacts, endpoints, disks, targets): a card for each, with an input for each of its fields, so that
// no kind needs a form of its own for what it keeps many of.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { ActionIcon, Button, NumberInput, Select, TagsInput, TextInput } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconPlus, IconTrash } from '@tabler/icons-react'

import type { Field } from '../api/types'
import { at, put } from '../format/pointer'
import { human } from '../format/text'
import { labelOf } from '../kinds/fields'
import { isLabelNumber } from '../format/units'
import { isRecords, type Row } from '../kinds/records'
import { QuantityInput } from './QuantityInput'
import css from './RecordsEdit.module.css'

interface Props {
  field: Field
  rows: Row[]
  onChange: (rows: Row[]) => void
  /** What is wrong, by the pointer of the input: "/0/value". */
  problems?: Map<string, string> | undefined
  prefix?: string
}

export function RecordsEdit({ field, rows, onChange, problems, prefix = '' }: Props) {
  const label = labelOf(field)
  const set = (i: number, row: Row) => onChange(rows.map((r, n) => (n === i ? row : r)))
  const move = (i: number, by: number) => {
    const next = [...rows]
    next.splice(i + by, 0, ...next.splice(i, 1))
    onChange(next)
  }
  return (
    <div className="stack-s" role="group" aria-label={label}>
      {rows.length === 0 ? <p className="muted"><Trans>None yet.</Trans></p> : null}
      {rows.map((row, i) => (
        <div key={i} className={css.record} role="group" aria-label={`${label} ${i + 1}`} data-testid="record">
          <RecordFields field={field} row={row} onChange={(next) => set(i, next)} problems={problems} prefix={`${prefix}/${i}`} first={i === rows.length - 1} />
          <div className={css.tools}>
            <ActionIcon aria-label={t`Up`} disabled={i === 0} onClick={() => move(i, -1)}><IconArrowUp size={14} /></ActionIcon>
            <ActionIcon aria-label={t`Down`} disabled={i === rows.length - 1} onClick={() => move(i, 1)}><IconArrowDown size={14} /></ActionIcon>
            <ActionIcon aria-label={t`Remove ${label} ${i + 1}`} onClick={() => onChange(rows.filter((_, n) => n !== i))}><IconTrash size={14} /></ActionIcon>
          </div>
        </div>
      ))}
      <div><Button leftSection={<IconPlus size={14} aria-hidden />} onClick={() => onChange([...rows, {}])}><Trans>Add one</Trans></Button></div>
    </div>
  )
}

/** The fields of one record; those of a part of it ("health_check.path") stand together under its name. */
function RecordFields({ field, row, onChange, problems, prefix, first }: { field: Field; row: Row; onChange: (row: Row) => void; problems: Map<string, string> | undefined; prefix: string; first: boolean }) {
  const items = field.items ?? []
  const partOf = (f: Field) => f.path.split('.').slice(0, -1).join('.')
  const inputs = (part: string) => items.filter((f) => partOf(f) === part && !isRecords(f)).map((f, i) => (
    <Input key={f.pointer} field={f} value={at(row, f.pointer)} error={problems?.get(prefix + f.pointer)} needed={f.path === field.key} autoFocus={first && i === 0 && part === '' && Object.keys(row).length === 0}
      onChange={(v) => onChange(put(row, f.pointer, v))} />
  ))
  return (
    <div className="stack-s">
      <div className={css.inputs}>{inputs('')}</div>
      {[...new Set(items.map(partOf))].filter((p) => p !== '').map((p) => (
        <fieldset key={p} className={css.part}>
          <legend>{human(p)}</legend>
          <div className={css.inputs}>{inputs(p)}</div>
        </fieldset>
      ))}
      {items.filter(isRecords).map((f) => (
        <fieldset key={f.pointer} className={css.part}>
          <legend>{labelOf(f)}</legend>
          <RecordsEdit field={f} rows={(at(row, f.pointer) as Row[] | undefined) ?? []} onChange={(v) => onChange(put(row, f.pointer, v.length ? v : undefined))} problems={problems} prefix={prefix + f.pointer} />
        </fieldset>
      ))}
    </div>
  )
}

function Input({ field: f, value, error, needed, autoFocus, onChange }: { field: Field; value: unknown; error: string | undefined; needed: boolean; autoFocus: boolean; onChange: (v: unknown) => void }) {
  const common = { label: labelOf(f), description: f.help || undefined, error, required: needed, autoFocus }
  if (f.enum?.length) return <Select {...common} clearable={!needed} data={f.enum.map((v) => ({ value: v, label: human(v).toLowerCase() }))} value={typeof value === 'string' ? value : null} onChange={(v) => onChange(v ?? undefined)} />
  switch (f.type) {
    case 'boolean':
      return <Select {...common} clearable data={[{ value: 'true', label: t`yes` }, { value: 'false', label: t`no` }]} value={typeof value === 'boolean' ? String(value) : null} onChange={(v) => onChange(v ? v === 'true' : undefined)} />
    case 'integer':
    case 'number':
      if (f.unit && !isLabelNumber(f.path)) return <QuantityInput {...common} unit={f.unit} value={value} onChange={onChange} />
      return <NumberInput {...common} allowDecimal={f.type === 'number'} hideControls value={typeof value === 'number' ? value : ''} onChange={(v) => onChange(v === '' ? undefined : Number(v))} />
    case 'array':
      return <TagsInput {...common} placeholder={t`Type one, then Enter`} acceptValueOnBlur value={Array.isArray(value) ? value.map(String) : []} onChange={(v) => onChange(v.length ? v : undefined)} />
    default:
      return <TextInput {...common} value={typeof value === 'string' ? value : ''} onChange={(e) => onChange(e.currentTarget.value || undefined)} spellCheck={false} autoComplete="off" />
  }
}
