// The words of the coverage strip: how far a list can be trusted.
import type { Coverage, CoverageException } from '../api/types'
import { human, partition } from '../format/text'
import { parseTime } from '../format/time'

export type Trust = 'complete' | 'partial' | 'never' | 'none'

/** none: nobody reads this kind; never: somebody tried and no scope was ever complete. */
export function trust(c: Coverage): Trust {
  if (c.scopes === 0) return 'none'
  if (c.complete === c.scopes) return 'complete'
  return c.complete === 0 && !parseTime(c.as_of) ? 'never' : 'partial'
}

/** Older than a day and a half: said aloud, since most connections are read hourly. */
export function old(c: Coverage, now: number): boolean {
  const d = parseTime(c.as_of)
  return d !== null && now - d.getTime() > 36 * 3_600_000
}

export const exceptionWords = (e: CoverageException) =>
  `${e.partition?.length ? partition(e.partition) : e.connection.name || e.connection.id}: ${human(e.status).toLowerCase()}`
