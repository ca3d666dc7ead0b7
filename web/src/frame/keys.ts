// The keys of the whole frame. "g" and a letter goes somewhere; pages add their own (j, k, e).
export interface Jump {
  key: string
  to: string
  label: string
}

export const jumps: readonly Jump[] = [
  { key: 'o', to: '/', label: 'Overview' },
  { key: 's', to: '/inventory/server', label: 'Servers' },
  { key: 'v', to: '/inventory/volume', label: 'Volumes' },
  { key: 'n', to: '/inventory/network', label: 'Networks' },
  { key: 'd', to: '/datacenters', label: 'Datacenters' },
  { key: 'c', to: '/connections', label: 'Connections' },
  { key: 'a', to: '/agents', label: 'Agents' },
  { key: 'r', to: '/runs', label: 'Runs' },
  { key: 'e', to: '/coverage', label: 'Coverage' },
  { key: 'w', to: '/why', label: 'Why is it not here?' },
  { key: 'h', to: '/changes', label: 'Changes' },
  { key: 'm', to: '/removals', label: 'Removals' },
  { key: ',', to: '/settings', label: 'Settings' },
]

export const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

export type Intent = { go: string } | { do: 'search' | 'help' | 'filter' } | null

type KeyStroke = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>

/** A reader of keystrokes that remembers a "g" for a second. Time comes with the stroke. */
export function keyReader() {
  let leader = -Infinity
  return (e: KeyStroke, inField: boolean, now: number): Intent => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') return { do: 'search' }
    if (inField || e.ctrlKey || e.metaKey || e.altKey) return null
    if (now - leader < 1000) {
      leader = -Infinity
      const jump = jumps.find((j) => j.key === e.key)
      return jump ? { go: jump.to } : null
    }
    switch (e.key) {
      case 'g':
        leader = now
        return null
      case '?':
        return { do: 'help' }
      case '/':
        return { do: 'filter' }
      default:
        return null
    }
  }
}
