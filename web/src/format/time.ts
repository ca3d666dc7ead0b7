// Times as people read them: relative in text, absolute on hover, in the reader's zone.
import { t } from '@lingui/core/macro'

import { formats } from '../texts/language'

/** Go writes an unset time as the year 1; the API leaves most of them out. Both mean "never". */
export function parseTime(text: string | undefined | null): Date | null {
  if (!text) return null
  const d = new Date(text)
  return Number.isNaN(d.getTime()) || d.getUTCFullYear() <= 1 ? null : d
}

const steps: [limit: number, size: number, unit: string][] = [
  [60_000, 1000, 's'],
  [3_600_000, 60_000, 'min'],
  [36 * 3_600_000, 3_600_000, 'h'],
  [60 * 86_400_000, 86_400_000, 'd'],
  [730 * 86_400_000, 30.44 * 86_400_000, t`months`],
  [Infinity, 365.25 * 86_400_000, t`years`],
]

/** "3 h ago", "in 5 d", "just now". What is to come is rounded up: a link of three days ends in 3 d when it is made. */
export function relative(at: Date, now: number): string {
  const diff = now - at.getTime()
  const size = Math.abs(diff)
  if (size < 5000) return t`just now`
  const [, unit, word] = steps.find(([limit]) => size < limit) ?? steps[steps.length - 1]!
  const text = `${diff >= 0 ? Math.floor(size / unit) : Math.ceil(size / unit)} ${word}`
  return diff >= 0 ? t`${text} ago` : t`in ${text}`
}

const full = new Intl.DateTimeFormat(formats(), {
  year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
})
const clock = new Intl.DateTimeFormat(formats(), { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat(formats(), { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
const date = new Intl.DateTimeFormat(formats(), { day: 'numeric', month: 'short', year: 'numeric' })

export const absolute = (at: Date) => full.format(at)
export const dateOnly = (at: Date) => date.format(at)

/** "10:05" today, "3 Nov, 10:05" otherwise. */
export function short(at: Date, now: number): string {
  const same = new Date(now).toDateString() === at.toDateString()
  if (same) return clock.format(at)
  return now - at.getTime() > 300 * 86_400_000 ? date.format(at) : day.format(at)
}

/** "840 ms", "12.4 s", "3 min 5 s", "2 h 10 min", "41 d 3 h". */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return ''
  if (ms < 1000) return t`${Math.round(ms)} ms`
  const s = ms / 1000
  if (s < 60) return `${s < 10 ? s.toFixed(1).replace(/\.0$/, '') : Math.round(s)} s`
  const pair = (big: number, bigWord: string, small: number, smallWord: string) =>
    small ? `${big} ${bigWord} ${small} ${smallWord}` : `${big} ${bigWord}`
  const whole = Math.round(s)
  if (whole < 3600) return pair(Math.floor(whole / 60), 'min', whole % 60, 's')
  const min = Math.round(s / 60)
  if (min < 36 * 60) return pair(Math.floor(min / 60), 'h', min % 60, 'min')
  const h = Math.round(s / 3600)
  return pair(Math.floor(h / 24), 'd', h % 24, 'h')
}

/** An interval as it is set: "every 15 min". */
export function every(seconds: number): string {
  if (seconds % 86400 === 0) return seconds === 86400 ? t`daily` : t`every ${seconds / 86400} d`
  if (seconds % 3600 === 0) return seconds === 3600 ? t`hourly` : t`every ${seconds / 3600} h`
  return seconds % 60 === 0 ? t`every ${seconds / 60} min` : t`every ${seconds} s`
}

/** For <input type="datetime-local">, in the reader's zone. */
export function localInput(at: Date): string {
  const p = (n: number) => String(n).padStart(2, '0')
  return `${at.getFullYear()}-${p(at.getMonth() + 1)}-${p(at.getDate())}T${p(at.getHours())}:${p(at.getMinutes())}`
}
