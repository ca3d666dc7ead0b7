// The filter as conditions to click: it reads what stands in the filter line and writes it back, so both say the same.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Modal, Select, TextInput, Autocomplete } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconPlus, IconX } from '@tabler/icons-react'
import { useState } from 'react'

import { q } from '../../api/queries'
import type { FilterField, KindInfo } from '../../api/types'
import { human } from '../../format/text'
import { columnsOf } from '../../kinds/fields'
import { offered } from '../../kinds/filter'
import { isKeyed, operatorsOf, parts, replaced, terms, without, written, type Condition } from '../../kinds/terms'
import { Foreign } from '../../parts/Text'
import css from './Builder.module.css'

interface Props {
  kind: KindInfo
  filter: string
  onFilter: (it: string) => void
}

export function Chips({ kind, filter, onFilter }: Props) {
  const [editing, setEditing] = useState<string | null>(null)
  const list = filter.trim() ? terms(filter) ?? [filter] : []
  return (
    <div className={css.chips} role="group" aria-label={t`Conditions`}>
      {list.map((it, i) => (
        <span key={`${i} ${it}`} className={css.chip}>
          <button type="button" onClick={() => setEditing(it)} title={t`Edit this condition`}><Foreign text={it} mono max={60} /></button>
          <button type="button" className={css.off} aria-label={t`Remove ${it}`} onClick={() => onFilter(without(filter, it))}><IconX size={12} aria-hidden /></button>
        </span>
      ))}
      <button type="button" className={css.add} onClick={() => setEditing('')}><Trans><IconPlus size={13} aria-hidden /> Condition</Trans></button>
      {editing !== null ? <Editor kind={kind} term={editing} onClose={() => setEditing(null)} onTake={(it) => { onFilter(replaced(filter, editing, it)); setEditing(null) }} /> : null}
    </div>
  )
}

interface Choice {
  value: string
  label: string
  field: FilterField
}

/** Every name a condition may begin with: the kind's own and those one relation away. */
function choices(kind: KindInfo, kinds: readonly KindInfo[]): { group: string; items: Choice[] }[] {
  const labels = new Map(columnsOf(kind).map((c) => [c.id, c.label]))
  const label = (name: string) => labels.get(name) ?? human(name)
  const groups = [{ group: kind.label, items: offered(kind.filter_fields).filter((f) => !['tags', 'labels'].includes(f.name)).map((f) => ({ value: f.name, label: label(f.name), field: f })) }]
  for (const r of kind.relations ?? []) {
    const target = kinds.find((k) => k.name === r.target)
    if (!target) continue
    const own = new Map(columnsOf(target).map((c) => [c.id, c.label]))
    groups.push({
      group: human(r.alias),
      items: offered(target.filter_fields).filter((f) => !f.name.includes('.') && !['tags', 'labels', 'identifiers', 'kind'].includes(f.name)).map((f) => ({ value: `${r.alias}.${f.name}`, label: `${human(r.alias)}: ${own.get(f.name) ?? human(f.name)}`, field: f })),
    })
  }
  // Two fields of one label are told apart by their names.
  for (const g of groups) {
    const seen = g.items.map((i) => i.label)
    for (const i of g.items) if (seen.indexOf(i.label) !== seen.lastIndexOf(i.label)) i.label += ` (${i.value})`
  }
  return groups
}

function Editor({ kind, term, onClose, onTake }: { kind: KindInfo; term: string; onClose: () => void; onTake: (it: string) => void }) {
  const kinds = useQuery(q.kinds())
  const known = term ? parts(term) : { not: false, field: '', op: '=', value: '' }
  const groups = choices(kind, kinds.data ?? [])
  const all = groups.flatMap((g) => g.items)
  const understood = known !== null && (term === '' || /^tags\./.test(known.field) || all.some((c) => c.value === known.field))
  const [free, setFree] = useState(term)
  const [c, setC] = useState<Condition>(known ?? { not: false, field: '', op: '=', value: '' })
  const tag = /^tags\./.test(c.field)
  const field = all.find((x) => x.value === c.field)?.field
  const operators = operatorsOf(tag ? undefined : field, isKeyed(c.field))
  const bare = c.op === '= *' || c.op === '= null'
  const result = !understood ? free.trim() : c.field && (bare || c.value.trim()) ? written({ ...c, value: c.value.trim() }) : ''
  const values = useQuery({ ...q.facets(kind.name, '', c.field), enabled: understood && !!field && !c.field.includes('.') && !field.enum?.length && field.type === 'string' && field.sortable })
  const seen = values.data?.facets[0]?.values.map((v) => String(v.value)) ?? []
  return (
    <Modal opened onClose={onClose} title={term ? t`Edit a condition` : t`Add a condition`} closeButtonProps={{ 'aria-label': t`Close` }} size={480}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); if (result) onTake(result) }}>
        {understood ? (
          <>
            <Select
              label={t`Field`}
              searchable
              data-autofocus
              data={[...groups.map((g) => ({ group: g.group, items: g.items.map(({ value, label }) => ({ value, label })) })), { group: t`Tags`, items: [{ value: 'tags.', label: t`Tag …` }] }]}
              value={tag ? 'tags.' : c.field || null}
              onChange={(v) => setC({ not: c.not, field: v ?? '', op: '=', value: '' })}
            />
            {tag ? <TextInput label={t`Key of the tag`} value={c.field.slice(5).replace(/^"|"$/g, '')} onChange={(e) => { const key = e.currentTarget.value; setC({ ...c, field: `tags.${/^\w*$/.test(key) ? key : JSON.stringify(key)}` }) }} /> : null}
            <Select label={t`Comparison`} allowDeselect={false} data={operators} value={c.op} onChange={(v) => setC({ ...c, op: v ?? '=' })} />
            {bare ? null : field?.enum?.length ? (
              <Select label={t`Value`} searchable data={field.enum.map((v) => ({ value: v, label: human(v).toLowerCase() }))} value={c.value || null} onChange={(v) => setC({ ...c, value: v ?? '' })} />
            ) : field?.type === 'boolean' || (field?.type as string) === 'bool' ? (
              <Select label={t`Value`} data={[{ value: 'true', label: t`yes` }, { value: 'false', label: t`no` }]} value={c.value || null} onChange={(v) => setC({ ...c, value: v ?? '' })} />
            ) : seen.length ? (
              <Autocomplete label={t`Value`} description={t`A * at the end stands for any rest.`} data={[...new Set(seen)]} value={c.value} onChange={(v) => setC({ ...c, value: v })} />
            ) : (
              <TextInput label={t`Value`} description={field?.type === 'time' ? t`A day such as 2026-01-31, or a span such as -30d.` : field?.type === 'number' ? t`A number.` : t`A * at the end stands for any rest.`} value={c.value} onChange={(e) => setC({ ...c, value: e.currentTarget.value })} />
            )}
            <Checkbox label={t`The opposite of this`} checked={c.not} onChange={(e) => setC({ ...c, not: e.currentTarget.checked })} />
          </>
        ) : (
          <TextInput label={t`Condition`} description={t`This one is edited as text.`} value={free} onChange={(e) => setFree(e.currentTarget.value)} styles={{ input: { fontFamily: 'var(--font-mono)' } }} data-autofocus />
        )}
        <p className="muted"><Trans>As text: <code>{result || '…'}</code></Trans></p>
        <div className="row">
          <Button type="submit" variant="filled" disabled={!result}>{term ? t`Change` : t`Add`}</Button>
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}
