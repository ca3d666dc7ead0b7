// Rules that want different values for one field of a thing: which of them decides, and why. Nobody sees that in the list of
// rules, since each of them looks right by itself.
import { IconCircleCheck } from '@tabler/icons-react'
import { Link } from 'react-router'

import type { FieldRule, KindInfo, MappingEffect } from '../api/types'
import { count, counted } from '../format/units'
import { Panel } from '../parts/Page'
import { Empty } from '../parts/States'
import { Foreign } from '../parts/Text'
import css from './Mapping.module.css'

interface Props {
  e: MappingEffect
  rules: readonly FieldRule[]
  kinds: readonly KindInfo[]
  /** Opens a rule, by its place in the list. */
  onRule: (at: number) => void
}

export function Conflicts({ e, rules, kinds, onRule }: Props) {
  const list = e.conflicts ?? []
  const at = (name: string) => rules.findIndex((r) => r.name === name)
  const rule = (name: string) => (
    <><button type="button" className="link" onClick={() => onRule(at(name))} disabled={at(name) < 0}><Foreign text={name} max={60} /></button> <span className="muted">(number {at(name) + 1})</span></>
  )
  const label = (kind: string) => kinds.find((k) => k.name === kind)?.label ?? kind
  const looked = e.looked < e.total ? `${count(e.looked)} of ${count(e.total)}` : count(e.looked)
  if (!list.length) {
    return (
      <Panel title="Conflicts between rules">
        <Empty icon={<IconCircleCheck size={28} stroke={1.4} aria-hidden />} title="No two rules disagree">{looked} {e.looked === 1 && e.total === 1 ? 'resource was' : 'resources were'} looked at.</Empty>
      </Panel>
    )
  }
  return (
    <Panel title={<>Conflicts between rules <span className="muted">{looked} resources were looked at</span></>}>
      <ul className={css.samples} aria-label="Conflicts between rules">
        {list.map((c) => (
          <li key={`${c.pointer} ${c.rule} ${c.over}`} className={css.conflict}>
            <p><code>{c.pointer.replace(/^\/common\//, '').replaceAll('/', '.')}</code> of {counted(c.count, 'resource')}: {rule(c.rule)} decides, because it stands before {rule(c.over)}, which says otherwise.</p>
            <ul>
              {c.samples.map((s) => (
                <li key={s.resource.id} className={css.diff}>
                  <span className="muted">{label(s.resource.kind ?? '')}</span> <Link to={`/inventory/${s.resource.kind}/${s.resource.id}`}><Foreign text={s.resource.name || s.resource.id} max={50} /></Link>: <ins><Foreign text={s.value} max={60} /></ins>, not <del><Foreign text={s.over} max={60} /></del>
                </li>
              ))}
              {c.count > c.samples.length ? <li className={`${css.diff} muted`}>and {count(c.count - c.samples.length)} more</li> : null}
            </ul>
          </li>
        ))}
      </ul>
      <p className="muted">Of the rules that have a value for a field, the first in the list decides. Move a rule up, or narrow one by a condition. What people type, or a source says itself, stands above all rules.</p>
    </Panel>
  )
}
