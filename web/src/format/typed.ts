// What people type where a number with a unit is wanted ("32 GiB", "512 MB", "16g", "1.5 h"), as the number that the field keeps,
// and back. KB, MB and GB are powers of a thousand, KiB, MiB and GiB and their bare letters those of 1024: forms say underneath
// what they understood.
import { t } from '@lingui/core/macro'

import { count, quantity } from './units'

interface Scale {
  /** What a unit stands for, in that of the field. */
  factors: ReadonlyMap<string, number>
  /** The units in which values are written. */
  written: readonly (readonly [string, number])[]
}

const letters = ['k', 'm', 'g', 't', 'p', 'e']

const sizes: Scale = {
  factors: new Map([
    ...['b', 'byte', 'bytes'].map((u) => [u, 1] as const),
    ...letters.flatMap((l, i) => [l, `${l}i`, `${l}ib`].map((u) => [u, 1024 ** (i + 1)] as const)),
    ...letters.map((l, i) => [`${l}b`, 1000 ** (i + 1)] as const),
  ]),
  written: letters.flatMap((l, i) => [[`${l.toUpperCase()}iB`, 1024 ** (i + 1)], [`${l.toUpperCase()}B`, 1000 ** (i + 1)]] as [string, number][]),
}

const per = (s: Scale): Scale => ({ factors: new Map([...s.factors].flatMap(([u, f]) => [[u, f], [`${u}/s`, f]] as const)), written: s.written.map(([u, f]) => [`${u}/s`, f] as const) })

const rates: Scale = {
  factors: new Map([
    ...['b', 'bit', 'bps', 'bit/s'].map((u) => [u, 1] as const),
    ...letters.slice(0, 4).flatMap((l, i) => [l, `${l}b`, `${l}bit`, `${l}bps`, `${l}bit/s`, `${l}b/s`].map((u) => [u, 1000 ** (i + 1)] as const)),
  ]),
  written: [['kbit/s', 1e3], ['Mbit/s', 1e6], ['Gbit/s', 1e9], ['Tbit/s', 1e12]],
}

const clocks: Scale = { factors: new Map([['mhz', 1], ['ghz', 1000], ['g', 1000], ['m', 1]]), written: [] }

/** Durations in seconds, minutes or days: what is no whole number of the field's own unit is left to the field to refuse. */
function durations(unit: number): Scale {
  const of: [string[], number][] = [[['s', 'sec', 'second', 'seconds'], 1], [['min', 'minute', 'minutes'], 60], [['h', 'hour', 'hours'], 3600], [['d', 'day', 'days'], 86_400], [['w', 'week', 'weeks'], 604_800]]
  return { factors: new Map(of.flatMap(([names, s]) => names.map((n) => [n, s / unit] as const))), written: [] }
}

const scales: Record<string, Scale> = {
  bytes: sizes, 'bytes/s': per(sizes), 'bit/s': rates, MHz: clocks, seconds: durations(1), minutes: durations(60), days: durations(86_400),
}

/** Units that the values themselves carry, so that the field's label need not. */
export const carried = (unit: string | undefined) => !!unit && (scales[unit]?.written.length ?? 0) > 0

function figure(text: string): number {
  const it = text.replaceAll(/[\s_']/g, '')
  if (/^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(it)) return Number(it.replaceAll(',', ''))
  return it === '' ? NaN : Number(it.replace(/^([-+]?\d*),(\d+)$/, '$1.$2'))
}

/** The number that was typed, in the field's unit; null where it cannot be read. */
export function readTyped(text: string, unit?: string): number | null {
  const it = text.trim()
  const [, digits = '', word = ''] = /^([-+]?[\d.,\s_']+(?:e[-+]?\d+)?)\s*(.*)$/iu.exec(it) ?? []
  if (!unit) {
    const n = it === '' ? NaN : Number(it.replaceAll(/[\s_]/g, ''))
    return Number.isFinite(n) ? n : null
  }
  const scale = scales[unit]
  const named = word.trim().toLowerCase()
  const factor = named === '' || named === unit.toLowerCase() ? 1 : scale?.factors.get(named)
  const n = figure(digits)
  if (factor === undefined || !Number.isFinite(n)) return null
  // "1.1 GiB" is no whole number of bytes; nobody who types it means a part of one.
  return factor > 1 ? Math.round(n * factor) : n * factor
}

/** A value as it stands in its input: in the unit that says it exactly and with the fewest signs. */
export function writeTyped(n: number, unit?: string): string {
  let best = String(n)
  for (const [name, factor] of scales[unit ?? '']?.written ?? []) {
    const v = Number((n / factor).toFixed(3))
    const text = `${v} ${name}`
    if (Math.abs(v) >= 1 && Math.round(v * factor) === n && text.length < best.length) best = text
  }
  return best
}

/** What was understood, where what was typed does not say it as the field keeps it: "= 34,359,738,368 bytes". */
export function understood(text: string, unit?: string): string {
  if (!unit || !scales[unit] || text.trim() === '') return ''
  const n = readTyped(text, unit)
  if (n === null) return ''
  const plain = Number.isFinite(figure(text))
  if (!plain) return `= ${count(n)} ${unit}`
  const said = quantity(n, unit)
  return said.startsWith(count(n)) ? '' : `= ${said}`
}

/** What to type instead of what could not be read. */
export function wanted(unit?: string): string {
  switch (unit) {
    case 'bytes':
      return t`A size such as 32 GiB or 512 MB is needed here.`
    case 'bit/s':
      return t`A rate such as 10 Gbit/s is needed here.`
    case 'bytes/s':
      return t`A rate such as 100 MiB/s is needed here.`
    case 'seconds':
    case 'minutes':
    case 'days':
      return t`A time such as 30 min, 12 h or 7 d is needed here.`
    default:
      return t`A number is needed here.`
  }
}
