// Helps with the filter line. The language itself is the collector's; this only marks and completes.
import { t } from '@lingui/core/macro'
import type { FilterField, KindInfo, ProblemDocument } from '../api/types'

type FilterProblem = NonNullable<ProblemDocument['filter']>

/** The text around what the collector refused, cut at characters as people count them. */
export function marked(text: string, p: Pick<FilterProblem, 'position' | 'length'>): [before: string, bad: string, after: string] {
  const chars = [...text]
  const from = Math.max(0, Math.min(p.position, chars.length))
  let to = p.length ? from + p.length : from + 1
  // Without a length, the whole word that begins there.
  if (!p.length) while (to < chars.length && /[\w.-]/.test(chars[to - 1]!) && /[\w.-]/.test(chars[to]!)) to++
  to = Math.min(chars.length, to)
  return [chars.slice(0, from).join(''), chars.slice(from, to).join('') || ' ', chars.slice(to).join('')]
}

const word = /[\w.]*$/

export interface Completion {
  /** The text once the completion is taken. */
  text: string
  label: string
  hint: string
}

/** The names worth offering: attributes.cpu_count says no more than cpu_count. */
export function offered(fields: FilterField[]): FilterField[] {
  const names = new Set(fields.map((f) => f.name))
  return fields.filter((f) => {
    const short = f.name.replace(/^(attributes|common)\./, '')
    return short === f.name || !names.has(short)
  })
}

type Named = Pick<KindInfo, 'filter_fields' | 'relations'> & Partial<Pick<KindInfo, 'name'>>

/** Follows the relations that a name begins with: system.clients.na is about clients. A field's own name wins. */
function reached(name: string, kind: Named | undefined, kinds: readonly KindInfo[]): { before: string; rest: string; kind: Named | undefined } {
  let before = ''
  let rest = name
  for (let hops = 0; hops < 3; hops++) {
    const dot = rest.indexOf('.')
    if (dot < 0 || kind?.filter_fields.some((f) => f.name.startsWith(rest))) break
    const relation = kind?.relations?.find((r) => r.alias === rest.slice(0, dot))
    const next = relation && kinds.find((k) => k.name === relation.target)
    if (!next) break
    before += rest.slice(0, dot + 1)
    rest = rest.slice(dot + 1)
    kind = next
  }
  return { before, rest, kind }
}

/** What may stand at the end of the text: names of fields, those behind relations too, or the values of an enumeration after its name. */
export function completions(text: string, kind: Named | undefined, kinds: readonly KindInfo[] = []): Completion[] {
  const assigned = /([\w.]+)\s*(=|!=)\s*"?([\w]*)$/.exec(text)
  if (assigned) {
    const at = reached(assigned[1]!, kind, kinds)
    const field = at.kind?.filter_fields.find((f) => f.name === at.rest)
    const begun = assigned[3] ?? ''
    return (field?.enum ?? [])
      .filter((v) => v.startsWith(begun) && v !== begun)
      .map((v) => ({ text: text.slice(0, text.length - begun.length) + v, label: v, hint: field!.name }))
  }
  const whole = word.exec(text)?.[0] ?? ''
  if (whole === '') return []
  const at = reached(whole, kind, kinds)
  const begun = at.rest
  const before = text.slice(0, text.length - begun.length)
  const fits = (f: FilterField) => f.name.startsWith(begun) || f.name.split('.').some((p) => p.startsWith(begun))
  const names = offered(at.kind?.filter_fields ?? [])
    .filter((f) => (begun === '' ? !f.name.includes('.') : fits(f)) && f.name !== begun)
    .map((f) => ({ text: `${before}${f.name} `, label: at.before + f.name, hint: f.enum?.length ? f.enum.join(', ') : f.type }))
  const further = (at.kind?.relations ?? [])
    .filter((r) => begun !== '' && r.alias.startsWith(begun) && kinds.some((k) => k.name === r.target))
    .map((r) => ({ text: `${before}${r.alias}.`, label: `${at.before}${r.alias}.`, hint: t`fields of its ${kinds.find((k) => k.name === r.target)!.plural.toLowerCase()}` }))
  return [...names.slice(0, 8 - Math.min(3, further.length)), ...further.slice(0, 3)]
}

/** Quotes a value where the language needs it. */
export const quoted = (value: string) => (/^[A-Za-z0-9_.:-]+$/.test(value) ? value : JSON.stringify(value))

/** Adds a condition to a filter that may be empty or hold an OR. */
export function narrowed(text: string, condition: string): string {
  const it = text.trim()
  if (!it) return condition
  return /\bOR\b/.test(it) && !it.startsWith('(') ? `(${it}) AND ${condition}` : `${it} AND ${condition}`
}
