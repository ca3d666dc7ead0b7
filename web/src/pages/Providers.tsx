// Signing in with somebody else's word: the buttons, what came of it, and the code that may still be owed.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import { enter } from '../frame/session'
import { CodeField, codeAsked } from '../parts/Code'
import { ProblemPanel } from '../parts/States'

/** What the collector said of a sign-in that came back from a provider; empty for nothing. */
export function word(): string {
  return new URLSearchParams(window.location.search).get('sign_in') ?? ''
}

/** What a word means, and what to do. */
export function meaning(of: string): string {
  switch (of) {
    case 'denied': return t`The sign-in provider did not let you in, or you turned back. Try once more, or ask whoever runs it.`
    case 'expired': return t`That sign-in was begun in another browser or too long ago. Begin once more.`
    case 'provider': return t`The sign-in provider does not answer as it should. Try again in a moment; the collector’s log says why.`
    case 'too_many': return t`Too many sign-ins from your network failed. Wait a quarter of an hour.`
    case 'not_linked': return t`There is an account of your name that is not linked to this sign-in. Sign in with its password and link it under Profile and security, or ask an administrator.`
    case 'no_account': return t`There is no account for you here yet. Ask an administrator of Maestro for one.`
    case 'disabled': return t`Your account is disabled here. Ask an administrator of Maestro.`
    case 'no_name': return t`The sign-in provider names you in a way that cannot be a user name. Whoever runs Maestro has to look at its settings.`
    case 'linked': return t`Signing in with the provider is linked to your account.`
    case 'linked_elsewhere': return t`You are linked to another account here already.`
    case 'not_linked_here': return t`Linking has to be begun from this page. Try once more.`
    case 'failed': return t`Signing in did not work. The collector’s log says why.`
  }
  return ''
}

/** The page to come back to: this one, without the word. */
function here(): string {
  const params = new URLSearchParams(window.location.search)
  params.delete('sign_in')
  const search = params.toString()
  return window.location.pathname + (search ? `?${search}` : '')
}

/** One button for each provider; with link they are linked to the account that is signed in. */
export function ProviderButtons({ link }: { link?: boolean }) {
  const ways = useQuery(q.ways())
  return (ways.data?.providers ?? []).map((p) => (
    <Button key={p.id} component="a" size="sm" fullWidth={!link} href={`${p.start}?path=${encodeURIComponent(here())}${link ? '&link=1' : ''}`}>
      {link ? t`Link ${p.name}` : t`Sign in with ${p.name}`}
    </Button>
  ))
}

/** The code of the second factor, after a provider has said who it is. */
export function OwedCode() {
  const client = useQueryClient()
  const [code, setCode] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      enter(client, await api.post('/api/v1/session/code', { body: { code: code.trim() } }))
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
      <CodeField value={code} onChange={setCode} focus error={codeAsked(error) === 'wrong' ? t`Wrong, or used already. Wait for the next one.` : undefined} />
      {error && !codeAsked(error) ? <ProblemPanel error={error} compact /> : null}
      <Button type="submit" variant="filled" size="sm" loading={busy} fullWidth><Trans>Sign in</Trans></Button>
    </form>
  )
}
