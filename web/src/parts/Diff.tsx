// A change as a person would say it: "Memory 16 GiB -> 32 GiB".
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Fragment } from 'react'
import { Link } from 'react-router'

import type { Change, FieldChange, KindInfo } from '../api/types'
import { actor } from '../format/text'
import { parseTime } from '../format/time'
import { fieldAt, pointerLabel } from '../kinds/fields'
import { absent, listDifference, valueText } from '../kinds/value'
import css from './Diff.module.css'
import { stateWord } from './marks'
import { Foreign } from './Text'
import { When } from './When'

/** One field's difference. */
export function FieldDiff({ change, kind }: { change: FieldChange; kind: KindInfo | undefined }) {
  const { field, rest } = fieldAt(kind, change.pointer)
  const label = pointerLabel(kind, change.pointer)
  const [old, is] = [change.old_name || change.old, change.new_name || change.new]
  const list = listDifference(old, is)
  const show = (v: unknown) => {
    if (field?.type === 'time' && rest === '' && typeof v === 'string' && parseTime(v)) return <When at={v} clock />
    return <Foreign text={valueText(v, rest === '' ? field : undefined)} max={120} />
  }
  return (
    <span className={css.diff}>
      <span className={css.label}><Foreign text={label} /></span>
      {list ? (
        <>
          {list.added.map((v, i) => <ins key={`+${i}`}>+ <Foreign text={valueText(v, elementField(field))} /></ins>)}
          {list.removed.map((v, i) => <del key={`-${i}`}>− <Foreign text={valueText(v, elementField(field))} /></del>)}
          {list.added.length + list.removed.length === 0 ? <span className="muted"><Trans>in another order</Trans></span> : null}
        </>
      ) : absent(old) ? (
        <ins>{absent(is) ? '–' : show(is)}</ins>
      ) : absent(is) ? (
        <><del>{show(old)}</del> <span className="muted"><Trans>taken away</Trans></span></>
      ) : (
        <><del>{show(old)}</del><span aria-label={t`became`} className={css.arrow}>→</span><ins>{show(is)}</ins></>
      )}
    </span>
  )
}

const elementField = (f: ReturnType<typeof fieldAt>['field']) => (f?.items?.length === 1 ? f.items[0] : undefined)

/** The first differences in one line. */
export function DiffLine({ diff, kind, max = 3 }: { diff: FieldChange[] | undefined; kind: KindInfo | undefined; max?: number }) {
  const list = diff ?? []
  return (
    <span className={css.line}>
      {list.slice(0, max).map((d, i) => (
        <Fragment key={d.pointer}>
          {i ? <span className="muted"> · </span> : null}
          <FieldDiff change={d} kind={kind} />
        </Fragment>
      ))}
      {list.length > max ? <span className="muted"><Trans> and {list.length - max} more</Trans></span> : null}
    </span>
  )
}

/** Who did it: a run of a connection, a person, a token, a rule. */
export function ActorText({ change }: { change: Pick<Change, 'actor' | 'run_id' | 'connection'> }) {
  const a = actor(change.actor)
  if (change.run_id || a.type === 'run') {
    const id = change.run_id || a.name
    return (
      <span>
        <Link to={`/runs/${id}`}><Trans>run</Trans></Link>
        {change.connection ? <><Trans> of <Link to={`/connections/${change.connection.id}`}><Foreign text={change.connection.name || change.connection.id} max={40} /></Link></Trans></> : null}
      </span>
    )
  }
  return <span>{a.type && a.type !== 'user' ? `${a.type} ` : ''}<Foreign text={a.name} max={40} /></span>
}

export const actionWord = (action: string) => (action === 'created' ? t`first seen` : stateWord(action))
