// What was read stays on the page when asking for it again fails; this line says that it is from before, and why.
import { Trans } from '@lingui/react/macro'
import { useQueryClient, type Query } from '@tanstack/react-query'
import { useCallback, useSyncExternalStore } from 'react'

import { contact } from '../api/contact'
import { asProblem } from '../api/problem'
import css from './Frame.module.css'

const stale = (query: Query) => query.state.status === 'error' && query.state.data !== undefined && query.queryKey[0] !== 'session'

export function NotRefreshed() {
  const client = useQueryClient()
  const subscribe = useCallback((tell: () => void) => client.getQueryCache().subscribe(tell), [client])
  const failed = useSyncExternalStore(subscribe, () => client.getQueryCache().findAll({ type: 'active', predicate: stale })[0]?.state.error ?? null)
  const away = useSyncExternalStore(contact.subscribe, contact.since) !== null
  // That the collector is away, or that one has to sign in, is said in its own place.
  if (!failed || away || asProblem(failed).status === 401) return null
  const p = asProblem(failed)
  return (
    <div className={css.past} role="status">
      <span className="break"><Trans>Some of this is from before: {p.title}{p.detail ? `. ${p.detail}` : ''}</Trans></span>
      <button type="button" className="link" onClick={() => void client.refetchQueries({ type: 'active', predicate: stale })}><Trans>Ask again</Trans></button>
    </div>
  )
}
