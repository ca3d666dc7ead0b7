import { describe, expect, it } from 'vitest'

import { keyReader, jumps } from './keys'

const stroke = (key: string, mods: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey', boolean>> = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, ...mods })

describe('keys', () => {
  it('go somewhere after g', () => {
    const read = keyReader()
    expect(read(stroke('g'), false, 0)).toBeNull()
    expect(read(stroke('s'), false, 500)).toEqual({ go: '/inventory/server' })
  })
  it('forget the g after a second', () => {
    const read = keyReader()
    read(stroke('g'), false, 0)
    expect(read(stroke('s'), false, 1500)).toBeNull()
  })
  it('leave fields alone, except for the search', () => {
    const read = keyReader()
    expect(read(stroke('/'), true, 0)).toBeNull()
    expect(read(stroke('k', { ctrlKey: true }), true, 0)).toEqual({ do: 'search' })
  })
  it('are not taken from the browser', () => expect(keyReader()(stroke('?', { ctrlKey: true }), false, 0)).toBeNull())
  it('lead to one place each', () => expect(new Set(jumps.map((j) => j.key)).size).toBe(jumps.length))
})
