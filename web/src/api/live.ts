// Keeps one stream of events open while somebody looks at the page, and tells the cache what has become old. A page in
// the background lets go of it: browsers allow few connections, and what happened since is told on coming back.
import type { QueryClient } from '@tanstack/react-query'

import { contact } from './contact'
import { place } from './place'
import { eventReader, outdatedBy, pauseBefore, type Told } from './events'

type Listener = () => void

/** Without a sign of life for so long the line is dead; heartbeats come every 15 s. */
const silence = 40_000
/** What comes within this time is one refresh; a refresh of what goes on changing costs no more than this often. */
const settle = 300
const rest = 2000
const hiddenFor = 30_000

/** Where the cache keeps the number of notifications that are not read. */
export const bell = ['notifications', 'unread'] as const

let standing = false
const listeners = new Set<Listener>()
const hearers = new Set<(e: Told) => void>()
function stands(next: boolean) {
  if (standing === next) return
  standing = next
  for (const l of listeners) l()
}

export const live = {
  /** Whether events come, so that nobody needs to ask. */
  stands: () => standing,
  subscribe(l: Listener) {
    listeners.add(l)
    return () => void listeners.delete(l)
  },
  /** For who wants to know more than that something is old. */
  onTold(l: (e: Told) => void) {
    hearers.add(l)
    return () => void hearers.delete(l)
  },
}

/** How often to ask where events say it sooner: seldom while they come. */
export const every = (ms: number) => () => (standing ? Math.max(ms, 120_000) : ms)

export interface Live {
  stop: () => void
}

/** Listens until stopped. expired is called when the collector knows the session no more. */
export function listen(client: QueryClient, expired: () => void): Live {
  let last = ''
  let tries = 0
  let abort: AbortController | null = null
  let again: ReturnType<typeof setTimeout> | undefined
  let hiding: ReturnType<typeof setTimeout> | undefined
  let stopped = false
  // The collector ends a stream of its own accord when what its reader may see has changed, or when it ends itself.
  let cut = false
  const refresh = refresher(client)

  const tell = (e: Told) => {
    if (e.id) last = e.id
    for (const l of hearers) l(e)
    if (e.name === 'reset') refresh.all()
    else if (e.name === 'notifications') unread(e.data)
    else refresh.some(outdatedBy(e.name, e.data))
  }
  /** The number is told; the list is old only when it is another one. */
  const unread = (data: unknown) => {
    const next = (data as { unread?: unknown } | null)?.unread
    if (typeof next !== 'number' || client.getQueryData<{ unread: number }>(bell)?.unread === next) return
    client.setQueryData(bell, { unread: next })
    refresh.some([['notifications']])
  }
  const later = (pause: number) => {
    clearTimeout(again)
    if (!stopped && document.visibilityState === 'visible') again = setTimeout(() => void open(), pause)
  }
  const open = async () => {
    if (stopped || abort) return
    const line = new AbortController()
    abort = line
    let watchdog = setTimeout(() => line.abort(), silence)
    let pause = -1
    try {
      const response = await fetch('/api/v1/events' + (last ? `?last_event_id=${encodeURIComponent(last)}` : ''), {
        headers: { Accept: 'text/event-stream', ...place.header('/api/v1/events') }, credentials: 'same-origin', signal: line.signal, cache: 'no-store',
      })
      if (cut) {
        cut = false
        // At once: a page that is not shown any more is asked for by nobody.
        void client.invalidateQueries()
      }
      if (response.status === 401) {
        expired()
        pause = 10_000
      } else if (!response.ok || !response.body) {
        pause = Math.max(Number(response.headers.get('Retry-After') ?? 0) * 1000, pauseBefore(tries++, Math.random))
      } else {
        tries = 0
        if (contact.since() !== null) refresh.broken()
        contact.made()
        stands(true)
        const feed = eventReader(tell)
        const text = new TextDecoder()
        const reader = response.body.getReader()
        for (;;) {
          const { value, done } = await reader.read()
          if (done) {
            cut = true
            break
          }
          clearTimeout(watchdog)
          watchdog = setTimeout(() => line.abort(), silence)
          feed(text.decode(value, { stream: true }))
        }
      }
    } catch {
      // The line broke, or never stood. Whether the collector is there is what the next try finds out.
      if (!stopped && document.visibilityState === 'visible' && tries > 0) contact.lost()
    }
    clearTimeout(watchdog)
    abort = null
    stands(false)
    later(pause >= 0 ? pause : pauseBefore(tries++, Math.random))
  }
  const seen = () => {
    clearTimeout(hiding)
    if (document.visibilityState === 'visible') {
      if (!abort) later(0)
    } else {
      hiding = setTimeout(() => abort?.abort(), hiddenFor)
    }
  }
  const online = () => {
    tries = 0
    if (!abort) later(0)
  }
  document.addEventListener('visibilitychange', seen)
  window.addEventListener('online', online)
  later(0)
  return {
    stop: () => {
      stopped = true
      clearTimeout(again)
      clearTimeout(hiding)
      document.removeEventListener('visibilitychange', seen)
      window.removeEventListener('online', online)
      abort?.abort()
      refresh.stop()
    },
  }
}

/** Gathers what has become old and has the pages ask for it again, not more often than is of use. */
function refresher(client: QueryClient) {
  let waiting: (string | undefined)[][] = []
  let everything = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let at = -Infinity
  const run = () => {
    timer = undefined
    at = performance.now()
    const keys = waiting
    const all = everything
    waiting = []
    everything = false
    void client.invalidateQueries({
      predicate: ({ queryKey, meta }) =>
        queryKey[0] !== 'session' && meta?.['quiet'] !== true && (all || keys.some((k) => k.every((part, i) => queryKey[i] === part))),
    })
  }
  const soon = () => {
    timer ??= setTimeout(run, Math.max(settle, at + rest - performance.now()))
  }
  return {
    some: (keys: (string | undefined)[][]) => {
      if (!keys.length) return
      waiting.push(...keys)
      if (waiting.length > 5000) everything = true
      soon()
    },
    all: () => {
      everything = true
      soon()
    },
    /** What could not be read while the collector was away. */
    broken: () => void client.refetchQueries({ type: 'active', predicate: (query) => query.state.status === 'error' }),
    stop: () => clearTimeout(timer),
  }
}
