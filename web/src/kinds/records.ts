// Lists of records: fields that hold many of something, each with fields of its own.
import { t } from '@lingui/core/macro'
import type { Field } from '../api/types'
import { at } from '../format/pointer'
import { wanted } from '../format/typed'
import { absent } from './value'

export type Row = Record<string, unknown>

/** Whether the field is a list of records, and not one of texts or numbers. */
export const isRecords = (f: Pick<Field, 'type' | 'items'>) => f.type === 'array' && !!f.items?.length && f.items.some((i) => i.path !== '')

/** Records in which nothing was filled are not kept, at any depth. */
export function filledRows(f: Pick<Field, 'items'>, rows: Row[]): Row[] {
  return rows.map((r) => {
    const out = { ...r }
    for (const i of f.items ?? []) if (isRecords(i) && !i.path.includes('.') && Array.isArray(out[i.path])) {
      const inner = filledRows(i, out[i.path] as Row[])
      if (inner.length) out[i.path] = inner
      else delete out[i.path]
    }
    return out
  }).filter((r) => Object.values(r).some((v) => !absent(v)))
}

/** What is wrong, by the pointer of the input: a record without what tells it from the others, or two that nothing tells apart. */
export function recordProblems(f: Pick<Field, 'items' | 'key'>, rows: Row[], prefix = ''): Map<string, string> {
  const out = new Map<string, string>()
  const key = f.items?.find((i) => i.path === f.key)
  const seen = new Set<unknown>()
  rows.forEach((row, n) => {
    const here = `${prefix}/${n}`
    if (key && Object.values(row).some((v) => !absent(v))) {
      const v = at(row, key.pointer)
      if (absent(v)) out.set(here + key.pointer, t`This is needed.`)
      else if (seen.has(v)) out.set(here + key.pointer, t`Another one has this already.`)
      seen.add(v)
    }
    for (const i of f.items ?? []) {
      if (isRecords(i)) for (const [p, text] of recordProblems(i, (at(row, i.pointer) as Row[] | undefined) ?? [], here + i.pointer)) out.set(p, text)
      // What was typed and is no number stays as text, for its input to be marked.
      else if ((i.type === 'integer' || i.type === 'number') && typeof at(row, i.pointer) === 'string') out.set(here + i.pointer, wanted(i.unit))
    }
  })
  return out
}
