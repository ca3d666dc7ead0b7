// The second factor: what its sign-in asks for, and the picture that an authenticator reads.
import { t } from '@lingui/core/macro'
import { TextInput } from '@mantine/core'

import { Problem } from '../api/problem'
import css from './Code.module.css'

const needed = 'urn:maestro:problem:code-needed'
const wrong = 'urn:maestro:problem:code-wrong'

/** Says whether the collector asks for a code: because none was sent, or because it was not the right one. */
export const codeAsked = (err: unknown): 'needed' | 'wrong' | null => {
  if (!(err instanceof Problem)) return null
  return err.document.type === needed ? 'needed' : err.document.type === wrong ? 'wrong' : null
}

interface Props {
  value: string
  onChange: (code: string) => void
  error?: string | undefined
  /** Recovery codes are not taken here. */
  only?: boolean
  focus?: boolean
}

export function CodeField({ value, onChange, error, only, focus }: Props) {
  return (
    <TextInput
      label={t`Code`}
      description={only ? t`The six digits that it shows now.` : t`The six digits that your authenticator shows, or a recovery code.`}
      size="sm"
      value={value}
      onChange={(e) => onChange(e.currentTarget.value)}
      inputMode={only ? 'numeric' : 'text'}
      autoComplete="one-time-code"
      autoCapitalize="none"
      spellCheck={false}
      required
      autoFocus={focus}
      error={error}
    />
  )
}

/** A QR code of rows of 0 and 1. It is dark on light in either theme: phones want it so. */
export function Qr({ rows, label }: { rows: readonly string[]; label: string }) {
  const quiet = 4
  const size = rows.length + 2 * quiet
  return (
    <svg className={css.qr} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <rect width={size} height={size} className={css.paper} />
      {rows.flatMap((row, y) => runsOf(row).map(([x, width]) => <rect key={`${x}.${y}`} x={x + quiet} y={y + quiet} width={width} height={1} className={css.ink} />))}
    </svg>
  )
}

/** Where the dark runs of a row begin, and how long they are. */
export function runsOf(row: string): [start: number, length: number][] {
  return [...row.matchAll(/1+/g)].map((m) => [m.index, m[0].length])
}
