import { t } from '@lingui/core/macro'
import { duration } from '../format/time'
import type { ProblemDocument } from './types'

/**
 * Problem is every way in which a call to the collector can go wrong: its own problem document (RFC 9457), or no
 * answer at all (status 0). Pages show it as what happened, where, and what to do.
 */
export class Problem extends Error {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly where: string
  readonly requestId: string
  readonly document: ProblemDocument
  /** Whether something was only asked for, so that asking again does no harm. */
  readonly read: boolean
  /** Whether the patience ended before an answer came. */
  readonly late: boolean

  constructor(document: ProblemDocument, where: string, requestId = '', read = false, late = false) {
    super(document.detail || document.title)
    this.name = 'Problem'
    this.document = document
    this.status = document.status
    this.title = document.title
    this.detail = document.detail ?? ''
    this.where = where
    this.requestId = requestId
    this.read = read
    this.late = late
  }

  /** What the collector says of the filter or the order, when that is what it refuses. */
  get filter() {
    return this.document.filter
  }

  /** Says whether somebody else wrote first. */
  get stale() {
    return this.status === 412
  }

  /** Messages by the place they belong to, as JSON pointers into what was sent. */
  get fields(): Map<string, string> {
    const out = new Map<string, string>()
    for (const e of this.document.errors ?? []) {
      if (e.message) out.set(pointerOf(e.location ?? ''), e.message)
    }
    return out
  }
}

/** body.settings.url and body/settings/url -> /settings/url */
export function pointerOf(location: string): string {
  const path = location.replace(/^body(?=$|[./[])/, '')
  if (path.startsWith('/')) return path
  const parts = path.split(/[.[\]]+/).filter(Boolean)
  return parts.map((p) => '/' + p.replaceAll('~', '~0').replaceAll('/', '~1')).join('')
}

const advice: Record<number, string> = {
  0: t`Check that the collector is running and that this machine can reach it. What you typed is kept.`,
  401: t`Sign in again.`,
  403: t`Ask an administrator of this tenant for the right to do it.`,
  404: t`It may have been removed, or it never existed, or you may not see it.`,
  410: t`Choose a later moment.`,
  412: t`Somebody else changed it meanwhile. Look at the current values, then decide again.`,
  413: t`Send less at once.`,
  429: t`Wait a moment, then try again.`,
}

/** What to do about it. */
export function adviceFor(p: Problem): string {
  if (p.document.retry_after_seconds) return t`Try again in ${duration(p.document.retry_after_seconds * 1000)}.`
  const known = advice[p.status]
  if (known) return known
  return p.status >= 500 ? t`This is the collector’s own fault. Try again; if it stays, tell its operator the id below.` : ''
}

/** Turns anything thrown into a Problem, so that pages know one kind of error only. */
export function asProblem(err: unknown): Problem {
  if (err instanceof Problem) return err
  const detail = err instanceof Error ? err.message : String(err)
  return new Problem({ status: -1, title: t`This page broke`, detail }, 'in the browser')
}
