import { describe, expect, it } from 'vitest'

import { at, join, parts, put } from './pointer'
import { actor, cut, human, lower, partition, plain, safeLink } from './text'
import { duration, every, parseTime, relative } from './time'
import { bytes, counted, isLabelNumber, quantity } from './units'

describe('quantity', () => {
  it.each([
    [0, 'bytes', '0 B'],
    [17179869184, 'bytes', '16 GiB'],
    [1610612736, 'bytes', '1.5 GiB'],
    [10_000_000_000, 'bit/s', '10 Gbit/s'],
    [2900, 'MHz', '2.9 GHz'],
    [800, 'MHz', '800 MHz'],
    [90_061, 'seconds', '25 h 1 min'],
    [42.5, '%', '42.5 %'],
    [1204, undefined, '1,204'],
    [3000, '1/s', '3,000 1/s'],
  ])('%d of unit %s is %s', (n, unit, want) => expect(quantity(n, unit)).toBe(want))

  it('shows 1023.99 GiB in the unit below the next', () => expect(bytes(1024 ** 4 - 1)).toBe('1024 GiB'))
  it('counts one and many', () => expect([counted(1, 'server'), counted(1204, 'server'), counted(2, 'entry', 'entries')]).toEqual(['1 server', '1,204 servers', '2 entries']))
  it('leaves numbers that are names alone', () => expect(['vlan_id', 'services.port', 'cpu_count'].map(isLabelNumber)).toEqual([true, true, false]))
})

describe('time', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  it.each([
    ['2026-11-21T11:59:58Z', 'just now'],
    ['2026-11-21T11:59:20Z', '40 s ago'],
    ['2026-11-21T09:00:00Z', '3 h ago'],
    ['2026-11-19T09:00:00Z', '2 d ago'],
    ['2026-11-26T12:00:00Z', 'in 5 d'],
    ['2026-11-24T11:59:50Z', 'in 3 d'],
    ['2026-11-21T17:01:00Z', 'in 6 h'],
    ['2022-11-21T12:00:00Z', '4 years ago'],
  ])('%s is %s', (text, want) => expect(relative(parseTime(text)!, now)).toBe(want))

  it('takes the zero time of Go for never', () => expect(parseTime('0001-01-01T00:00:00Z')).toBeNull())
  it('takes rubbish for never', () => expect(parseTime('yesterday')).toBeNull())
  it.each([[840, '840 ms'], [1500, '1.5 s'], [59_999, '60 s'], [185_000, '3 min 5 s'], [7_200_000, '2 h'], [4 * 86_400_000, '4 d']])('%d ms are %s', (ms, want) => expect(duration(ms)).toBe(want))
  it.each([[3600, 'hourly'], [900, 'every 15 min'], [86400, 'daily'], [7200, 'every 2 h'], [45, 'every 45 s']])('%d s is %s', (s, want) => expect(every(s)).toBe(want))
})

describe('foreign text', () => {
  it('is cut in the middle, by whole characters', () => expect(cut('abcdefghij', 7)).toBe('abcd…ij'))
  it('keeps what fits', () => expect(cut('abc', 3)).toBe('abc'))
  it('does not split a character of two units', () => expect([...cut('💾'.repeat(10), 5)]).toHaveLength(5))
  it('shows characters that would turn the direction', () => expect(plain('evil\u202Egpj.exe')).toBe('evil␣202Egpj.exe'))
  it.each([['👩‍👩‍👧‍👦🏴‍☠️', '👩‍👩‍👧‍👦🏴‍☠️'], ['👍🏽‍👍', '👍🏽‍👍'], ['a\u200d👩', 'a␣200D👩'], ['👩\u200db', '👩␣200Db'], ['👩\u200d\u200d👩', '👩␣200D␣200D👩']])('joins pictures and nothing else: %s', (text, want) => expect(plain(text)).toBe(want))
  it('keeps lines', () => expect(plain('a\nb\tc')).toBe('a\nb\tc'))
  it('only links to what is harmless', () =>
    expect(['https://a/b', 'javascript:alert(1)', 'data:text/html,x', '//x', undefined].map(safeLink)).toEqual(['https://a/b', undefined, undefined, undefined, undefined]))
  it('keeps abbreviations within a sentence', () => expect(['Network ACLs', 'Route tables', 'NAT gateways'].map(lower)).toEqual(['network ACLs', 'route tables', 'NAT gateways']))
  it('names fields for people', () => expect(['cpu_count', 'not_tried', 'ip_addresses'].map(human)).toEqual(['CPU count', 'Not tried', 'IP addresses']))
  it('reads an actor', () => expect(actor('user:anna')).toEqual({ type: 'user', name: 'anna' }))
  it('names a partition', () => expect([partition([{ key: 'a', value: '1' }, { key: 'r', value: 'eu' }]), partition([])]).toEqual(['1 · eu', 'everything']))
})

describe('pointers', () => {
  it('escape and unescape', () => expect(parts(join('a/b', 'c~d'))).toEqual(['a/b', 'c~d']))
  it('never read inherited members', () => expect(at({}, '/constructor')).toBeUndefined())
  it('read inside arrays', () => expect(at({ a: [{ b: 2 }] }, '/a/0/b')).toBe(2))
  it('put without changing the original', () => {
    const before = { a: { b: 1 } }
    expect(put(before, '/a/c', 2)).toEqual({ a: { b: 1, c: 2 } })
    expect(before).toEqual({ a: { b: 1 } })
  })
  it('take away what becomes empty', () => expect(put({ a: { b: 1 }, x: 1 }, '/a/b', undefined)).toEqual({ x: 1 }))
  it('cannot reach the prototype', () => {
    const out = put({}, '/__proto__/polluted', true) as Record<string, unknown>
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.hasOwn(out, '__proto__')).toBe(true)
  })
})
