// From a kind's schema to what pages show of it: columns, groups of facts, names of pointers.
import { t } from '@lingui/core/macro'
import type { Field, KindInfo, Resource } from '../api/types'
import { at } from '../format/pointer'
import { human } from '../format/text'
import { readTyped, wanted } from '../format/typed'
import { isLabelNumber } from '../format/units'
import { isRecords } from './records'
import { absent } from './value'

/** The fields that every resource has, described as a kind describes its own. */
export const headFields: readonly Field[] = [
  { path: 'name', pointer: '/name', type: 'string', label: t`Name` },
  { path: 'state', pointer: '/state', type: 'string', label: t`State` },
  { path: 'region', pointer: '/region', type: 'string', label: t`Region` },
  { path: 'zone', pointer: '/zone', type: 'string', label: t`Zone` },
  { path: 'datacenter', pointer: '/datacenter/name', type: 'string', label: t`Datacenter` },
  { path: 'tags', pointer: '/tags', type: 'array', label: t`Tags`, items: [{ path: 'key', pointer: '/key', type: 'string' }, { path: 'value', pointer: '/value', type: 'string' }] },
  { path: 'last_seen', pointer: '/last_seen', type: 'time', label: t`Last seen` },
  { path: 'updated_at', pointer: '/updated_at', type: 'time', label: t`Changed` },
  { path: 'created_at', pointer: '/created_at', type: 'time', label: t`First seen` },
]

/** The block of fields that people fill, whatever the kind. */
export const commonFields = (kind: Pick<KindInfo, 'common_fields'> | undefined): readonly Field[] => kind?.common_fields ?? []

export const labelOf = (f: Pick<Field, 'label' | 'path'>) => f.label || human(f.path.split('.').at(-1) ?? f.path)

export interface Column {
  id: string
  label: string
  field: Field
  /** Shown unless the reader chose otherwise. */
  usual: boolean
  /** The name to order by, when the collector can. */
  orderBy?: string
  value: (r: Resource) => unknown
}

const numeric = (f: Field) => f.type === 'integer' || f.type === 'number'
export const alignsRight = (f: Field) => numeric(f)

// The names of the common block are not a kind's own: both may have a "notes".
const columnId = (f: Field) => (f.pointer.startsWith('/common/') ? `common.${f.path}` : f.path)

function columnOf(kind: KindInfo, f: Field, usual: boolean): Column {
  const name = kind.filter_fields.find((x) => x.name === columnId(f)) ?? kind.filter_fields.find((x) => x.name === f.pointer.slice(1).replaceAll('/', '.'))
  const column: Column = {
    id: columnId(f),
    label: labelOf(f),
    field: f,
    usual,
    value: (r) => {
      const v = at(r, f.pointer)
      return v === undefined && f.volatile ? at(r.volatile, f.pointer.replace(/^\/attributes/, '')) : v
    },
  }
  return name?.sortable ? { ...column, orderBy: name.name } : column
}

/** All columns a kind's table can have, the usual ones first in the order of the schema. */
export function columnsOf(kind: KindInfo): Column[] {
  const [name, state, region, zone, datacenter, tags, lastSeen, updated, created] = headFields as [Field, Field, Field, Field, Field, Field, Field, Field, Field]
  const own = (kind.fields ?? []).filter((f) => !f.sensitive)
  const shown = own.filter((f) => f.column)
  const rest = own.filter((f) => !f.column && f.type !== 'object')
  return [
    columnOf(kind, name, true),
    ...shown.map((f) => columnOf(kind, f, true)),
    columnOf(kind, region, true),
    columnOf(kind, zone, false),
    columnOf(kind, datacenter, true),
    columnOf(kind, updated, true),
    columnOf(kind, state, false),
    columnOf(kind, tags, false),
    columnOf(kind, lastSeen, false),
    columnOf(kind, created, false),
    ...commonFields(kind).filter((f) => f.type !== 'array').map((f) => columnOf(kind, f, false)),
    ...rest.map((f) => columnOf(kind, f, false)),
  ]
}

/**
 * The columns to show: those named, in that order, or the usual ones in which any of the rows says something. The name
 * always leads.
 */
export function chosen(columns: Column[], names: string | null, rows: readonly Resource[] = []): Column[] {
  if (!names) return columns.filter((c, i) => c.usual && (i === 0 || rows.length === 0 || rows.some((r) => !absent(c.value(r)))))
  const wanted = names.split(',').flatMap((n) => columns.find((c) => c.id === n && c.id !== 'name') ?? [])
  return [columns[0]!, ...wanted]
}

export interface FactGroup {
  title: string
  fields: Field[]
}

/** A kind's fields under their headings, in the schema's order; those without a heading stand first. */
export function groupsOf(kind: KindInfo): FactGroup[] {
  const groups = new Map<string, Field[]>()
  for (const f of kind.fields ?? []) {
    const title = f.group || kind.label
    groups.set(title, [...(groups.get(title) ?? []), f])
  }
  return [...groups].map(([title, fields]) => ({ title, fields }))
}

/** Whether people are asked for the field: always, or where another text of the kind begins as the schema says. */
export const askedFor = (f: Pick<Field, 'when'>, textOf: (pointer: string) => string) => {
  const text = f.when && textOf('/attributes/' + f.when.field.replaceAll('.', '/')).trim().toLowerCase()
  return text === undefined || f.when!.begins_with.some((v) => text.startsWith(v.toLowerCase()))
}

/** The field that a pointer of a diff or of the provenance lies in, and what stands behind it. */
export function fieldAt(kind: KindInfo | undefined, pointer: string): { field: Field | undefined; rest: string } {
  const all = [...(kind?.fields ?? []), ...commonFields(kind), ...headFields]
  let best: Field | undefined
  for (const f of all) {
    const inside = pointer === f.pointer || pointer.startsWith(f.pointer + '/')
    if (inside && (!best || f.pointer.length > best.pointer.length)) best = f
  }
  return { field: best, rest: best ? pointer.slice(best.pointer.length) : pointer }
}

/** A pointer in words: "Memory", "Tag env", "Network adapters eth0 › Addresses". */
export function pointerLabel(kind: KindInfo | undefined, pointer: string): string {
  const { field, rest } = fieldAt(kind, pointer)
  const tail = rest.split('/').filter(Boolean).map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (field?.pointer === '/tags' && tail.length) return t`Tag ${tail.join('/')}`
  if (pointer === '/absorbed') return t`Merged into it`
  if (field) return tail.length ? `${labelOf(field)} ${tail.join(' › ')}` : labelOf(field)
  return tail.map((p, i) => (i === 0 ? human(p) : p)).join(' › ') || t`Everything`
}

/** Whether people may set the field by hand: in one input, or as a list of records. */
export const editable = (f: Field) => inOneInput(f) || (isRecords(f) && !f.volatile && f.pointer !== '/tags')

/** Whether one input is enough for its value. */
export function inOneInput(f: Field): boolean {
  if (f.volatile) return false
  if (f.type === 'array') return f.items?.length === 1 && f.items[0]!.path === ''
  if (f.type === 'object') return false
  return !['/state', '/datacenter/name', '/last_seen', '/updated_at', '/created_at', '/tags'].includes(f.pointer)
}

/** What was typed, as a value of the field's type, or what is wrong with it. */
export function parseValue(f: Field, text: string): { value?: unknown; problem?: string } {
  const it = text.trim()
  switch (f.type) {
    case 'integer':
    case 'number': {
      const n = readTyped(it, isLabelNumber(f.path) ? undefined : f.unit)
      if (n === null) return { problem: wanted(f.unit) }
      if (f.type === 'integer' && !Number.isSafeInteger(n)) return { problem: t`A whole number is needed here.` }
      return { value: n }
    }
    case 'boolean':
      if (it === 'true' || it === 'false') return { value: it === 'true' }
      return { problem: t`Yes or no is needed here.` }
    case 'time': {
      const d = new Date(it)
      return Number.isNaN(d.getTime()) ? { problem: t`A date is needed here.` } : { value: d.toISOString() }
    }
    case 'array':
      return { value: text.split('\n').map((l) => l.trim()).filter(Boolean) }
    default:
      return { value: text }
  }
}
