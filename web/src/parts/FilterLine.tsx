// The filter line: the same language as the API and the command line. What the collector refuses is marked at its
// place, with what it expected there.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { ActionIcon, Button, TextInput } from '@mantine/core'
import { IconFilter, IconX } from '@tabler/icons-react'
import { useEffect, useId, useRef, useState } from 'react'

import { q } from '../api/queries'
import type { Problem } from '../api/problem'
import type { KindInfo } from '../api/types'
import { useReads } from '../frame/session'
import { completions, marked } from '../kinds/filter'
import css from './FilterLine.module.css'

interface Props {
  value: string
  onApply: (text: string) => void
  problem?: Problem | null | undefined
  kind?: Pick<KindInfo, 'filter_fields' | 'relations'> | undefined
  placeholder?: string
}

export function FilterLine({ value, onApply, problem, kind, placeholder }: Props) {
  const [text, setText] = useState(value)
  const [applied, setApplied] = useState(value)
  if (applied !== value) {
    // The address changed: a link, or Back.
    setApplied(value)
    setText(value)
  }
  const input = useRef<HTMLInputElement>(null)
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const list = useId()
  const kinds = useQuery({ ...q.kinds(), enabled: useReads() })
  const offers = open ? completions(text, kind, kinds.data) : []
  const trouble = problem?.filter

  useEffect(() => {
    const focus = () => {
      input.current?.focus()
      input.current?.select()
    }
    window.addEventListener('maestro:filter', focus)
    return () => window.removeEventListener('maestro:filter', focus)
  }, [])

  const take = (i: number) => {
    const offer = offers[i]
    if (!offer) return
    setText(offer.text)
    setAt(-1)
    input.current?.focus()
  }
  const apply = (it: string) => {
    setOpen(false)
    setAt(-1)
    onApply(it.trim())
  }
  return (
    <form
      role="search"
      className={css.form}
      onSubmit={(e) => {
        e.preventDefault()
        apply(text)
      }}
    >
      <div className={css.line}>
        <TextInput
          ref={input}
          className="grow"
          aria-label={t`Filter`}
          leftSection={<IconFilter size={15} aria-hidden />}
          rightSection={
            value || text ? (
              <ActionIcon
                size={24}
                aria-label={t`Clear the filter line`}
                onClick={() => {
                  setText('')
                  apply('')
                }}
              >
                <IconX size={14} />
              </ActionIcon>
            ) : null
          }
          placeholder={placeholder ?? t`Words, or conditions such as power_state = on AND cpu_count > 4`}
          value={text}
          error={trouble ? true : undefined}
          autoComplete="off"
          spellCheck={false}
          role="combobox"
          aria-expanded={offers.length > 0}
          aria-controls={list}
          aria-autocomplete="list"
          aria-activedescendant={at >= 0 ? `${list}-${at}` : undefined}
          aria-describedby={trouble ? `${list}-problem` : undefined}
          styles={{ input: { fontFamily: 'var(--font-mono)' } }}
          onChange={(e) => {
            setText(e.currentTarget.value)
            setOpen(true)
            setAt(-1)
          }}
          onBlur={() => setTimeout(() => setOpen(false), 120)}
          onKeyDown={(e) => {
            if (e.key === 'ArrowDown' && offers.length) {
              e.preventDefault()
              setAt((at + 1) % offers.length)
            } else if (e.key === 'ArrowUp' && offers.length) {
              e.preventDefault()
              setAt((at + offers.length - 1) % offers.length)
            } else if ((e.key === 'Enter' || e.key === 'Tab') && at >= 0) {
              e.preventDefault()
              take(at)
            } else if (e.key === 'Escape') {
              if (offers.length) setOpen(false)
              else input.current?.blur()
            }
          }}
        />
        <Button type="submit" variant={text.trim() === value ? 'default' : 'filled'}><Trans>Apply</Trans></Button>
      </div>
      <ul id={list} role="listbox" aria-label={t`Completions`} className={css.offers} hidden={offers.length === 0}>
        {offers.map((o, i) => (
          <li
            key={o.label}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === at}
            onMouseDown={(e) => {
              e.preventDefault()
              take(i)
            }}
          >
            <code>{o.label}</code>
            <span className="muted clip">{o.hint}</span>
          </li>
        ))}
      </ul>
      {trouble ? <Trouble text={value} problem={trouble} id={`${list}-problem`} onTake={(it) => apply(it)} /> : null}
    </form>
  )
}

function Trouble({ text, problem, id, onTake }: { text: string; problem: NonNullable<Problem['filter']>; id: string; onTake: (it: string) => void }) {
  const [before, bad, after] = marked(text, problem)
  return (
    <div id={id} role="alert" className={css.trouble} data-testid="filter-problem">
      {problem.parameter === 'filter' ? (
        <code className={css.source}>
          {before}
          <mark>{bad}</mark>
          {after}
        </code>
      ) : null}
      <p>
        <span className="muted"><Trans>At character {problem.position + 1}: </Trans></span>
        {problem.message}
        {problem.expected ? <span className="muted"><Trans> Expected: {problem.expected}.</Trans></span> : null}
      </p>
      {problem.suggestion ? (
        <p>
          <Trans>Did you mean{' '}
          {problem.parameter === 'filter' && /^\S+$/.test(problem.suggestion) ? (
            <button type="button" className="link" onClick={() => onTake(before + problem.suggestion! + after)}>
              <code>{problem.suggestion}</code>
            </button>
          ) : (
            <code>{problem.suggestion}</code>
          )}
          ?</Trans>
        </p>
      ) : null}
    </div>
  )
}
