// Facts in the schema's groups. Each says on hover where it came from; what a person set carries a dot.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { ActionIcon, Tooltip } from '@mantine/core'
import { IconPencil } from '@tabler/icons-react'
import { useState } from 'react'

import type { Field, KindInfo, Resource, Source } from '../../api/types'
import { at, escape } from '../../format/pointer'
import { actor, safeLink } from '../../format/text'
import { absolute, parseTime } from '../../format/time'
import { askedFor, commonFields, editable, groupsOf, headFields, labelOf } from '../../kinds/fields'
import { absent } from '../../kinds/value'
import { Mark } from '../../parts/marks'
import { Panel } from '../../parts/Page'
import { Copy, Foreign } from '../../parts/Text'
import { Value } from '../../parts/ValueView'
import { FieldEdit } from './FieldEdit'
import { TagsEdit } from './TagsEdit'
import css from './Resource.module.css'

// What who has billing may say.
const isCost = (pointer: string) => pointer === '/common/cost_center' || pointer.startsWith('/common/monthly_cost')

// Of the block that people fill, what is asked for even while empty.
const usual = new Set(['owner.name', 'client', 'environment', 'criticality', 'lifecycle', 'notes', 'links'])

interface Props {
  r: Resource
  kind: KindInfo
  canEdit: boolean
  /** May say what it costs, if nothing else. */
  canCost: boolean
  editing: string | null
  setEditing: (pointer: string | null) => void
  refresh: () => void
}

export function Facts(p: Props) {
  const [all, setAll] = useState(false)
  const head = [...headFields.filter((f) => ['name', 'region', 'zone'].includes(f.path)), datacenterField]
  const textOf = (pointer: string) => { const v = at(p.r, pointer); return typeof v === 'string' ? v : '' }
  const groups = groupsOf(p.kind).map((g) => ({ ...g, fields: g.fields.filter((f) => askedFor(f, textOf) || !absent(valueOf(p.r, f))) }))
  const empty = groups.flatMap((g) => g.fields).filter((f) => absent(valueOf(p.r, f))).length
  return (
    <div className={css.columns}>
      <div className="stack">
        {groups.map((g) => {
          const fields = g.fields.filter((f) => all || !absent(valueOf(p.r, f)) || p.editing === f.pointer)
          return fields.length ? (
            <Panel key={g.title} title={g.title}>
              <dl className={css.facts}>{fields.map((f) => <Fact key={f.pointer} field={f} {...p} />)}</dl>
            </Panel>
          ) : null
        })}
        {empty ? (
          <button type="button" className="link" onClick={() => setAll(!all)}>
            {all ? t`Hide what nobody has said` : t`Show ${empty} more that nobody has said`}
          </button>
        ) : null}
      </div>
      <div className="stack">
        <Panel title={t`Identity`}>
          <dl className={css.facts}>
            {head.map((f) => <Fact key={f.pointer} field={f} {...p} />)}
            {(p.r.identifiers ?? []).map((i) => (
              <div key={i.type + i.value} className={css.fact}>
                <dt>{i.type}</dt>
                <dd><Copy text={i.value} label={i.type} /></dd>
              </div>
            ))}
            <div className={css.fact}><dt>id</dt><dd><Copy text={p.r.id} label={t`the id`} max={40} /></dd></div>
          </dl>
        </Panel>
        <Panel title={t`Responsibility and life`}>
          <dl className={css.facts}>{commonFields(p.kind)
              .filter((f) => all || usual.has(f.path) || p.canCost && !p.canEdit && isCost(f.pointer) || !absent(at(p.r, f.pointer)) || p.editing === f.pointer)
              .map((f) => <Fact key={f.pointer} field={f} {...p} />)}</dl>
        </Panel>
        <Tags {...p} />
      </div>
    </div>
  )
}

function Links({ list }: { list: { label?: string; url: string }[] }) {
  return (
    <ul className={css.links}>
      {list.map((l) => {
        const to = safeLink(l.url)
        return <li key={l.url}>{to ? <a href={to} target="_blank" rel="noreferrer noopener"><Foreign text={l.label || l.url} /></a> : <Foreign text={l.label || l.url} />}</li>
      })}
    </ul>
  )
}

function Tags({ r, canEdit, editing, setEditing, refresh }: Props) {
  const tags = r.tags ?? []
  const labels = r.labels ?? []
  if (editing === '/tags') return <Panel title={t`Tags`}><TagsEdit r={r} onDone={() => setEditing(null)} refresh={refresh} /></Panel>
  if (tags.length === 0 && labels.length === 0 && !canEdit) return null
  return (
    <Panel title={t`Tags`} actions={canEdit ? <ActionIcon size={24} aria-label={t`Edit Tags`} onClick={() => setEditing('/tags')}><IconPencil size={14} /></ActionIcon> : null}>
      {tags.length === 0 ? <p className="muted"><Trans>None.</Trans></p> : null}
      <ul className={css.tags}>
        {tags.map((it) => {
          const source = r.provenance?.[`/tags/${escape(it.key)}`]
          return (
            <li key={it.key + '=' + it.value} title={source ? sourceText(source) : undefined}>
              {source?.type === 'curated' ? <Dot source={source} /> : null}
              <span className="muted"><Foreign text={it.key} max={40} /></span>
              {it.value ? <Foreign text={it.value} max={60} /> : null}
            </li>
          )
        })}
      </ul>
      {labels.length ? (
        <div className={css.labels}>
          <h3><Trans>As labels <span className="muted">the same in this organisation’s spelling; filters find them by <code>labels.key</code></span></Trans></h3>
          <ul className={css.tags}>
            {labels.map((it) => (
              <li key={it.key + '=' + it.value}><span className="muted"><Foreign text={it.key} max={40} /></span>{it.value ? <Foreign text={it.value} max={60} /> : null}</li>
            ))}
          </ul>
        </div>
      ) : null}
    </Panel>
  )
}

/** It is set by its id and read by its name. */
const datacenterField: Field = { path: 'datacenter', pointer: '/datacenter', type: 'string', label: t`Datacenter` }

function valueOf(r: Resource, f: Field): unknown {
  if (f === datacenterField) return r.datacenter?.name || r.datacenter?.id
  const v = at(r, f.pointer)
  return v === undefined && f.volatile ? at(r.volatile, f.pointer.replace(/^\/attributes/, '')) : v
}

function Fact({ field, r, kind, canEdit, canCost, editing, setEditing, refresh }: Props & { field: Field }) {
  const value = valueOf(r, field)
  const source = sourceOf(r, field.pointer)
  const label = labelOf(field)
  if (editing === field.pointer) {
    return (
      <div className={css.fact} data-editing>
        <dt>{label}</dt>
        <dd><FieldEdit r={r} kind={kind} field={field} value={field === datacenterField ? r.datacenter?.id : value} curated={source?.type === 'curated'} onDone={() => setEditing(null)} refresh={refresh} /></dd>
      </div>
    )
  }
  const stale = r.stale?.some((p) => p === field.pointer || field.pointer.startsWith(p + '/'))
  const withheld = r.withheld?.some((p) => p === field.pointer || field.pointer.startsWith(p + '/'))
  return (
    <div className={css.fact} data-empty={absent(value) || undefined}>
      <dt title={field.help}>{label}</dt>
      <dd>
        <Tooltip label={source ? sourceText(source) : ''} disabled={!source || absent(value)} position="left">
          <div className={css.value}>
            {source?.type === 'curated' ? <Dot source={source} /> : null}
            {field.pointer === '/common/links' && Array.isArray(value) ? <Links list={value as { url: string }[]} /> : <Value value={value} field={field} />}
            {stale ? <span className={css.note}><Trans><Mark state="partial" /> from before, not readable now</Trans></span> : null}
            {withheld ? <span className={css.note}><Trans><Mark state="denied" /> withheld by the site</Trans></span> : null}
            {r.conflicts?.includes(field.pointer) ? <span className={css.note}><Trans><Mark state="degraded" /> sources differ</Trans></span> : null}
            {field.volatile && !absent(value) ? <span className={css.note}><Trans>as last sent</Trans></span> : null}
          </div>
        </Tooltip>
        {(canEdit || canCost && isCost(field.pointer)) && editable(field) ? (
          <ActionIcon className={css.edit} size={24} aria-label={t`Edit ${label}`} onClick={() => setEditing(field.pointer)}><IconPencil size={14} /></ActionIcon>
        ) : null}
      </dd>
    </div>
  )
}

function Dot({ source }: { source: Source }) {
  return <span className={css.dot} role="img" aria-label={sourceText(source)} />
}

function sourceOf(r: Resource, pointer: string): Source | undefined {
  const known = r.provenance ?? {}
  if (known[pointer]) return known[pointer]
  const inside = Object.keys(known).find((p) => p.startsWith(pointer + '/'))
  return inside ? known[inside] : undefined
}

export function sourceText(s: Source): string {
  const d = parseTime(s.at)
  const when = d ? `, ${absolute(d)}` : ''
  const stale = s.stale ? t`; could not be read the last time` : ''
  if (s.type === 'curated') return t`Set by ${s.actor ? actor(s.actor).name : t`a person`}${when}`
  if (s.actor?.startsWith('rule:')) return t`By the rule ${s.actor.slice(5)}${when}`
  if (s.actor?.startsWith('reference:')) return t`By reference: ${s.actor.slice(10)}${when}`
  return t`Discovered by ${s.connection?.name || (s.connection ? s.connection.id : 'another source')}${when}${stale}`
}
