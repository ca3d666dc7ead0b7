// Two moments of one thing side by side: a row per field that differs, what it was on the left and what it became on the
// right. Long values keep their lines, so that a person can read across.
import { Trans } from '@lingui/react/macro'
import type { FieldChange, KindInfo } from '../api/types'
import { parseTime } from '../format/time'
import { fieldAt, pointerLabel } from '../kinds/fields'
import { absent, listDifference, valueText } from '../kinds/value'
import css from './SideBySide.module.css'
import { Foreign } from './Text'
import { When } from './When'

interface Props {
  label: string
  diff: FieldChange[] | undefined
  kind: KindInfo | undefined
  before: React.ReactNode
  after: React.ReactNode
}

export function SideBySide({ label, diff, kind, before, after }: Props) {
  const list = diff ?? []
  if (list.length === 0) return <p className="muted"><Trans>No field differs.</Trans></p>
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label={label}>
      <table className={css.table}>
        <thead>
          <tr><th scope="col"><Trans>Field</Trans></th><th scope="col">{before}</th><th scope="col">{after}</th></tr>
        </thead>
        <tbody>
          {list.map((d) => (
            <tr key={d.pointer}>
              <th scope="row"><Foreign text={pointerLabel(kind, d.pointer)} max={60} /></th>
              <td><Side value={d.old} other={d.new} change={d} kind={kind} lost /></td>
              <td><Side value={d.new} other={d.old} change={d} kind={kind} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** One side of one field. What the other side does not have is marked with a sign and not by colour alone. */
function Side({ value, other, change, kind, lost }: { value: unknown; other: unknown; change: FieldChange; kind: KindInfo | undefined; lost?: boolean }) {
  const { field, rest } = fieldAt(kind, change.pointer)
  const own = rest === '' ? field : undefined
  if (absent(value)) return <span className="muted">–</span>
  const lists = Array.isArray(value) ? listDifference(lost ? value : other, lost ? other : value) : null
  if (lists) {
    const marked = new Set((lost ? lists.removed : lists.added).map((v) => JSON.stringify(v)))
    const item = own?.items?.length === 1 ? own.items[0] : own?.items?.length ? { ...own, type: 'object' as const } : undefined
    return (
      <ul className={css.list}>
        {(value as unknown[]).map((v, i) => {
          const text = <Foreign text={valueText(v, item)} max={200} />
          return <li key={i}>{marked.has(JSON.stringify(v)) ? (lost ? <del><i aria-hidden>−</i>{text}</del> : <ins><i aria-hidden>+</i>{text}</ins>) : text}</li>
        })}
      </ul>
    )
  }
  if (own?.type === 'time' && typeof value === 'string' && parseTime(value)) return lost ? <del><When at={value} clock /></del> : <ins><When at={value} clock /></ins>
  const text = <Foreign text={valueText(value, own)} max={600} />
  return lost ? <del>{text}</del> : <ins>{text}</ins>
}
