// The moments people compare with, as they say them: today, Monday, a week ago. Days begin at midnight where the reader is.
import { t } from '@lingui/core/macro'

export interface Moment {
  id: string
  label: string
  at: (now: Date) => Date
}

const midnight = (now: Date, daysBack: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - daysBack)

export const moments: readonly Moment[] = [
  { id: 'hour', label: t`1 hour ago`, at: (now) => new Date(now.getTime() - 3_600_000) },
  { id: 'today', label: t`today`, at: (now) => midnight(now, 0) },
  { id: 'yesterday', label: t`yesterday`, at: (now) => midnight(now, 1) },
  // The last Monday; on a Monday that is today, as for the command line.
  { id: 'monday', label: t`Monday`, at: (now) => midnight(now, (now.getDay() + 6) % 7) },
  { id: 'week', label: t`7 days ago`, at: (now) => midnight(now, 7) },
  { id: 'month', label: t`30 days ago`, at: (now) => midnight(now, 30) },
]

/** A moment of the address: one of the words above, or a time. */
export function momentOf(text: string | null, now: Date): Date | null {
  if (!text) return null
  const known = moments.find((m) => m.id === text)
  if (known) return known.at(now)
  const at = new Date(text)
  return Number.isNaN(at.getTime()) ? null : at
}
