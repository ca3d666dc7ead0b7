// A field's value in words, for cells, facts and diffs alike.
import { t } from '@lingui/core/macro'
import type { Field } from '../api/types'
import { dateOnly, parseTime } from '../format/time'
import { human } from '../format/text'
import { isLabelNumber, quantity } from '../format/units'

export const absent = (v: unknown) =>
  v === undefined || v === null || v === '' || (Array.isArray(v) && v.length === 0)

const isTag = (v: unknown): v is { key: string; value: string } =>
  typeof v === 'object' && v !== null && typeof (v as { key?: unknown }).key === 'string' && 'value' in v

/** The value as text; '' when there is none. Times are left to the page, which shows them relative. */
export function valueText(v: unknown, f?: Pick<Field, 'type' | 'unit' | 'enum' | 'path' | 'items'>): string {
  if (absent(v)) return ''
  if (typeof v === 'boolean') return v ? t`yes` : t`no`
  if (typeof v === 'number') return isLabelNumber(f?.path ?? '') ? String(v) : quantity(v, f?.unit)
  if (typeof v === 'string') {
    if (f?.type === 'time') {
      const d = parseTime(v)
      return d ? dateOnly(d) : ''
    }
    return f?.enum?.length ? human(v).toLowerCase() : v
  }
  if (Array.isArray(v)) return v.map((x) => valueText(x, itemField(f))).filter(Boolean).join(', ')
  if (isTag(v)) return v.value === '' ? v.key : `${v.key}=${String(v.value)}`
  return objectText(v as Record<string, unknown>, f?.items)
}

function itemField(f?: Pick<Field, 'items'>): Field | undefined {
  const one = f?.items
  return one?.length === 1 && one[0]!.path === '' ? one[0] : one?.length ? { path: '', pointer: '', type: 'object', items: one } : undefined
}

function objectText(v: Record<string, unknown>, items?: Field[]): string {
  if (typeof v['amount'] === 'number' && typeof v['currency'] === 'string') return `${quantity(v['amount'], '')} ${v['currency']}`
  const { name, ...others } = v
  const rest = Object.entries(typeof name === 'string' ? others : v)
    .map(([key, value]) => [items?.find((i) => i.path === key)?.label ?? human(key).toLowerCase(), valueText(value, items?.find((i) => i.path === key))] as const)
    .filter(([, text]) => text)
    .map(([label, text]) => `${label} ${text}`)
    .join(', ')
  if (typeof name !== 'string') return rest
  return rest ? `${name} (${rest})` : name
}

/** What an array of values gained and lost; null when the two are not arrays. */
export function listDifference(before: unknown, after: unknown): { added: unknown[]; removed: unknown[] } | null {
  const a = before ?? []
  const b = after ?? []
  if (!Array.isArray(a) || !Array.isArray(b) || (a.length === 0 && b.length === 0)) return null
  const key = (v: unknown) => JSON.stringify(v)
  const had = new Set(a.map(key))
  const has = new Set(b.map(key))
  return { added: b.filter((v) => !had.has(key(v))), removed: a.filter((v) => !has.has(key(v))) }
}
