// What a freshly opened page asks first is what somebody waits for: its table. The rail's counts, the bell and the coverage
// strip would be read at the same moment, from the same two cores and the same store, and make the table's answer half as
// slow again. So they wait until the page's own questions are answered, but never longer than a short while: a slow answer,
// or a page without questions, must not leave the rail empty. It is so once for each load; after that everything is asked
// as it comes.
import { useQueryClient, type QueryClient } from '@tanstack/react-query'
import { useEffect, useLayoutEffect, useSyncExternalStore } from 'react'

/** Whoever waits asks after this in any case. */
export const longest = 600
/** No question of the page for so long: the answer to one may lead to the next, which is asked when it has been drawn. */
const pause = 60

let open = false
let holds = 0
const listeners = new Set<() => void>()
const told = () => listeners.forEach((l) => l())
const subscribe = (l: () => void) => {
  listeners.add(l)
  return () => void listeners.delete(l)
}

/** Whether what is beside the page may be asked for: `enabled` of a question that is not the page's own. */
export const useLater = () => useSyncExternalStore(subscribe, () => open)

/** For who waits for a page: nothing of it is still to be asked. */
const mark = (waits: boolean) => {
  if (waits) document.documentElement.dataset['later'] = 'waits'
  else delete document.documentElement.dataset['later']
}

/** Lets the others ask once this page's own questions are answered. Returns how to give up waiting. */
export function letLater(client: QueryClient): () => void {
  if (open) return () => undefined
  mark(true)
  let over = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => {
    over = true
    clearTimeout(timer)
    clearTimeout(limit)
    answers()
    pages()
    mark(false)
  }
  const go = () => {
    if (over) return
    stop()
    open = true
    told()
  }
  const still = () => !over && holds === 0 && client.isFetching() === 0
  const look = () => {
    clearTimeout(timer)
    // An answer that is being drawn keeps the browser busy; what it leads to is asked by then.
    if (still()) timer = setTimeout(() => whenIdle(() => (still() ? go() : undefined)), pause)
  }
  const limit = setTimeout(go, longest)
  const answers = client.getQueryCache().subscribe(look)
  const pages = subscribe(look)
  look()
  return stop
}

const whenIdle = (f: () => void) => ('requestIdleCallback' in globalThis ? void requestIdleCallback(f, { timeout: 2 * pause }) : void setTimeout(f, 0))

/** Drawn in place of a page whose code is still on its way: that it asks nothing does not mean that it will not. */
export function PageToCome() {
  useEffect(() => {
    holds++
    return () => {
      holds--
      told()
    }
  }, [])
  return null
}

/** In the frame, which all of it stands in: before anything in it asks. */
export function useLetLater() {
  const client = useQueryClient()
  useLayoutEffect(() => letLater(client), [client])
}
