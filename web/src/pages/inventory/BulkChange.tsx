// One of the changes that a bulk edit makes to every row: a field or a tag, and what becomes of it.
import { t } from '@lingui/core/macro'
import { Select, TextInput } from '@mantine/core'

import type { Field, KindInfo } from '../../api/types'
import { join } from '../../format/pointer'
import { labelOf, parseValue } from '../../kinds/fields'
import { FieldInput } from '../resource/FieldEdit'
import css from './Bulk.module.css'

/** So many are one edit: more is an import. */
export const most = 20

/** What stands for a tag where a field's pointer stands otherwise. */
const aTag = '/tags'

export interface Change {
  id: number
  /** Pointer of the field, /tags for a tag, or nothing yet. */
  field: string
  how: 'set' | 'remove' | 'reset'
  text: string
  /** Of the tag. */
  tag: string
}

let made = 0
export const blank = (): Change => ({ id: ++made, field: '', how: 'set', text: '', tag: '' })

/** The edit that the changes are together, or what is wrong with some. */
export function editOf(changes: Change[], fields: Field[]) {
  const set: Record<string, unknown> = {}
  const reset: string[] = []
  const problems = new Map<number, string>()
  const seen = new Set<string>()
  for (const c of changes) {
    const field = fields.find((f) => f.pointer === c.field)
    const tag = c.tag.trim()
    if (c.field === aTag && !tag) {
      problems.set(c.id, t`Say which tag.`)
      continue
    }
    const pointer = c.field === aTag ? aTag + join(tag) : c.field
    if (seen.has(pointer)) problems.set(c.id, t`It is here twice.`)
    seen.add(pointer)
    if (c.how === 'reset') reset.push(pointer)
    else if (c.how === 'remove') set[pointer] = null
    else if (!field) set[pointer] = c.text
    else if (c.text.trim() === '' && field.type !== 'array') set[pointer] = null
    else {
      const { value, problem } = parseValue(field, c.text)
      if (problem) problems.set(c.id, problem)
      else set[pointer] = value
    }
  }
  return { set, reset, problems }
}

interface Props {
  kind: KindInfo
  /** Those that no other change is of. */
  fields: Field[]
  change: Change
  wrong: string | undefined
  first: boolean
  onChange: (c: Change) => void
}

export function ChangeEdit({ kind, fields, change: c, wrong, first, onChange }: Props) {
  const field = fields.find((f) => f.pointer === c.field)
  const tag = c.field === aTag
  // Fields of one label are told apart by the group they stand in.
  const named = (f: Field) => (f.group && fields.some((o) => o !== f && labelOf(o) === labelOf(f)) ? `${f.group}: ${labelOf(f)}` : labelOf(f))
  const ways = [{ value: 'set', label: t`set it to` }, ...(tag ? [{ value: 'remove', label: t`remove it` }] : []), { value: 'reset', label: t`hand it back to discovery` }]
  const data = [...fields.map((f) => ({ value: f.pointer, label: named(f) + (f.pointer.startsWith('/common/') ? '' : ` (${kind.label.toLowerCase()})`) })), { value: aTag, label: t`A tag` }]
  return (
    <div className={css.change}>
      <Select label={t`Field`} searchable {...(first ? { 'data-autofocus': true } : {})} data={data} value={c.field || null} onChange={(v) => onChange({ ...c, field: v ?? '', how: 'set', text: '', tag: '' })} />
      {tag ? <TextInput label={t`Tag`} placeholder={t`Its key`} value={c.tag} onChange={(e) => onChange({ ...c, tag: e.currentTarget.value })} error={wrong} /> : null}
      {c.field ? <Select label={t`What to do`} allowDeselect={false} data={ways} value={c.how} onChange={(v) => onChange({ ...c, how: (v ?? 'set') as Change['how'] })} /> : null}
      {field && c.how === 'set' ? <FieldInput key={c.field} kind={kind.name} field={field} text={c.text} setText={(text) => onChange({ ...c, text })} error={wrong} /> : null}
      {tag && c.how === 'set' ? <TextInput label={t`Value`} value={c.text} onChange={(e) => onChange({ ...c, text: e.currentTarget.value })} /> : null}
    </div>
  )
}
