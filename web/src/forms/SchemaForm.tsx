// Inputs for a JSON Schema, with the plugin author's own words as help.
import { t } from '@lingui/core/macro'
import { NumberInput, Select, Switch, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'

import { at, put } from '../format/pointer'
import { human } from '../format/text'
import { QuantityInput } from '../parts/QuantityInput'
import { AskField } from './Ask'
import type { Asker } from './choices'
import { problemOf, type Input } from './schema'
import css from './SchemaForm.module.css'

interface Props {
  inputs: Input[]
  value: unknown
  onChange: (value: unknown) => void
  /** The collector's messages by pointer. */
  errors: Map<string, string>
  /** Whether the form was sent once: before, nobody is told what is missing. */
  tried: boolean
  prefix: string
  /** Who can be asked what a setting may be. */
  by?: Asker | undefined
}

export function SchemaForm(p: Props) {
  const groups = [...new Set(p.inputs.map((i) => i.group))]
  return (
    <div className="stack">
      {groups.map((g) => (
        <fieldset key={g} className={css.group}>
          {g ? <legend>{g}</legend> : null}
          {p.inputs.filter((i) => i.group === g).map((i) => <Field key={i.pointer} {...p} input={i} />)}
        </fieldset>
      ))}
    </div>
  )
}

function Field({ input: i, inputs, value, onChange, errors, tried, prefix, by }: Props & { input: Input }) {
  const v = at(value, i.pointer)
  const set = (leaf: unknown) => onChange(put(value ?? {}, i.pointer, leaf === '' || (Array.isArray(leaf) && leaf.length === 0) ? undefined : leaf))
  const error = errors.get(prefix + i.pointer) ?? (tried ? problemOf(i, value) || undefined : undefined)
  const notes = [i.help, i.narrows ? t`Narrows what is read: what it leaves out becomes unwatched, not gone.` : ''].filter(Boolean).join(' ')
  const common = { label: i.label, description: notes || undefined, required: i.required, error, placeholder: i.placeholder || undefined }
  if (i.secret) {
    return <TextInput label={i.label} description={t`Secrets are never typed here. Save the connection and enter its sealed credential there, or put the value into the agent’s own file.`} disabled placeholder={t`Kept by the agent`} />
  }
  if (by?.settings.includes(i.pointer) && (i.type === 'list' || i.type === 'text')) {
    return <AskField input={i} by={by} settings={value} value={v} onChange={set} common={common} labelOf={(pointer) => inputs.find((x) => x.pointer === pointer)?.label ?? pointer} />
  }
  switch (i.type) {
    case 'choice':
      return <Select {...common} data={i.choices.map((c) => ({ value: c, label: human(c) }))} value={typeof v === 'string' ? v : null} onChange={(x) => set(x ?? undefined)} clearable={!i.required} />
    case 'boolean':
      return <Switch label={i.label} description={notes || undefined} error={error} checked={v === true} onChange={(e) => set(e.currentTarget.checked)} />
    case 'number':
      if (i.unit) return <QuantityInput {...common} unit={i.unit} value={v} onChange={set} />
      return <NumberInput {...common} value={typeof v === 'number' ? v : ''} onChange={(x) => set(x === '' ? undefined : Number(x))} {...(i.node.minimum !== undefined ? { min: i.node.minimum } : {})} {...(i.node.maximum !== undefined ? { max: i.node.maximum } : {})} clampBehavior="none" />
    case 'list':
      return <TagsInput {...common} placeholder={i.placeholder || t`Type one, then Enter`} value={Array.isArray(v) ? v.map(String) : []} onChange={set} splitChars={[',', ' ']} />
    case 'json':
      return <JsonField {...common} value={v} onChange={set} />
    default:
      // One line would lose the line ends of what is pasted.
      if (i.lines) return <Textarea {...common} className={css.lines} minRows={3} maxRows={12} value={typeof v === 'string' ? v : ''} onChange={(e) => set(e.currentTarget.value)} spellCheck={false} autoComplete="off" />
      return <TextInput {...common} value={typeof v === 'string' ? v : ''} onChange={(e) => set(e.currentTarget.value)} spellCheck={false} autoComplete="off" />
  }
}

/** For what no plain input fits: text that must be JSON. */
function JsonField({ value, onChange, error, ...common }: { label: string; description: string | undefined; required: boolean; error: string | undefined; placeholder: string | undefined; value: unknown; onChange: (v: unknown) => void }) {
  const [text, setText] = useState(() => (value === undefined ? '' : JSON.stringify(value, null, 2)))
  const [broken, setBroken] = useState(false)
  return (
    <Textarea
      {...common}
      styles={{ input: { fontFamily: 'var(--font-mono)' } }}
      error={broken ? t`This is not JSON yet.` : error}
      value={text}
      onChange={(e) => {
        const it = e.currentTarget.value
        setText(it)
        if (it.trim() === '') {
          setBroken(false)
          onChange(undefined)
          return
        }
        try {
          onChange(JSON.parse(it))
          setBroken(false)
        } catch {
          setBroken(true)
        }
      }}
    />
  )
}
