import { describe, expect, it } from 'vitest'

import { eventReader, outdatedBy, pauseBefore, type Told } from './events'

describe('a stream of events', () => {
  const read = (...pieces: string[]) => {
    const told: Told[] = []
    const feed = eventReader((e) => told.push(e))
    pieces.forEach(feed)
    return told
  }
  const whole = 'id: 1\nevent: hello\ndata: {"a":1}\n\nid: 2\r\nevent: runs\r\ndata: {}\r\n\r\n'
  it('is read whole', () => expect(read(whole)).toEqual([{ id: '1', name: 'hello', data: { a: 1 } }, { id: '2', name: 'runs', data: {} }]))
  it('is read whatever its pieces', () => {
    for (let cut = 1; cut < whole.length; cut++) expect(read(whole.slice(0, cut), whole.slice(cut))).toEqual(read(whole))
    expect(read(...whole)).toEqual(read(whole))
  })
  it('has comments and strangers’ words left out', () => expect(read(': hi\n\ndata: <html>\n\n')).toEqual([]))
  it('waits for the end of an event', () => expect(read('id: 1\nevent: hello\ndata: {}\n')).toEqual([]))
})

describe('the pause before trying again', () => {
  it('grows to a limit', () => expect([0, 1, 3, 4, 50].map((n) => pauseBefore(n, () => 1))).toEqual([2000, 4000, 16000, 30000, 30000]))
  it('may be nothing', () => expect(pauseBefore(5, () => 0)).toBe(0))
})

describe('what an event makes old', () => {
  it('is the list and the resources named', () => {
    const keys = outdatedBy('resources', { kind: 'server', count: 1, resources: [{ id: 'a' }] })
    expect(keys).toContainEqual(['resources', 'server'])
    expect(keys).toContainEqual(['resource', 'server', 'a'])
    expect(keys).not.toContainEqual(['resource', 'server'])
  })
  it('is every resource of the kind when none is named', () => expect(outdatedBy('resources', { kind: 'server', count: 999 })).toContainEqual(['resource', 'server']))
  it('is every run when none is named', () => expect(outdatedBy('runs', {})).toContainEqual(['run']))
  it('is nothing for a heartbeat', () => expect(outdatedBy('heartbeat', {})).toEqual([]))
})
