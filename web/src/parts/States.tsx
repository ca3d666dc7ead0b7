// The states every page has: loading in the final layout, empty with the next step, and what went wrong.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Skeleton } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { IconAlertTriangle, IconLock, IconMoodEmpty, IconPlugConnectedX, IconZoomQuestion } from '@tabler/icons-react'
import { useEffect, useState, type ReactNode } from 'react'

import { adviceFor, asProblem } from '../api/problem'
import css from './States.module.css'
import { Copy } from './Text'

/** Says after a second what is being waited for. */
export function Waiting({ what }: { what: string }) {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const it = setTimeout(() => setLate(true), 1000)
    return () => clearTimeout(it)
  }, [])
  return <p role="status" className="muted">{late ? t`Waiting for ${what} …` : <span className="hidden-visually"><Trans>Loading {what}</Trans></span>}</p>
}

/** Lines where text will stand, and what is being waited for. */
export function Loading({ what, lines = 6, height = 14 }: { what: string; lines?: number; height?: number }) {
  return (
    <div className={css.loading} aria-busy="true">
      {Array.from({ length: lines }, (_, i) => (
        <Skeleton key={i} height={height} width={`${[92, 78, 85, 64, 88, 71][i % 6]}%`} radius="sm" />
      ))}
      <Waiting what={what} />
    </div>
  )
}

export function Empty({ title, children, action, icon }: { title: string; children?: ReactNode; action?: ReactNode; icon?: ReactNode }) {
  return (
    <div className={css.empty}>
      <span className={css.icon}>{icon ?? <IconMoodEmpty size={26} stroke={1.4} aria-hidden />}</span>
      <h2>{title}</h2>
      {children ? <div className={css.words}>{children}</div> : null}
      {action}
    </div>
  )
}

/** What happened, where, what to do, and an id to quote. */
export function ProblemPanel({ error, retry, compact }: { error: unknown; retry?: () => void; compact?: boolean }) {
  const p = asProblem(error)
  const client = useQueryClient()
  // Where a page offers no way on, what could not be read is asked for again.
  const again = retry ?? (p.read ? () => void client.refetchQueries({ type: 'active', predicate: (query) => query.state.status === 'error' }) : undefined)
  const Icon = p.status === 0 ? IconPlugConnectedX : p.status === 403 ? IconLock : p.status === 404 ? IconZoomQuestion : IconAlertTriangle
  return (
    <div className={compact ? css.problemCompact : css.problem} role="alert">
      <Icon size={compact ? 18 : 24} stroke={1.5} aria-hidden />
      <div className="stack-s">
        <strong>{p.title}</strong>
        {p.detail ? <p className="break">{p.detail}</p> : null}
        {[...p.fields].filter(([pointer]) => pointer === '').map(([, text]) => <p key={text}>{text}</p>)}
        <p className="muted">{adviceFor(p)}</p>
        {compact ? p.requestId && p.status >= 500 ? <p className={css.where}><Trans>id <Copy text={p.requestId} label={t`the id of this request`} /></Trans></p> : null : (
          <p className={css.where}>
            <span className="mono">{p.where}</span>
            {p.requestId ? <><Trans> · id <Copy text={p.requestId} label={t`the id of this request`} /></Trans></> : null}
          </p>
        )}
        {again ? <div><Button onClick={again}><Trans>Try again</Trans></Button></div> : null}
      </div>
    </div>
  )
}
