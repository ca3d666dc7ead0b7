import { expect, it } from 'vitest'

import { differing } from './conflict'

it.each<[string, object, object, string[]]>([
  ['equal documents', { name: 'a', tags: [1, 2] }, { tags: [1, 2], name: 'a' }, []],
  ['empty and absent', { name: 'a', regions: [], description: '' }, { name: 'a' }, []],
  ['another value', { name: 'a' }, { name: 'b' }, ['name']],
  ['another order of members', { s: { a: 1, b: { c: 2, d: [] } } }, { s: { b: { c: 2 }, a: 1 } }, []],
  ['another order of a list', { zones: ['a', 'b'] }, { zones: ['b', 'a'] }, ['zones']],
  ['something inside', { settings: { url: 'x' } }, { settings: { url: 'y' } }, ['settings']],
])('%s', (_, a, b, want) => {
  expect(differing(a, b)).toEqual(want)
})
