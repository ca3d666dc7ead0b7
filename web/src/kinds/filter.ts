// Helps with the filter line. The language itself is the collector's; this only marks and completes.
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

/** What may stand at the end of the text: names of fields, or the values of an enumeration after its name. */
export function completions(text: string, kind: Pick<KindInfo, 'filter_fields'> | undefined): Completion[] {
  const fields = kind?.filter_fields ?? []
  const assigned = /([\w.]+)\s*(=|!=)\s*"?([\w]*)$/.exec(text)
  if (assigned) {
    const field = fields.find((f) => f.name === assigned[1])
    const begun = assigned[3] ?? ''
    return (field?.enum ?? [])
      .filter((v) => v.startsWith(begun) && v !== begun)
      .map((v) => ({ text: text.slice(0, text.length - begun.length) + v, label: v, hint: field!.name }))
  }
  const begun = word.exec(text)?.[0] ?? ''
  if (begun === '') return []
  const before = text.slice(0, text.length - begun.length)
  const fits = (f: FilterField) => f.name.startsWith(begun) || f.name.split('.').some((p) => p.startsWith(begun))
  return offered(fields)
    .filter((f) => fits(f) && f.name !== begun)
    .slice(0, 8)
    .map((f) => ({ text: `${before}${f.name} `, label: f.name, hint: f.enum?.length ? f.enum.join(', ') : f.type }))
}

/** Quotes a value where the language needs it. */
export const quoted = (value: string) => (/^[A-Za-z0-9_.:-]+$/.test(value) ? value : JSON.stringify(value))

/** Adds a condition to a filter that may be empty or hold an OR. */
export function narrowed(text: string, condition: string): string {
  const t = text.trim()
  if (!t) return condition
  return /\bOR\b/.test(t) && !t.startsWith('(') ? `(${t}) AND ${condition}` : `${t} AND ${condition}`
}
