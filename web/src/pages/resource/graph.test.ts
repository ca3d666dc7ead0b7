import { describe, expect, it } from 'vitest'

import type { RelatedResource } from '../../api/types'
import { edgePath, few, keyOf, layout } from './graph'

const center = { kind: 'server', id: 'c', name: 'web', state: 'active' }
const title = (direction: string, verb: string, kind: string) => `${direction} ${verb} ${kind}`
const edge = (direction: 'in' | 'out', verb: string, kind: string, id: string): RelatedResource => ({ direction, verb, resource: { kind, id, name: id }, state: 'active' })

describe('the relation graph', () => {
  it('puts what points here on the left and what is pointed to on the right', () => {
    const g = layout(center, [edge('in', 'runs_on', 'application', 'a'), edge('out', 'member_of', 'cluster', 'k')], [], new Map(), title)
    const column = (id: string) => g.nodes.find((n) => n.id === id)!.column
    expect([column('a'), column('c'), column('k')]).toEqual([-1, 0, 1])
    expect(g.edges.map((e) => [e.from, e.to])).toEqual([['application/a', 'server/c'], ['server/c', 'cluster/k']])
    expect(g.heads.map((h) => h.text)).toEqual(['in runs_on application', 'out member_of cluster'])
  })

  it('draws few of many, and says how many more there are', () => {
    const many = Array.from({ length: 12 }, (_, i) => edge('out', 'attached_to', 'volume', `v${i}`))
    const g = layout(center, many, [], new Map(), title)
    expect(g.nodes).toHaveLength(1 + few)
    expect(g.mores.map((m) => m.rest)).toEqual([12 - few])
    const all = layout(center, many, [], new Map([[g.mores[0]!.key, 100]]), title)
    expect(all.nodes).toHaveLength(13)
    expect(all.mores).toEqual([])
  })

  it('never draws a thing twice nor two nodes over each other, and opens one step further only', () => {
    const first = [edge('out', 'member_of', 'cluster', 'k'), edge('out', 'attached_to', 'volume', 'v'), edge('in', 'runs_on', 'application', 'a')]
    const further = [
      { of: keyOf('cluster', 'k'), list: [edge('in', 'member_of', 'server', 'c'), edge('in', 'member_of', 'server', 's2'), edge('out', 'uses', 'volume', 'v')] },
      { of: keyOf('server', 's2'), list: [edge('out', 'uses', 'image', 'i')] },
    ]
    const g = layout(center, first, further, new Map(), title)
    const keys = g.nodes.map((n) => n.key)
    expect(new Set(keys).size).toBe(keys.length)
    expect(g.nodes.find((n) => n.id === 's2')!.column).toBe(2)
    expect(keys).not.toContain('image/i')
    expect(g.edges.map((e) => e.key)).toContain('cluster/k volume/v')
    for (const a of g.nodes) for (const b of g.nodes) if (a !== b && a.column === b.column) expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(38)
    for (const e of g.edges) expect(edgePath(g, e)).toMatch(/^M[\d.-]+ [\d.-]+C/)
    for (const n of g.nodes) expect(n.y + 38).toBeLessThanOrEqual(g.height)
  })

  it('shows what a relation is looked for by where nothing is known yet', () => {
    const g = layout(center, [{ direction: 'out', verb: 'runs_on', wanted: 'host-9' }], [], new Map(), title)
    expect(g.nodes.find((n) => n.wanted)?.wanted).toBe('host-9')
  })
})
