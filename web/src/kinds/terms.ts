// Takes a filter apart into the conditions that AND joins, and puts it together again. What it does not understand stays
// one piece: the collector decides what a filter means, this only says where its pieces end.
import { t } from '@lingui/core/macro'
import type { FilterField } from '../api/types'
import { narrowed, quoted } from './filter'

interface Token {
  at: number
  end: number
  text: string
}

const operator = /^(=|!=|<=|>=|<|>|~|:)$/

function tokens(text: string): Token[] | null {
  const out: Token[] = []
  const pattern = /\s+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|!=|<=|>=|[=<>~:(),]|[^\s"'=<>~:!(),]+|./gsu
  for (const m of text.matchAll(pattern)) {
    if (/^\s+$/.test(m[0])) continue
    if (m[0] === '"' || m[0] === "'") return null
    out.push({ at: m.index, end: m.index + m[0].length, text: m[0] })
  }
  return out
}

/** The conditions that must all hold, as they are written; null when they cannot be told apart (OR, or a mistake). */
export function terms(text: string): string[] | null {
  const list = tokens(text)
  if (!list) return null
  const out: string[] = []
  let i = 0
  const group = (): boolean => {
    let depth = 0
    for (; i < list.length; i++) {
      if (list[i]!.text === '(') depth++
      if (list[i]!.text === ')' && --depth === 0) {
        i++
        return true
      }
    }
    return false
  }
  while (i < list.length) {
    if (list[i]!.text === 'AND') {
      i++
      continue
    }
    if (list[i]!.text === 'OR') return null
    const start = list[i]!.at
    if (list[i]!.text === 'NOT') i++
    const first = list[i]
    if (!first || operator.test(first.text) || first.text === ')' || first.text === ',') return null
    if (first.text === '(') {
      if (!group()) return null
    } else {
      i++
      // A key of a tag may be quoted: tags."cost centre".
      while (list[i] && list[i - 1]!.end === list[i]!.at && (list[i - 1]!.text.endsWith('.') || list[i]!.text.startsWith('.'))) i++
      if (list[i]?.text === '(' && list[i]!.at === list[i - 1]!.end && !group()) return null
      if (list[i] && operator.test(list[i]!.text)) {
        i++
        if (!list[i]) return null
        if (list[i]!.text === '(') {
          if (!group()) return null
        } else if (operator.test(list[i]!.text) || list[i]!.text === ')') return null
        else {
          i++
          // What a value may hold beside its words: 10.0.0.0/8, a:b, tags:"x"=...
          while (list[i] && list[i]!.at === list[i - 1]!.end && !/^[()\s]$/.test(list[i]!.text)) i++
        }
      }
    }
    out.push(text.slice(start, list[i - 1]!.end))
  }
  return out
}

const same = (a: string, b: string) => a.replace(/\s+/g, ' ').trim() === b.replace(/\s+/g, ' ').trim()

export const has = (text: string, condition: string) => (terms(text) ?? [text]).some((t) => same(t, condition))

/** The filter without a condition. */
export function without(text: string, condition: string): string {
  const list = terms(text)
  if (!list) return same(text, condition) ? '' : text
  return list.filter((t) => !same(t, condition)).join(' AND ')
}

export const toggled = (text: string, condition: string) => (has(text, condition) ? without(text, condition) : narrowed(text, condition))

/** The filter with one condition in the place of another; the empty one is a new one. */
export function replaced(text: string, before: string, after: string): string {
  if (!before) return narrowed(text, after)
  const list = terms(text)
  if (!list) return after
  return list.map((t) => (same(t, before) ? after : t)).join(' AND ')
}

export interface Condition {
  not: boolean
  field: string
  op: string
  value: string
}

/** A condition in its parts, when it is a plain one. */
export function parts(term: string): Condition | null {
  const m = /^(NOT\s+|-)?([A-Za-z_][\w.]*(?:\."[^"]*")?)\s*(!=|<=|>=|=|<|>|~|:)\s*(.+)$/su.exec(term)
  if (!m) return null
  const raw = m[4]!.trim()
  let value = raw
  if (raw.startsWith('(')) return null
  if (raw.startsWith('"')) {
    try {
      value = JSON.parse(raw) as string
    } catch {
      return null
    }
  }
  return { not: !!m[1], field: m[2]!, op: m[3]!, value }
}

/** Values behind a key, of a tag or of a type of identifier, are compared whole. */
export const isKeyed = (field: string) => /^(tags|labels|identifiers)\./.test(field)

/** The operators that make sense of a field, with words for them. */
export function operatorsOf(f: Pick<FilterField, 'type'> | undefined, keyed = false): { value: string; label: string }[] {
  switch (f?.type) {
    case 'number':
    case 'time':
      return [['=', t`is`], ['!=', t`is not`], ['>', f.type === 'time' ? t`after` : t`more than`], ['>=', t`at least`], ['<', f.type === 'time' ? t`before` : t`less than`], ['<=', t`at most`], ['= *', t`is known`], ['= null', t`is not known`]].map(([value, label]) => ({ value: value!, label: label! }))
    case 'bool':
    case 'boolean':
      return [['=', t`is`], ['= null', t`is not known`]].map(([value, label]) => ({ value: value!, label: label! }))
    default:
      return [['=', t`is`], ['!=', t`is not`], ...(keyed ? [] : [['~', t`contains`]]), ['= *', t`is known`], ['= null', t`is not known`]].map(([value, label]) => ({ value: value!, label: label! }))
  }
}

/** A condition as text. Moments and numbers are not quoted, nor is a * at the end. */
export function written(c: Condition): string {
  const not = c.not ? 'NOT ' : ''
  if (c.op === '= *' || c.op === '= null') return `${not}${c.field} ${c.op}`
  const keyword = /^(AND|OR|NOT|null)$/.test(c.value)
  const plain = /^[A-Za-z0-9_.:-]+\*?$/.test(c.value) || /^[-+][\w.:+-]+$/.test(c.value)
  const value = keyword ? JSON.stringify(c.value) : plain ? c.value : quoted(c.value)
  return `${not}${c.field} ${c.op} ${value}`
}
