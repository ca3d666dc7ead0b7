// Knows since when the collector has not answered, so that the frame can say it.
type Listener = () => void

let lostSince: number | null = null
const listeners = new Set<Listener>()
const unknown = new Set<Listener>()

function set(next: number | null) {
  if ((next === null) === (lostSince === null)) return
  lostSince = next
  for (const l of listeners) l()
}

export const contact = {
  made: () => set(null),
  lost: () => set(Date.now()),
  since: () => lostSince,
  /** The collector answered that it does not know who asks. */
  stranger: () => unknown.forEach((l) => l()),
  refused(l: Listener) {
    unknown.add(l)
    return () => void unknown.delete(l)
  },
  subscribe(l: Listener) {
    listeners.add(l)
    return () => void listeners.delete(l)
  },
}
