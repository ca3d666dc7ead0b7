import { t } from '@lingui/core/macro'
import { useSyncExternalStore } from 'react'

import { absolute, parseTime, relative, short } from '../format/time'

// One clock for the page: every relative time moves on together, and no component reads the time while drawing.
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

function subscribe(l: () => void) {
  listeners.add(l)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, 5000)
  return () => {
    listeners.delete(l)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

export const useNow = () => useSyncExternalStore(subscribe, () => now)

/** A moment: relative in the text, absolute on hover; `clock` gives the time of day instead. */
export function When({ at, clock, never = t`never` }: { at: string | undefined | null; clock?: boolean; never?: string }) {
  const current = Math.max(useNow(), 0)
  const d = parseTime(at)
  if (!d) return <span className="muted">{never}</span>
  // What was written since the last tick lies in the future of this clock.
  const reference = Math.max(current, Math.min(d.getTime(), current + 10_000))
  return (
    <time dateTime={d.toISOString()} title={absolute(d)} className="nowrap">
      {clock ? short(d, reference) : relative(d, reference)}
    </time>
  )
}
