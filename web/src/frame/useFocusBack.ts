// A dialogue that goes away gives the focus back to where it was before. Pages put dialogues on the page only while they are
// open, so what goes is not told that it closes.
import { useEffect } from 'react'

const remembered = 8

export function useFocusBack() {
  useEffect(() => {
    // What had the focus, the latest last; walking through a dialogue does not forget where one came from.
    const outside: HTMLElement[] = []
    const inside: HTMLElement[] = []
    let last: HTMLElement | undefined
    const onFocus = (e: FocusEvent) => {
      if (!(e.target instanceof HTMLElement) || e.target === last) return
      last = e.target
      const list = last.closest('[role=dialog]') ? inside : outside
      list.push(last)
      if (list.length > remembered) list.shift()
    }
    const watch = new MutationObserver(() => {
      if (!last || last !== inside.at(-1) || last.isConnected || document.activeElement !== document.body) return
      last = undefined
      // With a dialogue still open, only what is in it may have the focus.
      const open = [...document.querySelectorAll('[role=dialog]')].at(-1)
      const list = open ? inside : outside
      list.findLast((e) => e.isConnected && (!open || open.contains(e)))?.focus()
    })
    document.addEventListener('focusin', onFocus)
    watch.observe(document.body, { childList: true, subtree: true })
    return () => {
      document.removeEventListener('focusin', onFocus)
      watch.disconnect()
    }
  }, [])
}
