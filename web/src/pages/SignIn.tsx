import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { enter } from '../frame/session'
import { Sign } from '../frame/Sign'
import { ProblemPanel } from '../parts/States'
import css from './SignIn.module.css'

export default function SignIn() {
  const client = useQueryClient()
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const session = await api.post('/api/v1/session', { body: { username, password } })
      enter(client, session)
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  const wrong = error instanceof Problem && (error.status === 401 || error.status === 403)
  return (
    <main className={css.page}>
      <title>Sign in · Maestro</title>
      <div className={css.staff} aria-hidden>
        <svg viewBox="0 0 1200 800" preserveAspectRatio="none">
          <path d="M0 310h1200M0 355h1200M0 400h1200M0 445h1200M0 490h1200" stroke="var(--staff)" strokeWidth="1" vectorEffect="non-scaling-stroke" />
          <path d="M-20 720C230 420 620 210 1220 150" fill="none" stroke="var(--brand)" strokeWidth="2.5" vectorEffect="non-scaling-stroke" />
        </svg>
      </div>
      <form
        className={css.card}
        onSubmit={(e) => {
          e.preventDefault()
          void submit()
        }}
      >
        <div className={css.brand}>
          <Sign size={34} />
          <h1>Maestro</h1>
        </div>
        <TextInput label="User name" size="sm" value={username} onChange={(e) => setUsername(e.currentTarget.value)} autoComplete="username" autoCapitalize="none" required autoFocus />
        <PasswordInput
          label="Password"
          size="sm"
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          autoComplete="current-password"
          required
          visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the password' }}
        />
        {wrong ? <p className={css.wrong} role="alert">That user name and password do not belong together.</p> : error ? <ProblemPanel error={error} compact /> : null}
        <Button type="submit" variant="filled" size="sm" loading={busy} fullWidth>Sign in</Button>
        <p className="muted">The first administrator’s password is printed once, when the collector starts for the first time.</p>
      </form>
    </main>
  )
}
