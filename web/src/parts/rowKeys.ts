// j and k move the focus from row to row. The focus is on the row's own link, so Enter opens it as any link.
import { useEffect, type RefObject } from 'react'

import { typing } from '../frame/keys'

export function useRowKeys(root: RefObject<HTMLElement | null>, reveal: ((index: number) => void) | undefined, count: number) {
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || (e.key !== 'j' && e.key !== 'k') || typing(e.target)) return
      const element = root.current
      if (!element || count === 0 || document.querySelector('[role="dialog"]')) return
      const here = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>('[data-row]')
      const inside = here && element.contains(here) ? Number(here.dataset['row']) : -1
      const first = element.querySelector<HTMLElement>('[data-row]')
      const next = inside < 0 ? Number(first?.dataset['row'] ?? 0) : Math.max(0, Math.min(count - 1, inside + (e.key === 'j' ? 1 : -1)))
      e.preventDefault()
      const focus = () => element.querySelector<HTMLElement>(`[data-row="${next}"] a, [data-row="${next}"] button`)?.focus()
      if (!element.querySelector(`[data-row="${next}"]`)) {
        reveal?.(next)
        requestAnimationFrame(() => requestAnimationFrame(focus))
      } else focus()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [root, reveal, count])
}
