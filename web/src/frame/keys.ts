import { t } from '@lingui/core/macro'

// The keys of the whole frame. "g" and a letter goes somewhere; pages add their own (j, k, e).
export interface Jump {
  key: string
  to: string
  label: string
}

export const jumps: readonly Jump[] = [
  { key: 'o', to: '/', label: t`Overview` },
  { key: 's', to: '/inventory/server', label: t`Servers` },
  { key: 'v', to: '/inventory/volume', label: t`Volumes` },
  { key: 'n', to: '/inventory/network', label: t`Networks` },
  { key: 'd', to: '/datacenters', label: t`Datacenters` },
  { key: 'c', to: '/connections', label: t`Connections` },
  { key: 'a', to: '/agents', label: t`Agents` },
  { key: 'r', to: '/runs', label: t`Runs` },
  { key: 'e', to: '/coverage', label: t`Coverage` },
  { key: 'w', to: '/why', label: t`Why is it not here?` },
  { key: 'h', to: '/changes', label: t`Changes` },
  { key: 'p', to: '/approvals', label: t`Approvals` },
  { key: 'm', to: '/removals', label: t`Removals` },
  { key: ',', to: '/settings', label: t`Settings` },
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
