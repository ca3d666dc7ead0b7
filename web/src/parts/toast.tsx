// Short words about what was done, spoken to screen readers too. They never carry what must not be missed.
import { useSyncExternalStore } from 'react'

import css from './toast.module.css'

interface Toast {
  id: number
  text: string
}

let toasts: readonly Toast[] = []
let next = 1
const listeners = new Set<() => void>()
const set = (list: readonly Toast[]) => {
  toasts = list
  for (const l of listeners) l()
}

export function say(text: string) {
  const id = next++
  set([...toasts.slice(-2), { id, text }])
  setTimeout(() => set(toasts.filter((t) => t.id !== id)), 5000)
}

export function Toasts() {
  const list = useSyncExternalStore(
    (l) => {
      listeners.add(l)
      return () => void listeners.delete(l)
    },
    () => toasts,
  )
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {list.map((t) => (
        <div key={t.id} className={css.toast}>{t.text}</div>
      ))}
    </div>
  )
}
