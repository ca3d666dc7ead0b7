import { describe, expect, it } from 'vitest'

import { has, isKeyed, operatorsOf, parts, replaced, terms, toggled, without, written } from './terms'

describe('a filter in its conditions', () => {
  it.each([
    ['', []],
    ['name = web-1', ['name = web-1']],
    ['web prod', ['web', 'prod']],
    ['prod -shop', ['prod', '-shop']],
    ['name=web AND cpu_count>=4', ['name=web', 'cpu_count>=4']],
    ['tags.env = (prod OR test) AND NOT state = gone', ['tags.env = (prod OR test)', 'NOT state = gone']],
    ['(a = 1 OR b = 2) c ~ "x AND y"', ['(a = 1 OR b = 2)', 'c ~ "x AND y"']],
    ['cidr(address, "10.0.0.0/8") AND region = null', ['cidr(address, "10.0.0.0/8")', 'region = null']],
    ['tags."cost centre" = 7 AND tags:"env=prod"', ['tags."cost centre" = 7', 'tags:"env=prod"']],
    ['created_at > -30d name = web*', ['created_at > -30d', 'name = web*']],
    ['ip_addresses:10.0.0.1 AND updated_at < 2026-01-31T08:00:00Z', ['ip_addresses:10.0.0.1', 'updated_at < 2026-01-31T08:00:00Z']],
  ])('%s', (text, want) => expect(terms(text)).toEqual(want))
  it.each(['a = 1 OR b = 2', 'name = "unclosed', '(a = 1', 'name =', '= 1', 'a = b = c'.replace('b =', '=')])('%s stays one piece', (text) => expect(terms(text)).toBeNull())
  it('comes and goes', () => {
    expect(toggled('', 'state = gone')).toBe('state = gone')
    expect(toggled('web', 'state = gone')).toBe('web AND state = gone')
    expect(toggled('web AND state  =  gone', 'state = gone')).toBe('web')
    expect(toggled('a = 1 OR b = 2', 'c = 3')).toBe('(a = 1 OR b = 2) AND c = 3')
    expect(without('a = 1 b = 2 c = 3', 'b = 2')).toBe('a = 1 AND c = 3')
    expect(has('x AND tags:"env=prod"', 'tags:"env=prod"')).toBe(true)
    expect(has('x', 'tags:"env=prod"')).toBe(false)
    expect(replaced('a = 1 AND b = 2', 'a = 1', 'a = 3')).toBe('a = 3 AND b = 2')
    expect(replaced('b = 2', '', 'a = 3')).toBe('b = 2 AND a = 3')
  })
})

describe('a condition', () => {
  it.each([
    ['name = web-1', { not: false, field: 'name', op: '=', value: 'web-1' }],
    ['NOT name ~ "a \\"b\\""', { not: true, field: 'name', op: '~', value: 'a "b"' }],
    ['system.clients.name != ACME', { not: false, field: 'system.clients.name', op: '!=', value: 'ACME' }],
    ['tags."cost centre" = 7', { not: false, field: 'tags."cost centre"', op: '=', value: '7' }],
  ])('%s has parts', (text, want) => {
    expect(parts(text)).toEqual(want)
    expect(parts(written(want))).toEqual(want)
  })
  it.each(['web', '(a = 1)', 'cidr(address, 10.0.0.0/8)', 'name = (a OR b)'])('%s is no plain one', (text) => expect(parts(text)).toBeNull())
  it('is quoted where it must be', () => {
    expect(written({ not: false, field: 'name', op: '=', value: 'AND' })).toBe('name = "AND"')
    expect(written({ not: false, field: 'name', op: '=', value: 'web*' })).toBe('name = web*')
    expect(written({ not: false, field: 'created_at', op: '>', value: '-30d' })).toBe('created_at > -30d')
    expect(written({ not: true, field: 'region', op: '= null', value: 'x' })).toBe('NOT region = null')
  })
  it('has the operators of its type', () => expect([operatorsOf({ type: 'number' }), operatorsOf({ type: 'boolean' }), operatorsOf(undefined)].map((l) => l.map((o) => o.value).join(' '))).toEqual(['= != > >= < <= = * = null', '= = null', '= != ~ = * = null']))
  it('compares whole values behind a key', () => expect(['tags.env', 'identifiers.serial', 'name'].map((f) => operatorsOf(undefined, isKeyed(f)).map((o) => o.value).join(' '))).toEqual(['= != = * = null', '= != = * = null', '= != ~ = * = null']))
})
