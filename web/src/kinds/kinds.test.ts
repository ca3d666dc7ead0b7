import { describe, expect, it } from 'vitest'

import document from '../../dev/kinds.json'
import type { Change, Coverage, Field, KindInfo, Resource } from '../api/types'
import { grouped } from './changes'
import { trust } from './coverage'
import { askedFor, chosen, columnsOf, editable, fieldAt, inOneInput, groupsOf, parseValue, pointerLabel } from './fields'
import { completions, marked, narrowed, quoted } from './filter'
import { listDifference, valueText } from './value'

const made = document as unknown as { kinds: KindInfo[]; common: Field[] }
const server: KindInfo = {
  ...made.kinds.find((k) => k.name === 'server')!,
  approval: 'approved',
  built_in: true,
  common_fields: made.common,
  filter_fields: [
    { name: 'name', type: 'string', sortable: true },
    { name: 'cpu_count', type: 'number', sortable: true },
    { name: 'attributes.cpu_count', type: 'number', sortable: true },
    { name: 'power_state', type: 'string', enum: ['on', 'off', 'suspended'], sortable: true },
    { name: 'ip_addresses', type: 'string', sortable: false },
    { name: 'common.owner.name', type: 'string', sortable: true },
  ],
}

describe('columns', () => {
  const all = columnsOf(server)
  it('begin with the name and show what the schema marks', () => {
    const usual = chosen(all, null).map((c) => c.id)
    expect(usual[0]).toBe('name')
    expect(usual).toContain('cpu_count')
    expect(usual).not.toContain('folder')
  })
  it('leave out what no row says, unless chosen', () => {
    const rows = [{ name: 'a', attributes: { cpu_count: 2 } } as unknown as Resource]
    expect(chosen(all, null, rows).map((c) => c.id)).toEqual(['name', 'cpu_count'])
    expect(chosen(all, 'folder', rows).map((c) => c.id)).toEqual(['name', 'folder'])
  })
  it('come in the order chosen, the name first', () => expect(chosen(all, 'folder,cpu_count,name,nonsense').map((c) => c.id)).toEqual(['name', 'folder', 'cpu_count']))
  it('sort only by what the collector can sort', () => {
    expect(all.find((c) => c.id === 'cpu_count')?.orderBy).toBe('cpu_count')
    expect(all.find((c) => c.id === 'common.owner.name')?.orderBy).toBe('common.owner.name')
    expect(all.find((c) => c.id === 'ip_addresses')?.orderBy).toBeUndefined()
  })
  it('have ids of their own', () => expect(new Set(all.map((c) => c.id)).size).toBe(all.length))
  it('read nested values', () => expect(all.find((c) => c.id === 'os.name')!.value({ attributes: { os: { name: 'Debian' } } } as unknown as Resource)).toBe('Debian'))
  it('leave sensitive fields out', () => expect(columnsOf({ ...server, fields: server.fields!.map((f) => ({ ...f, sensitive: true })) }).some((c) => c.field.pointer.startsWith('/attributes'))).toBe(false))
})

it('puts what one run did to many things into one line', () => {
  const c = (id: string, action: string, run_id?: string) => ({ id, action, kind: 'server', ...(run_id ? { run_id } : {}) }) as unknown as Change
  const list = [c('1', 'created', 'a'), c('2', 'created', 'a'), c('3', 'created', 'a'), c('4', 'created', 'a'), c('5', 'updated', 'a'), c('6', 'gone', 'a'), c('7', 'created')]
  expect(grouped(list).map((g) => g.changes.map((x) => x.id).join(''))).toEqual(['1234', '5', '6', '7'])
})

it('groups facts under the schema’s headings', () => expect(groupsOf(server).map((g) => g.title).slice(0, 3)).toEqual(['Server', 'Operating system', 'Hardware']))

describe('a pointer in words', () => {
  it.each([
    ['/attributes/memory_bytes', 'Memory'],
    ['/attributes/os/version', 'OS version'],
    ['/tags/env', 'Tag env'],
    ['/attributes/network_adapters/eth0/mac', 'Network adapters eth0 › mac'],
    ['/common/owner/name', 'Owner'],
    ['/absorbed', 'Merged into it'],
    ['/attributes/unknown_thing', 'Attributes › unknown_thing'],
  ])('%s is %s', (pointer, want) => expect(pointerLabel(server, pointer)).toBe(want))
  it('finds the longest field', () => expect(fieldAt(server, '/attributes/os/name').field?.path).toBe('os.name'))
})

describe('values', () => {
  const field = (path: string) => server.fields!.find((f) => f.path === path)!
  it.each([
    ['memory_bytes', 34359738368, '32 GiB'],
    ['power_state', 'on', 'on'],
    ['is_template', false, 'no'],
    ['ip_addresses', ['10.0.0.1', 'fe80::1'], '10.0.0.1, fe80::1'],
    ['folder', '', ''],
  ])('%s %j is %s', (path, v, want) => expect(valueText(v, field(path))).toBe(want))
  it('shows objects of a list by the labels of their fields', () => expect(valueText([{ name: 'eth0', mac: '00:11' }], field('network_adapters'))).toBe('eth0 (MAC address 00:11)'))
  it('shows a tag', () => expect(valueText([{ key: 'env', value: 'prod' }, { key: 'x', value: '' }])).toBe('env=prod, x'))
  it('shows what a list gained and lost', () => expect(listDifference(['a', 'b'], ['b', 'c'])).toEqual({ added: ['c'], removed: ['a'] }))
  it('knows no list in two scalars', () => expect(listDifference(1, 2)).toBeNull())

  it('reads what was typed', () => {
    expect(parseValue(field('cpu_count'), '8')).toEqual({ value: 8 })
    expect(parseValue(field('cpu_count'), '8.5').problem).toBeTruthy()
    expect(parseValue(field('cpu_count'), 'many').problem).toBeTruthy()
    expect(parseValue(field('ip_addresses'), '10.0.0.1\n\n10.0.0.2 ')).toEqual({ value: ['10.0.0.1', '10.0.0.2'] })
    expect(parseValue(field('is_template'), 'true')).toEqual({ value: true })
  })
  it('offers no edit of what makes no sense to edit', () => expect(['uptime_seconds', 'network_adapters', 'cpu_count'].map((p) => [editable(field(p)), inOneInput(field(p))])).toEqual([[false, false], [true, false], [true, true]]))
})

describe('the filter line', () => {
  it('marks by characters, not by units', () => expect(marked('💾 = x', { position: 4, length: 1 })).toEqual(['💾 = ', 'x', '']))
  it('marks the whole word when no length is given', () => expect(marked('name = web AND nmae = 1', { position: 15 })).toEqual(['name = web AND ', 'nmae', ' = 1']))
  it('marks the end', () => expect(marked('name =', { position: 6 })).toEqual(['name =', ' ', '']))
  it('completes names, once each', () => expect(completions('name = x AND cpu', server).map((c) => c.text)).toEqual(['name = x AND cpu_count ']))
  it('completes values of an enumeration', () => expect(completions('power_state = o', server).map((c) => c.label)).toEqual(['on', 'off']))
  it('offers nothing where nothing was begun', () => expect(completions('name = ', server)).toEqual([]))
  it('completes across relations', () => {
    const volume: KindInfo = { ...server, name: 'volume', plural: 'Volumes', filter_fields: [{ name: 'size_bytes', type: 'number', sortable: true }, { name: 'bus', type: 'string', enum: ['scsi', 'nvme'], sortable: true }], relations: [{ alias: 'servers', verb: 'attached_to', direction: 'out', target: 'server' }] }
    const related: KindInfo = { ...server, relations: [{ alias: 'volumes', verb: 'attached_to', direction: 'in', target: 'volume' }, { alias: 'unknown', verb: 'x', direction: 'in', target: 'nothing' }] }
    const texts = (text: string) => completions(text, related, [related, volume]).map((c) => c.text)
    expect(texts('vol')).toEqual(['volumes.'])
    expect(texts('unk')).toEqual([])
    expect(texts('name = x volumes.si')).toEqual(['name = x volumes.size_bytes '])
    expect(texts('volumes.bus = n')).toEqual(['volumes.bus = nvme'])
    expect(texts('volumes.servers.cpu')).toEqual(['volumes.servers.cpu_count '])
  })
  it('narrows', () => expect([narrowed('', 'a = 1'), narrowed('x', 'a = 1'), narrowed('x OR y', 'a = 1')]).toEqual(['a = 1', 'x AND a = 1', '(x OR y) AND a = 1']))
  it('quotes what needs it', () => expect([quoted('web-1'), quoted('a "b"')]).toEqual(['web-1', '"a \\"b\\""']))
})

describe('trust', () => {
  const c = (scopes: number, complete: number, as_of?: string): Coverage => ({ scopes, complete, unwatched: 0, held: 0, ...(as_of ? { as_of } : {}) })
  it('tells nothing read from never complete', () => {
    expect(trust(c(0, 0))).toBe('none')
    expect(trust(c(2, 0))).toBe('never')
    expect(trust(c(2, 1))).toBe('partial')
    expect(trust(c(2, 0, '2026-01-01T00:00:00Z'))).toBe('partial')
    expect(trust(c(2, 2, '2026-01-01T00:00:00Z'))).toBe('complete')
  })
})

describe('what people are asked for', () => {
  const field = { when: { field: 'engine', begins_with: ['oracle'] } }
  const of = (engine: string) => askedFor(field, (pointer) => (pointer === '/attributes/engine' ? engine : 'oracle'))
  it('is always asked for unless the schema says when', () => {
    expect(askedFor({}, () => '')).toBe(true)
    expect(['', 'mysql', 'oracle', ' Oracle-EE', 'not oracle'].map(of)).toEqual([false, false, true, true, false])
  })
})
