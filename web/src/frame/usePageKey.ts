import { useEffect, useEffectEvent } from 'react'

import { typing } from './keys'

/** A key of one page: does nothing while somebody types, or while a dialogue is open. */
export function usePageKey(key: string, action: (() => void) | null) {
  const act = useEffectEvent(() => action?.())
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== key || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || typing(e.target) || document.querySelector('[role="dialog"]')) return
      e.preventDefault()
      act()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [key])
}
