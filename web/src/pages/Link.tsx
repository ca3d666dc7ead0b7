// A link that was given to somebody: it sets a password, once. The secret stands behind the # and is only ever sent
// in a body, so that it is in no log and in no Referer.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useNavigate } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { enter } from '../frame/session'
import { CodeField, codeAsked } from '../parts/Code'
import { NewPassword } from '../parts/NewPassword'
import { Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import { Outside } from './Outside'

export default function LinkPage() {
  const [token] = useState(() => location.hash.slice(1))
  const [used, setUsed] = useState(false)
  const client = useQueryClient()
  const navigate = useNavigate()
  const link = useQuery({ queryKey: ['link', token], queryFn: ({ signal }) => api.post('/api/v1/session/link', { body: { token }, signal }), retry: false, staleTime: Infinity, refetchOnWindowFocus: false, enabled: !used })
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const [code, setCode] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const { session } = await api.post('/api/v1/session/link', { body: { token, new_password: next, ...(code ? { code: code.trim() } : {}) } })
      setUsed(true) // it answers to nobody any more
      enter(client, session ?? null)
      void navigate('/', { replace: true })
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  const asked = codeAsked(error)
  const wrong = error instanceof Problem ? error.fields.get('/new_password') : undefined
  return (
    <Outside title={t`Set a password`}>
      {link.isPending ? <Loading what={t`the link`} lines={3} /> : link.error ? (
        <>
          {link.error instanceof Problem && link.error.status === 404 ? (
            <div role="alert" className="stack-s">
              <h2><Trans>This link does not work</Trans></h2>
              <p><Trans>It was used, it has expired, a newer one was made, or it was not copied whole.</Trans></p>
              <p className="muted"><Trans>Ask your administrator for another one.</Trans></p>
            </div>
          ) : <ProblemPanel error={link.error} compact retry={() => void link.refetch()} />}
          <Link to="/"><Trans>Sign in</Trans></Link>
        </>
      ) : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); if (next === again) void submit() }}>
          <p>
            <Trans>{link.data.purpose === 'invitation' ? t`Welcome` : t`Hello`}, <strong><Foreign text={link.data.display_name || link.data.username} max={60} /></strong>. {link.data.purpose === 'invitation' ? t`Set a password for your account` : t`Set another password`}; your user name is <strong><Foreign text={link.data.username} max={60} /></strong>.</Trans>
          </p>
          <input type="text" name="username" autoComplete="username" value={link.data.username} readOnly hidden />
          <NewPassword next={next} again={again} onNext={setNext} onAgain={setAgain} error={wrong} focus />
          {link.data.code_needed ? <CodeField value={code} onChange={setCode} error={asked === 'wrong' ? t`Wrong, or used already. Wait for the next one.` : undefined} /> : null}
          {error && !wrong && !asked ? <ProblemPanel error={error} compact /> : null}
          <Button type="submit" variant="filled" size="sm" loading={busy} fullWidth disabled={!next || next !== again}><Trans>Set the password and sign in</Trans></Button>
          <p className="muted"><Trans>The link ends <When at={link.data.expires_at} />.</Trans></p>
        </form>
      )}
    </Outside>
  )
}
