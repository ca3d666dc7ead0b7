// Foreign strings: names, messages and values that came from a provider. They are text, isolated for direction, cut
// in the middle with the whole on hover.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useState } from 'react'

import { cut, plain } from '../format/text'
import { copyText } from './clipboard'
import css from './Text.module.css'

export function Foreign({ text, max = 80, mono }: { text: string; max?: number; mono?: boolean }) {
  const whole = plain(text)
  const shown = cut(whole, max)
  return (
    <bdi className={mono ? 'mono' : undefined} title={shown === whole ? undefined : whole}>
      {shown}
    </bdi>
  )
}

/** A provider's own words, quoted, with their line breaks. */
export function Quote({ text, tone }: { text: string; tone?: string }) {
  return (
    <blockquote className={css.quote} data-tone={tone} dir="auto">
      {plain(text)}
    </blockquote>
  )
}

/** An id, address or hash: mono, copied by a click. */
export function Copy({ text, max = 60, label }: { text: string; max?: number; label?: string }) {
  const [copied, copy] = useCopy(text)
  return (
    <Tooltip label={copied ? t`Copied` : t`Copy`} position="top">
      <button type="button" className={css.copy} onClick={copy}>
        <span className="hidden-visually"><Trans>Copy {label ?? ''} </Trans></span>
        <Foreign text={text} max={max} mono />
        {copied ? <IconCheck size={13} aria-hidden /> : <IconCopy size={13} aria-hidden />}
      </button>
    </Tooltip>
  )
}

/** A command or a policy to paste, with a button that takes all of it. */
export function Snippet({ text, label, tall }: { text: string; label: string; tall?: boolean }) {
  return (
    <div className={css.snippet} data-tall={tall || undefined}>
      {/* Scrolls sideways, so it must be reachable by keyboard. */}
      <pre tabIndex={0} aria-label={label}>{plain(text)}</pre>
      <CopyAll text={text} label={label} />
    </div>
  )
}

function CopyAll({ text, label }: { text: string; label: string }) {
  const [copied, copy] = useCopy(text)
  return (
    <button type="button" className={css.all} aria-label={t`Copy ${label}`} onClick={copy}>
      {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
      {copied ? t`Copied` : t`Copy`}
    </button>
  )
}

function useCopy(text: string): [copied: boolean, copy: () => void] {
  const [copied, setCopied] = useState(false)
  const copy = () =>
    void copyText(text).then((done) => {
      if (!done) return
      setCopied(true)
      setTimeout(() => setCopied(false), 1500)
    })
  return [copied, copy]
}
