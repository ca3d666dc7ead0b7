import { describe, expect, it } from 'vitest'

import { defaultsOf, inputsOf, problemOf, type SchemaNode } from './schema'

const schema: SchemaNode = {
  type: 'object',
  required: ['url'],
  $defs: { Level: { type: 'string', enum: ['low', 'high'], title: 'A level' } },
  properties: {
    zeta: { type: 'array', items: { type: 'string' }, 'x-maestro-narrows': true },
    url: { type: 'string', format: 'uri', 'x-maestro-order': 1, 'x-maestro-label': 'Address' },
    limits: { type: 'object', properties: { rate: { type: 'integer', minimum: 1, maximum: 50, default: 10, 'x-maestro-unit': '1/s' } } },
    level: { $ref: '#/$defs/Level', description: 'How much' },
    maybe: { anyOf: [{ type: 'number' }, { type: 'null' }] },
    password: { type: 'string', 'x-maestro-secret': true },
    ca: { type: 'string', description: 'PEM of an authority to trust.' },
    map: { type: 'object', additionalProperties: { type: 'string' } },
  },
}

describe('a plugin’s settings', () => {
  const inputs = inputsOf(schema)
  const of = (pointer: string) => inputs.find((i) => i.pointer === pointer)!
  it('become inputs in the schema’s order', () => expect(inputs.map((i) => i.pointer)).toEqual(['/url', '/ca', '/level', '/limits/rate', '/map', '/maybe', '/password', '/zeta']))
  it('have the right input each', () => expect(inputs.map((i) => i.type)).toEqual(['text', 'text', 'choice', 'number', 'json', 'number', 'text', 'list']))
  it('keep the author’s words', () => {
    expect(of('/url').label).toBe('Address')
    expect(of('/level')).toMatchObject({ label: 'A level', help: 'How much', choices: ['low', 'high'] })
    expect(of('/limits/rate')).toMatchObject({ group: 'Limits', unit: '1/s' })
  })
  it('keep the lines of a PEM', () => expect([of('/ca').lines, of('/url').lines]).toEqual([true, false]))
  it('say what narrows and what is secret', () => expect([of('/zeta').narrows, of('/password').secret, of('/url').required]).toEqual([true, true, true]))
  it('begin with the defaults', () => expect(defaultsOf(inputs)).toEqual({ limits: { rate: 10 } }))
  it.each([
    ['/url', {}, 'This is needed.'],
    ['/url', { url: 'vcenter' }, 'An address such as https://name/path is needed here.'],
    ['/url', { url: 'https://vcenter/sdk' }, ''],
    ['/limits/rate', { limits: { rate: 0 } }, 'At least 1.'],
    ['/limits/rate', { limits: { rate: 99 } }, 'At most 50.'],
    ['/limits/rate', { limits: { rate: 1.5 } }, 'A whole number is needed here.'],
    ['/limits/rate', {}, ''],
  ])('%s of %j: %s', (pointer, value, want) => expect(problemOf(of(pointer), value)).toBe(want))
  it('does not run in circles', () => expect(() => inputsOf({ type: 'object', properties: { a: { $ref: '#/$defs/A' } }, $defs: { A: { $ref: '#/$defs/A' } } })).not.toThrow())
})
