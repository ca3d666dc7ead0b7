// Where the nodes of a small relation graph stand: the resource in the middle, what points to it on the left, what it
// points to on the right, and one step further out what is related to the nodes that were opened. The layout is a list per
// column and nothing else, so that the same relations always give the same picture.
import type { RelatedResource } from '../../api/types'

export const nodeWidth = 196
export const nodeHeight = 38
const nodeGap = 8
const headHeight = 20
const groupGap = 10
const columnGap = 76
const margin = 12
/** Of each group, how many nodes are drawn at first. */
export const few = 5

export interface Node {
  key: string
  kind: string
  id: string
  name: string
  state: string
  column: number
  y: number
  /** An edge that leads to nothing known here: what it is looked for by. */
  wanted?: string
}

export interface Head { key: string; column: number; y: number; text: string }
export interface More { key: string; column: number; y: number; rest: number }
export interface Edge { key: string; from: string; to: string; column: number }

export interface Graph { nodes: Node[]; heads: Head[]; mores: More[]; edges: Edge[]; width: number; height: number; left: number }

export interface Neighbours {
  /** Of which node these are the relations; '' for the resource in the middle. */
  of: string
  list: readonly RelatedResource[]
}

export const keyOf = (kind: string, id: string) => `${kind}/${id}`

type Grouped = Map<string, { verb: string; direction: string; kind: string; items: RelatedResource[] }>

function groups(list: readonly RelatedResource[], direction?: string): Grouped {
  const out: Grouped = new Map()
  for (const e of list) {
    if (direction && e.direction !== direction) continue
    const key = `${e.direction}/${e.verb}/${e.resource?.kind ?? ''}`
    const known = out.get(key)
    if (known) known.items.push(e)
    else out.set(key, { verb: e.verb, direction: e.direction, kind: e.resource?.kind ?? '', items: [e] })
  }
  return out
}

/** Lays the graph out. `shown` says how many nodes of a group are drawn; `title` names a group. */
export function layout(
  center: { kind: string; id: string; name: string; state: string },
  first: readonly RelatedResource[],
  further: readonly Neighbours[],
  shown: ReadonlyMap<string, number>,
  title: (direction: string, verb: string, kind: string) => string,
): Graph {
  const middle = keyOf(center.kind, center.id)
  const nodes = new Map<string, Node>()
  const out: Graph = { nodes: [], heads: [], mores: [], edges: [], width: 0, height: 0, left: 0 }
  const ends = new Map<number, number>()
  nodes.set(middle, { key: middle, ...center, column: 0, y: 0 })

  const place = (column: number, parent: string, prefix: string, all: Grouped) => {
    let y = ends.get(column) ?? margin
    for (const [group, g] of all) {
      const key = `${prefix}${group}`
      const limit = shown.get(key) ?? few
      // What stands in the picture already only gets another line.
      const fresh = g.items.filter((e) => !e.resource || !nodes.has(keyOf(e.resource.kind ?? '', e.resource.id)))
      for (const e of g.items) {
        if (!e.resource || fresh.includes(e)) continue
        const other = keyOf(e.resource.kind ?? '', e.resource.id)
        if (other !== parent) connect(out, parent, other, e.direction, column)
      }
      if (fresh.length === 0) continue
      out.heads.push({ key: `head ${key}`, column, y, text: title(g.direction, g.verb, g.kind) })
      y += headHeight
      for (const [i, e] of fresh.slice(0, limit).entries()) {
        const node: Node = e.resource
          ? { key: keyOf(e.resource.kind ?? '', e.resource.id), kind: e.resource.kind ?? '', id: e.resource.id, name: e.resource.name || e.resource.id, state: e.state ?? 'active', column, y }
          : { key: `${key} ${i}`, kind: '', id: '', name: '', state: 'unwatched', column, y, wanted: e.wanted ?? '' }
        nodes.set(node.key, node)
        connect(out, parent, node.key, e.direction, column)
        y += nodeHeight + nodeGap
      }
      if (fresh.length > limit) {
        out.mores.push({ key, column, y, rest: fresh.length - limit })
        y += headHeight + nodeGap
      }
      y += groupGap
    }
    ends.set(column, y)
  }
  place(-1, middle, '', groups(first, 'in'))
  place(1, middle, '', groups(first, 'out'))
  for (const n of further) {
    const parent = nodes.get(n.of)
    if (parent && Math.abs(parent.column) === 1) place(parent.column * 2, parent.key, `${n.of} `, groups(n.list))
  }
  out.height = Math.max(nodeHeight + 2 * margin, ...[...ends.values()].map((y) => y - nodeGap - groupGap + margin))
  nodes.get(middle)!.y = Math.max(margin, (out.height - nodeHeight) / 2)
  // The shorter columns stand in the middle of the height.
  const shift = (column: number) => Math.max(0, (out.height - (ends.get(column) ?? 0)) / 2)
  for (const list of [[...nodes.values()].filter((n) => n.key !== middle), out.heads, out.mores]) for (const x of list) x.y += shift(x.column)
  const columns = [...new Set([...nodes.values()].map((n) => n.column))]
  out.left = Math.min(...columns)
  out.width = 2 * margin + (Math.max(...columns) - out.left + 1) * (nodeWidth + columnGap) - columnGap
  out.nodes = [...nodes.values()]
  return out
}

function connect(g: Graph, parent: string, node: string, direction: string, column: number) {
  const [from, to] = direction === 'out' ? [parent, node] : [node, parent]
  const key = `${from} ${to}`
  if (!g.edges.some((e) => e.key === key)) g.edges.push({ key, from, to, column })
}

/** The left side of a column. */
export const columnX = (g: Pick<Graph, 'left'>, column: number) => margin + (column - g.left) * (nodeWidth + columnGap)

/** A line between two nodes: out of the side that faces the other. */
export function edgePath(g: Graph, e: Edge): string {
  const a = g.nodes.find((n) => n.key === e.from)
  const b = g.nodes.find((n) => n.key === e.to)
  if (!a || !b) return ''
  const y1 = a.y + nodeHeight / 2
  const y2 = b.y + nodeHeight / 2
  if (a.column === b.column) {
    const x = columnX(g, a.column) + nodeWidth
    return `M${x} ${y1}C${x + 36} ${y1} ${x + 36} ${y2} ${x} ${y2}`
  }
  const right = a.column < b.column
  const x1 = columnX(g, a.column) + (right ? nodeWidth : 0)
  const x2 = columnX(g, b.column) + (right ? 0 : nodeWidth)
  const bend = (x2 - x1) / 2
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
}
