// What somebody has entered in the wizard so far. It is kept in the tab, so that a reload loses nothing; secrets are never part of
// it. Once the connection exists, paused, its document is the truth, and the draft is what differs from it.
import { t } from '@lingui/core/macro'
import type { ConnectionWrite } from '../../api/types'

export const steps = ['place', 'provider', 'settings', 'credential', 'check', 'kinds', 'run'] as const
export type Step = (typeof steps)[number]

export const titles: Record<Step, string> = {
  place: t`Datacenter`,
  provider: t`Provider`,
  settings: t`Settings`,
  credential: t`Credential`,
  check: t`Permissions`,
  kinds: t`Kinds and intervals`,
  run: t`First run`,
}

export const isStep = (s: string | null): s is Step => steps.includes(s as Step)
export const after = (s: Step): Step => steps[Math.min(steps.indexOf(s) + 1, steps.length - 1)]!
export const before = (s: Step): Step | null => steps[steps.indexOf(s) - 1] ?? null

/** How far somebody may jump: what needs a provider, and what needs a connection that is saved, waits for it. */
export function reachable(step: Step, doc: ConnectionWrite, saved: boolean): boolean {
  const at = steps.indexOf(step)
  if (at <= steps.indexOf('provider')) return true
  if (at === steps.indexOf('settings')) return doc.provider !== '' && !!doc.agent
  return saved
}

/** The step to show: the one asked for, or the last one before it that can be shown. */
export function shown(asked: string | null, doc: ConnectionWrite, saved: boolean): Step {
  let step: Step = isStep(asked) ? asked : saved ? 'credential' : 'place'
  while (!reachable(step, doc, saved)) step = before(step)!
  return step
}

export const blank = (): ConnectionWrite => ({ name: '', provider: '', settings: {}, kinds: [], rules: [], paused: true })


interface Kept {
  connection: string
  doc: ConnectionWrite
}

export interface Store {
  getItem: (key: string) => string | null
  setItem: (key: string, value: string) => void
  removeItem: (key: string) => void
}

/** Of a tab, a tenant and a person: who signs in next at this screen is shown nothing of it. */
export const keyOf = (tenant: string, username: string) => `maestro.wizard:${tenant}:${username}`

export function recall(store: Store, key: string, connection: string): ConnectionWrite | null {
  try {
    const kept = JSON.parse(store.getItem(key) ?? 'null') as Kept | null
    if (!kept || kept.connection !== connection || typeof kept.doc?.provider !== 'string') return null
    return { ...blank(), ...kept.doc }
  } catch {
    return null
  }
}

/** A browser that keeps nothing still has the page. */
export function keep(store: Store, key: string, connection: string, doc: ConnectionWrite) {
  try {
    store.setItem(key, JSON.stringify({ connection, doc } satisfies Kept))
  } catch {
    return
  }
}

export function forget(store: Store, key: string) {
  try {
    store.removeItem(key)
  } catch {
    return
  }
}

