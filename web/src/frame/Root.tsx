// Decides between the sign-in and the frame. The address stays, so that signing in leads where one wanted to go.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect } from 'react'
import { useLocation, useRouteError } from 'react-router'

import { contact } from '../api/contact'
import { listen } from '../api/live'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import { Loading, ProblemPanel } from '../parts/States'
import css from './Frame.module.css'
import { Frame } from './Frame'
import { adopt } from '../texts/language'

const SignIn = lazy(() => import('../pages/SignIn'))
const LinkPage = lazy(() => import('../pages/Link'))
const Forgotten = lazy(() => import('../pages/Forgotten'))
const EnrolFirst = lazy(() => import('../pages/EnrolFirst'))
const SignInAgain = lazy(() => import('./SignInAgain'))

export function Root() {
  const session = useQuery(q.session())
  const expired = useQuery(q.expired()).data
  const client = useQueryClient()
  const known = !!session.data && !session.data.enrol_first
  const reads = session.data?.somewhere.includes('read') ?? false
  // Another tenant, or somebody else, begins anew: nothing that was open for the one before stays.
  const who = session.data ? `${session.data.tenant} ${session.data.username}` : ''
  const path = useLocation().pathname

  useEffect(() => {
    // An answer of 401 anywhere means that the session has ended. The page stays, with what was typed into it.
    const ended = (err: unknown) => {
      if (err instanceof Problem && err.status === 401 && client.getQueryData(q.session().queryKey)) client.setQueryData(q.expired().queryKey, true)
    }
    const reads = client.getQueryCache().subscribe((event) => {
      if (event.type === 'updated' && event.action.type === 'error') ended(event.action.error)
    })
    const writes = contact.refused(() => ended(new Problem({ status: 401, title: '' }, '')))
    return () => {
      reads()
      writes()
    }
  }, [client])
  // Whoever comes back from a sign-in provider was let in by no form of ours.
  const language = session.data?.language
  useEffect(() => adopt(language), [language])
  useEffect(() => {
    if (!known || !reads) return
    const line = listen(client, () => client.setQueryData(q.expired().queryKey, true))
    return () => line.stop()
  }, [client, known, reads, who])

  if (session.isPending) return <main className={css.alone}><Loading what={t`the collector`} lines={3} /></main>
  if (session.error && !session.data) {
    return <main className={css.alone}><ProblemPanel error={session.error} retry={() => void session.refetch()} /></main>
  }
  // A link is for whoever opens it, whoever is signed in here.
  const Alone = path === '/link' ? LinkPage : !session.data ? (path === '/forgotten' ? Forgotten : SignIn) : session.data.enrol_first ? EnrolFirst : null
  if (!session.data || Alone) {
    const Shown = Alone ?? SignIn
    return (
      <Suspense fallback={<main className={css.alone}><Loading what={t`the sign-in page`} lines={3} /></main>}>
        <Shown />
      </Suspense>
    )
  }
  return (
    <>
      <Frame key={who} />
      {expired ? <Suspense><SignInAgain as={session.data} /></Suspense> : null}
    </>
  )
}

export function RouteBroke() {
  const error = useRouteError()
  // A new version of the collector serves new files; a page kept open since asks for old ones.
  const outdated = error instanceof Error && /dynamically imported module|module script/i.test(error.message)
  return (
    <main className={css.alone}>
      {outdated ? (
        <div className="stack">
          <p><Trans>The collector was updated since this page was opened.</Trans></p>
          <div><Button variant="filled" onClick={() => location.reload()}><Trans>Load the new version</Trans></Button></div>
        </div>
      ) : (
        <ProblemPanel error={error} retry={() => location.reload()} />
      )}
    </main>
  )
}
