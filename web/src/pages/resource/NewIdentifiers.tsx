// The identifiers of a new record: any number, each of a type that its kind knows. By them discovery recognises the thing.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Select, TextInput } from '@mantine/core'

import type { Resource } from '../../api/types'

type Identifier = NonNullable<Resource['identifiers']>[number]

export interface NewIdentifier { type: string | null; value: string }

export const noIdentifier: NewIdentifier = { type: null, value: '' }

/** What was filled of them. */
export const filledIdentifiers = (list: readonly NewIdentifier[]): Identifier[] =>
  list.flatMap((x) => (x.type && x.value.trim() ? [{ type: x.type, value: x.value.trim() }] : []))

export function NewIdentifiers({ types, list, onChange, said }: { types: string[]; list: NewIdentifier[]; onChange: (list: NewIdentifier[]) => void; said: (pointer: string) => string | undefined }) {
  if (types.length === 0) return null
  const set = (i: number, part: Partial<NewIdentifier>) => onChange(list.map((x, n) => (n === i ? { ...x, ...part } : x)))
  const last = list.length - 1
  return (
    <>
      {list.map((x, i) => (
        <div key={i} className="stack-s">
          <Select label={i ? t`Identifier ${i + 1}` : t`Identifier`} description={i ? undefined : t`With one, discovery recognises the thing and adopts it.`} clearable data={types} value={x.type} onChange={(type) => set(i, { type })} />
          {x.type ? <TextInput label={i ? t`${x.type} of identifier ${i + 1}` : x.type} error={said(`/identifiers/${i}`) ?? (i === last ? said('/identifiers') : undefined)} value={x.value} onChange={(e) => set(i, { value: e.currentTarget.value })} /> : null}
        </div>
      ))}
      {list[last]?.type && list[last].value.trim() ? <div><Button onClick={() => onChange([...list, noIdentifier])}><Trans>Another identifier</Trans></Button></div> : null}
    </>
  )
}
