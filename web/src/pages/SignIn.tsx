import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { enter } from '../frame/session'
import { CodeField, codeAsked } from '../parts/Code'
import { ProblemPanel } from '../parts/States'
import { Outside } from './Outside'
import { meaning, OwedCode, ProviderButtons, word } from './Providers'
import css from './SignIn.module.css'

export default function SignIn() {
  const client = useQueryClient()
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [factor, setFactor] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const session = await api.post('/api/v1/session', { body: { username, password, ...(factor ? { code: code.trim() } : {}) } })
      enter(client, session)
    } catch (err) {
      // The code stays asked for until another name or password is typed.
      if (codeAsked(err)) setFactor(true)
      setError(err)
      setBusy(false)
    }
  }
  const asked = codeAsked(error)
  const wrong = !asked && error instanceof Problem && (error.status === 401 || error.status === 403)
  const said = word()
  if (said === 'code') return <Outside title={t`Sign in`}><OwedCode /></Outside>
  const other = () => { setFactor(false); setCode('') }
  return (
    <Outside title={t`Sign in`}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label={t`User name`} size="sm" value={username} onChange={(e) => { setUsername(e.currentTarget.value); other() }} autoComplete="username" autoCapitalize="none" required autoFocus />
        <PasswordInput
          label={t`Password`}
          size="sm"
          value={password}
          onChange={(e) => { setPassword(e.currentTarget.value); other() }}
          autoComplete="current-password"
          required
          visibilityToggleButtonProps={{ 'aria-label': t`Show or hide the password` }}
        />
        {factor ? <CodeField value={code} onChange={setCode} focus error={asked === 'wrong' ? t`Wrong, or used already. Wait for the next one.` : undefined} /> : null}
        {wrong ? <p className={css.wrong} role="alert"><Trans>That user name and password do not belong together.</Trans></p> : error && !asked ? <ProblemPanel error={error} compact /> : null}
        <Button type="submit" variant="filled" size="sm" loading={busy} fullWidth><Trans>Sign in</Trans></Button>
        <ProviderButtons />
        {meaning(said) && !error ? <p className={css.wrong} role="alert">{meaning(said)}</p> : null}
        <p><Link to="/forgotten"><Trans>Forgotten password?</Trans></Link></p>
        <p className="muted"><Trans>The first administrator’s password lies in the file <code>initial-admin.json</code> in the collector’s data folder; <code>maestro dev</code> prints it. Change it after signing in, then remove the file.</Trans></p>
      </form>
    </Outside>
  )
}
