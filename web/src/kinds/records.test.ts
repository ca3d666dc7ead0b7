import { describe, expect, it } from 'vitest'

import type { Field } from '../api/types'
import { filledRows, isRecords, recordProblems } from './records'

const text = (path: string): Field => ({ path, pointer: '/' + path.replaceAll('.', '/'), type: 'string' })
const targets: Field = { path: 'targets', pointer: '/targets', type: 'array', items: [text('address'), { ...text('port'), type: 'integer' }], key: 'address' }
const pools: Field = { path: 'pools', pointer: '/attributes/pools', type: 'array', items: [text('name'), text('health_check.path'), targets], key: 'name' }

describe('lists of records', () => {
  it('are told from lists of texts', () => {
    expect(isRecords(pools)).toBe(true)
    expect(isRecords({ type: 'array', items: [{ path: '', pointer: '', type: 'string' }] })).toBe(false)
    expect(isRecords({ type: 'array' })).toBe(false)
  })
  it('want what tells a record from the others, once', () => {
    const problems = recordProblems(pools, [{ name: 'a', targets: [{ port: 1 }] }, { name: 'a' }, { health_check: { path: '/' } }, {}])
    expect([...problems.keys()]).toEqual(['/0/targets/0/address', '/1/name', '/2/name'])
  })
  it('are kept without records in which nothing was filled', () => {
    expect(filledRows(pools, [{}, { name: 'a', targets: [{}, { address: '' }] }, { name: 'b', targets: [{ address: 'x' }] }])).toEqual([{ name: 'a' }, { name: 'b', targets: [{ address: 'x' }] }])
  })
})
