// An input for a number with a unit. What cannot be read stays as it was typed, as text, so that the form refuses it instead of losing it.
import { TextInput } from '@mantine/core'
import { useState, type ReactNode } from 'react'

import { carried, readTyped, understood, writeTyped } from '../format/typed'
import css from './QuantityInput.module.css'

interface Props {
  label: string
  unit: string
  /** A number, or what was typed and is none. */
  value: unknown
  onChange: (v: number | string | undefined) => void
  description?: ReactNode
  error?: string | undefined
  required?: boolean
  placeholder?: string | undefined
  autoFocus?: boolean
}

/** A label with its unit, where the values themselves do not carry it. */
export const withUnit = (label: string, unit: string | undefined) => (unit && !carried(unit) ? `${label} (${unit})` : label)

export function QuantityInput({ label, unit, value, onChange, ...rest }: Props) {
  const [typed, setTyped] = useState('')
  // What stands there is what was typed, unless the value was changed from elsewhere.
  const same = typeof value === 'number' ? readTyped(typed, unit) === value : (value ?? '') === typed
  const text = same ? typed : typeof value === 'number' ? writeTyped(value, unit) : typeof value === 'string' ? value : ''
  return (
    <TextInput
      {...rest}
      label={withUnit(label, unit)}
      inputMode="text"
      autoComplete="off"
      spellCheck={false}
      value={text}
      onChange={(e) => {
        const it = e.currentTarget.value
        setTyped(it)
        onChange(it.trim() === '' ? undefined : (readTyped(it, unit) ?? it))
      }}
      inputContainer={(input) => <>{input}<Understood text={text} unit={unit} /></>}
    />
  )
}

/** Stands under the input, and is told to those who cannot see it. */
export function Understood({ text, unit }: { text: string; unit: string | undefined }) {
  return <div className={css.understood} role="status">{understood(text, unit)}</div>
}
