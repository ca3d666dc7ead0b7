// Rules that want different values for one field of a thing: which of them decides, and why. Nobody sees that in the list of
// rules, since each of them looks right by itself.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { IconCircleCheck } from '@tabler/icons-react'
import { Link } from 'react-router'

import type { FieldRule, KindInfo, MappingEffect } from '../api/types'
import { count } from '../format/units'
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
    <><button type="button" className="link" onClick={() => onRule(at(name))} disabled={at(name) < 0}><Foreign text={name} max={60} /></button> <span className="muted"><Trans>(number {at(name) + 1})</Trans></span></>
  )
  const label = (kind: string) => kinds.find((k) => k.name === kind)?.label ?? kind
  const looked = e.looked < e.total ? t`${count(e.looked)} of ${count(e.total)}` : count(e.looked)
  if (!list.length) {
    return (
      <Panel title={t`Conflicts between rules`}>
        <Empty icon={<IconCircleCheck size={28} stroke={1.4} aria-hidden />} title={t`No two rules disagree`}><Trans>{looked} resources looked at.</Trans></Empty>
      </Panel>
    )
  }
  return (
    <Panel title={<><Trans>Conflicts between rules <span className="muted">{looked} resources were looked at</span></Trans></>}>
      <ul className={css.samples} aria-label={t`Conflicts between rules`}>
        {list.map((c) => (
          <li key={`${c.pointer} ${c.rule} ${c.over}`} className={css.conflict}>
            <p><Trans><code>{c.pointer.replace(/^\/common\//, '').replaceAll('/', '.')}</code> of <Plural value={c.count} one="# resource" other="# resources" />: {rule(c.rule)} decides, because it stands before {rule(c.over)}, which says otherwise.</Trans></p>
            <ul>
              {c.samples.map((s) => (
                <li key={s.resource.id} className={css.diff}>
                  <Trans><span className="muted">{label(s.resource.kind ?? '')}</span> <Link to={`/inventory/${s.resource.kind}/${s.resource.id}`}><Foreign text={s.resource.name || s.resource.id} max={50} /></Link>: <ins><Foreign text={s.value} max={60} /></ins>, not <del><Foreign text={s.over} max={60} /></del></Trans>
                </li>
              ))}
              {c.count > c.samples.length ? <li className={`${css.diff} muted`}><Trans>and {count(c.count - c.samples.length)} more</Trans></li> : null}
            </ul>
          </li>
        ))}
      </ul>
      <p className="muted"><Trans>Of the rules that have a value for a field, the first in the list decides. Move a rule up, or narrow one by a condition. What people type, or a source says itself, stands above all rules.</Trans></p>
    </Panel>
  )
}
