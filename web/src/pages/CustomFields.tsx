// Fields and kinds of one's own: what no plugin reads and no schema foresaw, and what then behaves like any other field.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Modal, MultiSelect, Select, TagsInput, TextInput } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { CustomField, KindInfo } from '../api/types'
import { requestId } from '../parts/clipboard'
import { Empty, ProblemPanel } from '../parts/States'
import { say } from '../parts/toast'
import css from './CustomFields.module.css'

const types: { value: CustomField['type']; label: string }[] = [
  { value: 'text', label: t`text` }, { value: 'choice', label: t`choice` }, { value: 'list', label: t`list of texts` }, { value: 'integer', label: t`whole number` },
  { value: 'number', label: t`number` }, { value: 'boolean', label: t`yes or no` }, { value: 'moment', label: t`date and time` }, { value: 'address', label: t`IP address` },
]

type Draft = CustomField & { key: string }

const fresh = (): Draft => ({ key: requestId(), name: '', type: 'text', column: true })

/** nameOf makes a name of a label: "Rack unit" is rack_unit. */
const nameOf = (label: string) => label.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '_').replace(/^[_0-9]+|_+$/g, '').slice(0, 63)

export function CustomFields({ kind, onClose }: { kind: KindInfo; onClose: () => void }) {
  const client = useQueryClient()
  const [fields, setFields] = useState<Draft[]>(() => (kind.custom_fields ?? []).map((f) => ({ ...f, key: f.name })))
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const wrong = error instanceof Problem ? error.fields : new Map<string, string>()
  const known = new Set((kind.custom_fields ?? []).map((f) => f.name))
  const change = (i: number, part: Partial<Draft>) => setFields(fields.map((f, n) => (n === i ? { ...f, ...part } : f)))
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await api.put('/api/v1/kinds/{kind}/custom-fields', { path: { kind: kind.name }, body: { fields: fields.map(bare) } })
      for (const key of ['kinds', 'resources']) void client.invalidateQueries({ queryKey: [key] })
      say(t`The fields of ${kind.plural} are saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  const at = (i: number, member: string) => wrong.get(`/fields/${i}/${member}`)
  return (
    <Modal opened onClose={onClose} size="xl" title={t`Custom fields of ${kind.plural}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        {fields.length === 0 ? <Empty title={t`No custom fields yet`}><Trans>A field of your own has forms, columns, filters and history like those that plugins fill.</Trans></Empty> : null}
        {fields.map((f, i) => (
          <fieldset key={f.key} className={css.field}>
            <legend className="hidden-visually"><Trans>Field {i + 1}</Trans></legend>
            <TextInput label={t`Label`} value={f.label ?? ''} onChange={(e) => { const label = e.currentTarget.value; change(i, known.has(f.name) ? { label } : { label, name: nameOf(label) }) }} />
            <TextInput label={t`Name in filters`} required disabled={known.has(f.name)} value={f.name} onChange={(e) => change(i, { name: e.currentTarget.value })} error={at(i, 'name')} />
            <Select label={t`Type`} data={types} value={f.type} onChange={(v) => change(i, { type: (v as CustomField['type']) ?? 'text' })} allowDeselect={false} error={at(i, 'type')} />
            {f.type === 'choice' ? <TagsInput className={css.wide} label={t`Choices`} description={t`Press Enter after each.`} value={f.choices ?? []} onChange={(choices) => change(i, { choices })} error={at(i, 'choices')} /> : null}
            {f.type === 'integer' || f.type === 'number' ? <TextInput label={t`Unit`} value={f.unit ?? ''} onChange={(e) => change(i, { unit: e.currentTarget.value })} error={at(i, 'unit')} /> : null}
            <TextInput className={css.wide} label={t`Help`} value={f.help ?? ''} onChange={(e) => change(i, { help: e.currentTarget.value })} />
            <div className={css.marks}>
              <Checkbox label={t`Column in lists`} checked={!!f.column} onChange={(e) => change(i, { column: e.currentTarget.checked })} />
              <Checkbox label={t`Fast to filter`} checked={!!f.indexed} onChange={(e) => change(i, { indexed: e.currentTarget.checked })} />
              <Checkbox label={t`Found by search`} checked={!!f.searchable} onChange={(e) => change(i, { searchable: e.currentTarget.checked })} />
              <button type="button" className="link" aria-label={t`Remove the field ${f.label || f.name || i + 1}`} onClick={() => setFields(fields.filter((_, n) => n !== i))}><Trans><IconTrash size={15} aria-hidden /> Remove</Trans></button>
            </div>
          </fieldset>
        ))}
        <div><Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setFields([...fields, fresh()])}><Trans>Add a field</Trans></Button></div>
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save the fields</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}

/** bare leaves out what belongs to another type, and what is empty. */
function bare({ key: _, choices, unit, label, help, ...f }: Draft): CustomField {
  const number = f.type === 'integer' || f.type === 'number'
  return { ...f, ...(label?.trim() ? { label: label.trim() } : {}), ...(help?.trim() ? { help: help.trim() } : {}), ...(f.type === 'choice' ? { choices: choices ?? [] } : {}), ...(number && unit?.trim() ? { unit: unit.trim() } : {}) }
}

const groups = ['compute', 'storage', 'network', 'data', 'business', 'other'] as const

export function DefineKind({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [label, setLabel] = useState('')
  const [plural, setPlural] = useState('')
  const [name, setName] = useState('')
  const [group, setGroup] = useState<(typeof groups)[number]>('other')
  const [summary, setSummary] = useState('')
  const [serial, setSerial] = useState(false)
  const [holds, setHolds] = useState<string[]>([])
  const kinds = useQuery(q.kinds()).data ?? []
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    const relations = kinds.filter((k) => holds.includes(k.name)).map((k) => ({ alias: nameOf(k.plural), verb: 'contains', target: k.name }))
    try {
      const made = await api.post('/api/v1/kinds', { body: { name, label: label.trim(), plural: plural.trim() || `${label.trim()}s`, group, ...(summary.trim() ? { summary: summary.trim() } : {}), ...(serial ? { identifiers: { serial: 1 } } : {}), ...(relations.length ? { relations } : {}) } })
      for (const key of ['kinds', 'summary']) void client.invalidateQueries({ queryKey: [key] })
      say(t`${made.plural} can be recorded now`)
      void navigate(`/inventory/${made.name}`)
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  const wrong = error instanceof Problem ? error.fields : new Map<string, string>()
  return (
    <Modal opened onClose={onClose} title={t`Define a kind`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label={t`What one is called`} placeholder={t`Rack`} required data-autofocus value={label} onChange={(e) => { setLabel(e.currentTarget.value); setName(nameOf(e.currentTarget.value)) }} error={wrong.get('/label')} />
        <TextInput label={t`What several are called`} placeholder={label ? `${label}s` : t`Racks`} value={plural} onChange={(e) => setPlural(e.currentTarget.value)} />
        <TextInput label={t`Key`} description={t`In filters, files and the API it is custom.${name || 'rack'}.`} required value={name} onChange={(e) => setName(e.currentTarget.value)} error={wrong.get('/name')} />
        <Select label={t`Place in the navigation`} data={[...groups]} value={group} onChange={(v) => setGroup((v as typeof group) ?? 'other')} allowDeselect={false} />
        <TextInput label={t`What it is`} value={summary} onChange={(e) => setSummary(e.currentTarget.value)} />
        <Checkbox label={t`Told apart by a serial number`} checked={serial} onChange={(e) => setSerial(e.currentTarget.checked)} />
        <MultiSelect label={t`What it contains`} description={t`Lists can then be filtered by it: ${nameOf(plural || `${label || 'rack'}s`)}.name = …`} searchable clearable data={kinds.map((k) => ({ value: k.name, label: k.plural }))} value={holds} onChange={setHolds} />
        {error && wrong.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Define the kind</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}
