import { describe, expect, it } from 'vitest'

import { momentOf } from './moments'

describe('moments', () => {
  const thursday = new Date(2026, 10, 19, 15, 30)
  it.each([
    ['hour', new Date(2026, 10, 19, 14, 30)],
    ['today', new Date(2026, 10, 19)],
    ['yesterday', new Date(2026, 10, 18)],
    ['monday', new Date(2026, 10, 16)],
    ['week', new Date(2026, 10, 12)],
    ['month', new Date(2026, 9, 20)],
  ])('%s begins where the reader is', (word, want) => {
    expect(momentOf(word, thursday)).toEqual(want)
  })
  it('says today on a Monday and the day before on a Tuesday', () => {
    expect(momentOf('monday', new Date(2026, 10, 16, 8))).toEqual(new Date(2026, 10, 16))
    expect(momentOf('monday', new Date(2026, 10, 22, 8))).toEqual(new Date(2026, 10, 16))
  })
  it('reads a time and refuses what is none', () => {
    expect(momentOf('2026-11-01T10:00:00Z', thursday)?.toISOString()).toBe('2026-11-01T10:00:00.000Z')
    expect(momentOf('soon', thursday)).toBeNull()
    expect(momentOf(null, thursday)).toBeNull()
  })
})
