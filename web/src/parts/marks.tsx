// State is colour, shape and word together. The shapes are told apart without colour, and at ten pixels.
import { t } from '@lingui/core/macro'
import type { ReactNode } from 'react'

import { human } from '../format/text'
import css from './marks.module.css'

export type Tone = 'ok' | 'warn' | 'bad' | 'held' | 'idle' | 'live'
type Shape = 'full' | 'half' | 'barred' | 'wait' | 'broken' | 'dash' | 'cross' | 'ring' | 'turning' | 'pause' | 'gone' | 'question'

const looks: Record<string, [Tone, Shape]> = {
  // Outcomes of a scope.
  complete: ['ok', 'full'],
  partial: ['warn', 'half'],
  denied: ['held', 'barred'],
  throttled: ['warn', 'wait'],
  unreachable: ['bad', 'broken'],
  unsupported: ['idle', 'dash'],
  failed: ['bad', 'cross'],
  not_tried: ['idle', 'ring'],
  // Runs.
  queued: ['idle', 'ring'],
  running: ['live', 'turning'],
  succeeded: ['ok', 'full'],
  canceled: ['idle', 'dash'],
  // Connections and agents.
  ok: ['ok', 'full'],
  degraded: ['warn', 'half'],
  failing: ['bad', 'cross'],
  never: ['idle', 'ring'],
  paused: ['idle', 'pause'],
  no_agent: ['bad', 'cross'],
  online: ['ok', 'full'],
  offline: ['bad', 'broken'],
  revoked: ['idle', 'barred'],
  // Resources and their changes.
  active: ['ok', 'full'],
  gone: ['idle', 'gone'],
  unwatched: ['idle', 'question'],
  merged: ['idle', 'dash'],
  created: ['ok', 'full'],
  updated: ['live', 'half'],
  returned: ['ok', 'half'],
  // Removals and kinds.
  held: ['held', 'pause'],
  approved: ['ok', 'full'],
  refused: ['idle', 'barred'],
  released: ['idle', 'dash'],
  pending: ['held', 'pause'],
  done: ['ok', 'full'],
  applied: ['ok', 'full'],
  unchanged: ['ok', 'ring'],
  superseded: ['idle', 'dash'],
  // Steps of why something is not there.
  stops_here: ['bad', 'cross'],
  cannot_tell: ['warn', 'question'],
}

const shapes: Record<Shape, ReactNode> = {
  full: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  half: (
    <>
      <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M6 2a4 4 0 0 1 0 8z" fill="currentColor" />
    </>
  ),
  barred: (
    <>
      <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <path d="M3.2 8.8l5.6-5.6" stroke="currentColor" strokeWidth="1.6" />
    </>
  ),
  wait: <path d="M2.5 1.5h7L6 6l3.5 4.5h-7L6 6z" fill="currentColor" />,
  broken: <path d="M6 1l5 9.5H1z" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" />,
  dash: <path d="M1.5 6h9" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  cross: <path d="M2.2 2.2l7.6 7.6M9.8 2.2L2.2 9.8" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" />,
  ring: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  turning: (
    <>
      <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.6" opacity=".3" />
      <path d="M6 2a4 4 0 0 1 4 4" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" />
    </>
  ),
  pause: <path d="M4 2.5v7M8 2.5v7" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" />,
  gone: (
    <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2.2 2.2" />
  ),
  question: (
    <path d="M3.8 4.2A2.3 2.3 0 1 1 6.6 6.4c-.5.2-.6.5-.6 1M6 9.9v.2" fill="none" stroke="currentColor" strokeWidth="1.7" strokeLinecap="round" />
  ),
}

/** Without a word beside it, the mark itself says it to those who do not see it. */
export function Mark({ state, title }: { state: string; title?: string }) {
  const [tone, shape] = looks[state] ?? ['idle', 'question']
  return (
    <svg
      viewBox="0 0 12 12"
      width="12"
      height="12"
      className={`${css.mark} ${shape === 'turning' ? css.turning : ''}`}
      data-tone={tone}
      role={title ? 'img' : undefined}
      aria-label={title}
      aria-hidden={title ? undefined : true}
    >
      {title ? <title>{title}</title> : null}
      {shapes[shape]}
    </svg>
  )
}

const wordsOf: Record<string, string> = { ok: t`healthy`, never: t`never run`, no_agent: t`no agent`, not_tried: t`not tried` }

export const stateWord = (state: string) => wordsOf[state] ?? human(state).toLowerCase()

export function State({ state, word, pill }: { state: string; word?: ReactNode; pill?: boolean }) {
  const tone = looks[state]?.[0] ?? 'idle'
  return (
    <span className={pill ? css.pill : css.state} data-tone={tone}>
      <Mark state={state} />
      <span>{word ?? stateWord(state)}</span>
    </span>
  )
}

export const toneOf = (state: string): Tone => looks[state]?.[0] ?? 'idle'
