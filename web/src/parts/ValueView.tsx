// A value of the inventory as it is shown: with its unit, in mono where it is an address, as a list where it is one.
import { t } from '@lingui/core/macro'
import type { Field } from '../api/types'
import { human, safeLink } from '../format/text'
import { parseTime } from '../format/time'
import { labelOf } from '../kinds/fields'
import { absent, valueText } from '../kinds/value'
import { State } from './marks'
import { Copy, Foreign } from './Text'
import { When } from './When'
import css from './ValueView.module.css'

const marked: Record<string, string> = { on: 'complete', off: 'not_tried', suspended: 'paused', up: 'complete', down: 'failed', running: 'complete', stopped: 'not_tried', failed: 'failed' }
const identifying = /(^|[._])(id|uuid|mac|ip|serial|address|cidr|hash|wwn|iqn|arn)(s|es)?$/

const isMono = (f: Field) => f.type === 'ip' || identifying.test(f.path)

/** In a table's cell: one line. */
export function Cell({ value, field }: { value: unknown; field: Field }) {
  if (absent(value)) return null
  if (field.type === 'time' && typeof value === 'string') return parseTime(value) ? <When at={value} /> : <Foreign text={value} />
  if (typeof value === 'string' && field.enum?.length) return <EnumValue value={value} />
  if (Array.isArray(value)) {
    const texts = value.map((v) => valueText([v], field))
    return (
      <span title={texts.length > 2 ? texts.join('\n') : undefined} className={isMono(field) ? 'mono' : undefined}>
        <bdi>{texts.slice(0, 2).join(', ')}</bdi>
        {texts.length > 2 ? <span className="muted"> +{texts.length - 2}</span> : null}
      </span>
    )
  }
  return <Foreign text={valueText(value, field)} mono={isMono(field)} max={64} />
}

function EnumValue({ value }: { value: string }) {
  const mark = marked[value]
  const word = human(value).toLowerCase()
  return mark ? <State state={mark} word={word} /> : <span>{word}</span>
}

/** On the page of a resource: whole, to be read and copied. */
export function Value({ value, field }: { value: unknown; field: Field }) {
  if (absent(value)) return <span className="muted">–</span>
  if (field.type === 'time' && typeof value === 'string') return parseTime(value) ? <When at={value} /> : <Foreign text={value} />
  if (typeof value === 'string' && field.enum?.length) return <EnumValue value={value} />
  if (Array.isArray(value)) return <ListValue list={value} field={field} />
  if (typeof value === 'object') return <ObjectValue value={value as Record<string, unknown>} />
  const text = valueText(value, field)
  if (isMono(field)) return <Copy text={text} label={labelOf(field)} max={120} />
  const link = typeof value === 'string' ? safeLink(/^https?:\/\//.test(value) ? value : undefined) : undefined
  if (link) return <a href={link} target="_blank" rel="noreferrer noopener"><Foreign text={text} max={120} /></a>
  return <span title={field.unit === 'bytes' ? t`${String(value)} bytes` : undefined}><Foreign text={text} max={400} /></span>
}

function ListValue({ list, field }: { list: unknown[]; field: Field }) {
  const columns = field.items?.filter((i) => i.path !== '') ?? []
  const objects = columns.length > 1 && list.every((v) => typeof v === 'object' && v !== null)
  if (objects) {
    const used = columns.filter((c) => list.some((v) => !absent((v as Record<string, unknown>)[c.path])))
    return (
      <div className={css.scroll} tabIndex={0} role="region" aria-label={labelOf(field)}>
        <table className={css.table}>
          <thead>
            <tr>{used.map((c) => <th key={c.path} scope="col">{labelOf(c)}</th>)}</tr>
          </thead>
          <tbody>
            {list.map((v, i) => (
              <tr key={i}>
                {used.map((c) => <td key={c.path}><Cell value={(v as Record<string, unknown>)[c.path]} field={c} /></td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )
  }
  return (
    <ul className={css.list}>
      {list.map((v, i) => (
        <li key={i}>{isMono(field) ? <Copy text={valueText([v], field)} /> : <Foreign text={valueText([v], field)} max={200} />}</li>
      ))}
    </ul>
  )
}

function ObjectValue({ value }: { value: Record<string, unknown> }) {
  const text = valueText(value)
  return <Foreign text={text} max={400} />
}
