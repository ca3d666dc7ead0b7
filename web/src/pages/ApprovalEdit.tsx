// What a bulk edit that waits for approval makes of fields: the values that it sets, and what each of the first resources becomes.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { q } from '../api/queries'
import type { Approval, KindInfo } from '../api/types'
import { count } from '../format/units'
import { fieldAt, pointerLabel } from '../kinds/fields'
import { valueText } from '../kinds/value'
import { FieldDiff } from '../parts/Diff'
import { Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import css from './ApprovalEdit.module.css'

type Edit = NonNullable<Approval['edit']>

/** What is edited, and to what. */
export function EditWords({ edit, changed }: { edit: Edit; changed: number }) {
  const kind = useQuery(q.kinds()).data?.find((k) => k.name === edit.kind)
  return (
    <>
      <p><Trans><code><Foreign text={edit.filter} max={200} /></code> finds <Plural value={edit.found} one="# resource" other="# resources" />; <strong><Plural value={changed} one="# of them changes" other="# of them change" /></strong>.</Trans></p>
      <dl className={css.values} aria-label={t`What the fields become`}>
        {(edit.fields ?? []).map((p) => <div key={p}><dt><Foreign text={pointerLabel(kind, p)} max={80} /></dt><dd><Becomes edit={edit} pointer={p} kind={kind} /></dd></div>)}
        {(edit.reset ?? []).map((p) => <div key={p}><dt><Foreign text={pointerLabel(kind, p)} max={80} /></dt><dd><Trans>is handed back to discovery</Trans></dd></div>)}
      </dl>
    </>
  )
}

function Becomes({ edit, pointer, kind }: { edit: Edit; pointer: string; kind: KindInfo | undefined }) {
  const set = edit.set?.find((s) => s.pointer === pointer)
  if (!set) return <span className="muted"><Trans>what you may not read</Trans></span>
  if (set.value === null || set.value === undefined) return <span className="muted"><Trans>empty, whatever is discovered</Trans></span>
  const { field, rest } = fieldAt(kind, pointer)
  return <strong><Foreign text={set.name || valueText(set.value, rest === '' ? field : undefined)} max={300} /></strong>
}

/** What becomes of the first resources; it is asked for when it is shown. */
export function EditChanges({ a }: { a: Approval }) {
  const { data, error, refetch } = useQuery(q.approval(a.id))
  const kind = useQuery(q.kinds()).data?.find((k) => k.name === a.edit?.kind)
  if (error && !data) return <ProblemPanel error={error} compact retry={() => void refetch()} />
  if (!data) return <Loading what={t`what it changes`} lines={4} />
  const changes = data.edit?.changes ?? []
  if (changes.length === 0) return <p className="muted"><Trans>What it would change is not kept any more.</Trans></p>
  return (
    <>
      <ul className={css.changes} aria-label={t`What changes`} tabIndex={0}>
        {changes.map((c) => (
          <li key={c.resource.id}>
            <Link to={`/inventory/${c.resource.kind}/${c.resource.id}`}><Foreign text={c.resource.name || c.resource.id} max={60} /></Link>
            <span className={css.diffs}>{(c.diff ?? []).map((d) => <FieldDiff key={d.pointer} change={d} kind={kind} />)}</span>
          </li>
        ))}
      </ul>
      {changes.length < data.count ? <p className="muted"><Trans>The first {count(changes.length)} of <Plural value={data.count} one="# resource" other="# resources" />.</Trans></p> : null}
    </>
  )
}
