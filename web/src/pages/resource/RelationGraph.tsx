// A small map of what a resource is related to, one or two steps far. Every node is a link, every step a button: it is
// walked with the keyboard as with the mouse, and the lists below say the same in words.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQueries, useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { useNavigate } from 'react-router'

import { q } from '../../api/queries'
import type { KindInfo, RelatedResource } from '../../api/types'
import { cut, plain } from '../../format/text'
import { count } from '../../format/units'
import { KindIcon } from '../../frame/icons'
import { Panel } from '../../parts/Page'
import { columnX, edgePath, few, keyOf, layout, nodeHeight, nodeWidth, type Graph, type Node } from './graph'
import css from './RelationGraph.module.css'
import { relationWords } from './words'

interface Props {
  center: { kind: string; id: string; name: string; state: string }
  relations: readonly RelatedResource[]
  asOf: string | undefined
}

export function RelationGraph({ center, relations, asOf }: Props) {
  const kinds = useQuery(q.kinds())
  const [opened, setOpened] = useState<{ kind: string; id: string }[]>([])
  const [shown, setShown] = useState<ReadonlyMap<string, number>>(new Map())
  const further = useQueries({ queries: opened.map((o) => q.relations(o.kind, o.id, asOf)) })
  const kindOf = (name: string) => kinds.data?.find((k) => k.name === name)
  const graph = layout(
    center, relations,
    opened.flatMap((o, i) => (further[i]?.data ? [{ of: keyOf(o.kind, o.id), list: further[i].data.items }] : [])),
    shown,
    (direction, verb, kind) => `${relationWords(direction, verb)}${kind ? ` ${(kindOf(kind)?.plural ?? kind).toLowerCase()}` : ''}`,
  )
  const scroll = useRef<HTMLDivElement>(null)
  // On a narrow screen the middle is what one wants to see first.
  useEffect(() => {
    const box = scroll.current
    if (box) box.scrollLeft = columnX({ left: graph.left }, 0) + nodeWidth / 2 - box.clientWidth / 2
  }, [graph.left])
  const toggle = (n: Node) => setOpened(opened.some((o) => keyOf(o.kind, o.id) === n.key) ? opened.filter((o) => keyOf(o.kind, o.id) !== n.key) : [...opened, { kind: n.kind, id: n.id }])
  return (
    <Panel title={t`Map`} flush actions={<span className="muted"><Trans>a node leads to its page; + shows what it is related to</Trans></span>}>
      <div className={css.scroll} ref={scroll} role="group" aria-label={t`Map of its relations`}>
        <svg width={graph.width} height={graph.height} viewBox={`0 0 ${graph.width} ${graph.height}`} className={css.graph}>
          <defs>
            <marker id="relation-arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 .5L8 4L0 7.5z" className={css.arrow} /></marker>
          </defs>
          <g aria-hidden>{graph.edges.map((e) => <path key={e.key} d={edgePath(graph, e)} className={css.edge} markerEnd="url(#relation-arrow)" />)}</g>
          {graph.heads.map((h) => <text key={h.key} x={columnX(graph, h.column) + 2} y={h.y + 14} className={css.head}>{cut(plain(h.text), 30)}</text>)}
          {graph.nodes.map((n) => (
            <One key={n.key} g={graph} n={n} info={kindOf(n.kind)} center={n.column === 0} open={opened.some((o) => keyOf(o.kind, o.id) === n.key)} {...(Math.abs(n.column) === 1 && !n.wanted ? { onToggle: () => toggle(n) } : {})} />
          ))}
          {graph.mores.map((m) => (
            <Press key={m.key} label={t`Show ${count(m.rest)} more`} onPress={() => setShown(new Map(shown).set(m.key, (shown.get(m.key) ?? few) + 20))}>
              <text x={columnX(graph, m.column) + 2} y={m.y + 14} className={css.more}><Trans>Show {count(m.rest)} more</Trans></text>
            </Press>
          ))}
        </svg>
      </div>
      {further.some((f) => f.error) ? <p className={css.note} role="status"><Trans>What one of them is related to could not be read: {further.find((f) => f.error)?.error?.message}</Trans></p> : null}
    </Panel>
  )
}

function One({ g, n, info, center, open, onToggle }: { g: Graph; n: Node; info: KindInfo | undefined; center: boolean; open: boolean; onToggle?: () => void }) {
  const navigate = useNavigate()
  const x = columnX(g, n.column)
  const name = n.wanted === undefined ? n.name : t`not known: ${n.wanted}`
  const room = onToggle ? 19 : 22
  const to = `/inventory/${n.kind}/${n.id}?tab=relations`
  const body = (
    <>
      <rect x={x} y={n.y} width={nodeWidth} height={nodeHeight} rx="5" className={css.node} data-center={center || undefined} data-gone={n.state !== 'active' || undefined}><title>{plain(name)}</title></rect>
      <g transform={`translate(${x + 9} ${n.y + nodeHeight / 2 - 8})`} className={css.icon}><KindIcon kind={info ?? { name: n.kind }} size={16} /></g>
      <text x={x + 32} y={n.y + 16} className={css.name}>{cut(plain(name), room)}</text>
      <text x={x + 32} y={n.y + 30} className={css.kind}>{cut(`${info?.label ?? n.kind}${n.state === 'active' ? '' : `, ${n.state}`}`, 26)}</text>
    </>
  )
  return (
    <g>
      {center || n.wanted !== undefined ? <g>{body}</g> : (
        <a href={to} className={css.link} onClick={(e) => { if (e.metaKey || e.ctrlKey || e.shiftKey) return; e.preventDefault(); void navigate(to) }}>{body}</a>
      )}
      {onToggle ? (
        <Press label={t`${open ? t`Hide` : t`Show`} what ${plain(cut(name, 80))} is related to`} expanded={open} onPress={onToggle}>
          <rect x={x + nodeWidth - 31} y={n.y + 7} width="24" height="24" rx="12" className={css.hit} />
          <path d={`M${x + nodeWidth - 24} ${n.y + 19}h10${open ? '' : 'm-5 -5v10'}`} className={css.plus} />
        </Press>
      ) : null}
    </g>
  )
}

/** A button inside the drawing. */
function Press({ label, expanded, onPress, children }: { label: string; expanded?: boolean; onPress: () => void; children: ReactNode }) {
  const key = (e: KeyboardEvent) => {
    if (e.key !== 'Enter' && e.key !== ' ') return
    e.preventDefault()
    onPress()
  }
  return <g role="button" tabIndex={0} aria-label={label} aria-expanded={expanded} className={css.press} onClick={onPress} onKeyDown={key}>{children}</g>
}
