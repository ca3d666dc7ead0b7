import { describe, expect, it } from 'vitest'

import { after, before, blank, forget, keep, keyOf, reachable, recall, shown, steps, type Store } from './draft'

function memory(): Store & { broken: boolean } {
  const kept = new Map<string, string>()
  return {
    broken: false,
    getItem: (key) => kept.get(key) ?? null,
    setItem(key, value) {
      if (this.broken) throw new Error('quota')
      kept.set(key, value)
    },
    removeItem: (key) => void kept.delete(key),
  }
}

const chosen = { ...blank(), provider: 'vsphere', agent: 'a1' }

describe('the way through the wizard', () => {
  it('goes from one step to the next and back', () => {
    expect(after('place')).toBe('provider')
    expect(after('run')).toBe('run')
    expect(before('place')).toBeNull()
    expect(before('run')).toBe('kinds')
  })

  it('opens no step before what it needs is there', () => {
    expect(steps.filter((s) => reachable(s, blank(), false))).toEqual(['place', 'provider'])
    expect(steps.filter((s) => reachable(s, { ...blank(), provider: 'aws' }, false))).toEqual(['place', 'provider'])
    expect(steps.filter((s) => reachable(s, chosen, false))).toEqual(['place', 'provider', 'settings'])
    expect(steps.filter((s) => reachable(s, chosen, true))).toEqual([...steps])
  })

  it.each([
    [null, blank(), false, 'place'],
    [null, chosen, true, 'credential'],
    ['run', blank(), false, 'provider'],
    ['run', chosen, false, 'settings'],
    ['kinds', chosen, true, 'kinds'],
    ['nonsense', chosen, false, 'place'],
  ] as const)('of an address that asks for %s shows what can be shown', (asked, doc, saved, want) => {
    expect(shown(asked, doc, saved)).toBe(want)
  })
})

describe('a draft', () => {
  it('is the one of this person and this connection', () => {
    const store = memory()
    keep(store, keyOf('default', 'ana'), '', chosen)
    expect(recall(store, keyOf('default', 'ana'), '')).toEqual(chosen)
    expect(recall(store, keyOf('default', 'bob'), '')).toBeNull()
    expect(recall(store, keyOf('default', 'ana'), 'c1')).toBeNull()
    forget(store, keyOf('default', 'ana'))
    expect(recall(store, keyOf('default', 'ana'), '')).toBeNull()
  })

  it('that cannot be kept or read is no draft, and no error', () => {
    const store = memory()
    store.setItem('k', '{"connection":"","doc":')
    expect(recall(store, 'k', '')).toBeNull()
    store.setItem('k', '{"connection":"","doc":{"provider":7}}')
    expect(recall(store, 'k', '')).toBeNull()
    store.broken = true
    keep(store, 'k2', '', chosen)
    expect(recall(store, 'k2', '')).toBeNull()
  })
})
