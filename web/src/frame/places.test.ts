import { describe, expect, it } from 'vitest'

import { meant, places } from './places'

const found = (typed: string) => places.filter((p) => meant(typed, p.label, p.words, p.to)).map((p) => p.to)

describe('the pages that the palette knows', () => {
  it.each([['users', '/settings/users'], ['invite people', '/settings/users'], ['tag policy', '/mapping'], ['duplicates', '/reviews'], ['custom fields', '/kinds'], ['password', '/account'], ['option lists', '/settings'], ['recovery key', '/connections/credentials'], ['Teams', '/settings/teams'], ['webhooks', '/notifications']])(
    '%s is found at %s', (typed, to) => expect(found(typed)).toContain(to))
  it('names each once', () => expect(new Set(places.map((p) => p.to)).size).toBe(places.length))
  it('wants all words', () => expect(found('users zebra')).toEqual([]))
})
