// Reads a stream of server-sent events, whose pieces end anywhere.
export interface Told {
  id: string
  name: string
  data: unknown
}

/** Takes the text as it comes and hands out the events that are whole. Data that is no JSON is left out. */
export function eventReader(tell: (e: Told) => void) {
  let rest = ''
  let event = { id: '', name: '', data: '' }
  const line = (text: string) => {
    if (text === '') {
      if (event.data) {
        try {
          tell({ ...event, data: JSON.parse(event.data) as unknown })
        } catch {
          // Not from this collector's mouth: a proxy's words.
        }
      }
      event = { id: '', name: '', data: '' }
      return
    }
    const colon = text.indexOf(':')
    const name = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (name === 'id') event.id = value
    else if (name === 'event') event.name = value
    else if (name === 'data') event.data += (event.data ? '\n' : '') + value
  }
  return (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const l of lines) line(l.replace(/\r$/, ''))
  }
}

/** The pause before the next try: full jitter over a window that doubles, up to 2 s at first and 30 s at most. */
export const pauseBefore = (tries: number, random: () => number) => random() * Math.min(30_000, 2000 * 2 ** Math.min(10, tries))

/** What an event makes old, as beginnings of the cache's keys. */
export function outdatedBy(name: string, data: unknown): (string | undefined)[][] {
  const d = (data ?? {}) as { kind?: string; resources?: { id: string }[]; runs?: { id: string }[]; connections?: { id: string }[] }
  switch (name) {
    case 'resources': {
      const kind = d.kind ?? ''
      const named = d.resources?.length ? d.resources.flatMap((r) => [['resource', kind, r.id], ['relations', kind, r.id], ['history', r.id]]) : [['resource', kind], ['relations', kind], ['history']]
      return [['resources', kind], ['facets', kind], ['summary'], ['changes'], ...named]
    }
    case 'runs':
      return [['runs'], ['connections'], ['summary'], ['coverage'], ...(d.runs?.length ? d.runs.map((r) => ['run', r.id]) : [['run']])]
    case 'connections':
      return [['connections'], ['summary'], ['coverage']]
    case 'agents':
      return [['agents'], ['join-tokens'], ['summary']]
    case 'reviews':
      return [['removals'], ['approvals'], ['reviews'], ['summary']]
    default:
      return []
  }
}
