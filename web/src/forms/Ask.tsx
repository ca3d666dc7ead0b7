// An input that people type into, and that the provider can be asked for choices of. Typing stays possible whatever it answers.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Autocomplete, Button, TagsInput, type OptionsFilter } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'

import type { Choice } from '../api/types'
import { ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { useChoices, type Asked, type Asker } from './choices'
import type { Input } from './schema'
import css from './SchemaForm.module.css'

interface Props {
  input: Input
  by: Asker
  /** Of the whole form. */
  settings: unknown
  value: unknown
  onChange: (leaf: unknown) => void
  common: { label: string; description: string | undefined; required: boolean; error: string | undefined; placeholder: string | undefined }
  labelOf: (pointer: string) => string
}

export function AskField({ input, by, settings, value, onChange, common, labelOf }: Props) {
  const { asked, ask } = useChoices(by, input.pointer, settings)
  const again = asked?.result?.state === 'done'
  const offered = new Map((asked?.result?.choices?.items ?? []).map((c) => [c.value, c]))
  const more = { data: [...offered.keys()], renderOption: ({ option }: { option: { value: string } }) => <Offer choice={offered.get(option.value) ?? { value: option.value }} />, filter: found(offered), limit: 100, maxDropdownHeight: 320 }
  return (
    <div className={css.asking}>
      {input.type === 'list'
        ? <TagsInput {...common} {...more} placeholder={common.placeholder || t`Type one, then Enter`} value={Array.isArray(value) ? value.map(String) : []} onChange={onChange} splitChars={[',', ' ']} />
        : <Autocomplete {...common} {...more} value={typeof value === 'string' ? value : ''} onChange={onChange} spellCheck={false} autoComplete="off" />}
      <div className={css.ask}>
        <Button size="compact-sm" variant="default" leftSection={<IconRefresh size={13} aria-hidden />} loading={asked?.busy ?? false} disabled={!by.agent} onClick={() => void ask()} aria-label={again ? t`Ask again for choices of ${input.label}` : t`Ask the provider for choices of ${input.label}`}>{again ? <Trans>Ask again</Trans> : <Trans>Ask the provider</Trans>}</Button>
        <div role="status" className={css.said}>{by.agent ? <Said asked={asked} by={by} labelOf={labelOf} /> : <span className="muted"><Trans>Choose an agent first: it asks the provider.</Trans></span>}</div>
      </div>
    </div>
  )
}

/** Words of a value, its label or its note find it. */
const found = (offered: Map<string, Choice>): OptionsFilter => ({ options, search, limit }) => {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return options.filter((o) => 'value' in o && words.every((w) => { const c = offered.get(o.value); return [o.value, c?.label, c?.note].some((s) => s?.toLowerCase().includes(w)) })).slice(0, limit)
}

function Offer({ choice: c }: { choice: Choice }) {
  return (
    <span className={css.offer}>
      <span><Foreign text={c.label || c.value} max={80} /></span>
      {c.label && c.label !== c.value ? <span className="muted"><Foreign text={c.value} mono max={80} /></span> : null}
      {c.note ? <span className="muted"><Foreign text={c.note} max={120} /></span> : null}
    </span>
  )
}

function Said({ asked, by, labelOf }: { asked: Asked | null; by: Asker; labelOf: (pointer: string) => string }) {
  if (!asked) return null
  if (asked.busy) return <span className="muted"><Trans>The agent is asking the provider.</Trans></span>
  if (asked.error) return <ProblemPanel error={asked.error} compact />
  const r = asked.result
  if (r?.state === 'done') {
    const n = r.choices?.items?.length ?? 0
    if (n === 0) return <span className="muted"><Trans>The provider knows none. What you type is taken all the same.</Trans></span>
    return <span className="muted">{plural(n, { one: '# choice: it is offered in the field.', other: '# choices: they are offered in the field.' })} {r.choices?.more ? <Trans>There are more, which can be typed.</Trans> : null}</span>
  }
  const early = r?.state === 'failed' && !by.connection && !by.credential && !r.setting
  return (
    <div className="stack-s">
      {r?.setting ? <span className={css.bad}><Trans>First <Foreign text={labelOf(r.setting)} max={80} />:</Trans> <Foreign text={r.error ?? ''} max={400} /></span> : <span className={r?.state === 'failed' ? css.bad : undefined}><Foreign text={r?.error ?? ''} max={400} /></span>}
      {r?.advice ? <span><strong><Trans>What to do:</Trans></strong> <Foreign text={r.advice} max={400} /></span> : null}
      {early ? <span className="muted"><Trans>The agent asked without a credential. Save the connection with one and come back to choose, or type it now.</Trans></span> : null}
    </div>
  )
}
