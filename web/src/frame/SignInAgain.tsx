// The session has ended while somebody worked: he signs in over the page, and goes on with what he had typed.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, PasswordInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import type { Session } from '../api/types'
import { CodeField, codeAsked } from '../parts/Code'
import { ProblemPanel } from '../parts/States'
import { enter, useSignOut } from './session'

export default function SignInAgain({ as }: { as: Session }) {
  const client = useQueryClient()
  const signOut = useSignOut()
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [factor, setFactor] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      enter(client, await api.post('/api/v1/session', { body: { username: as.username, password, ...(factor ? { code: code.trim() } : {}) } }))
    } catch (err) {
      if (codeAsked(err)) setFactor(true)
      setError(err)
      setBusy(false)
    }
  }
  const asked = codeAsked(error)
  const wrong = !asked && error instanceof Problem && (error.status === 401 || error.status === 403)
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} closeOnEscape={false} closeOnClickOutside={false} size={420} title={t`Your session has ended`}>
      <form
        className="stack"
        onSubmit={(e) => {
          e.preventDefault()
          void submit()
        }}
      >
        <p><Trans>Sign in again as <strong>{as.username}</strong>. The page behind, and what you typed into it, stays as it is.</Trans></p>
        <input type="text" name="username" autoComplete="username" value={as.username} readOnly hidden />
        <PasswordInput
          label={t`Password`}
          data-autofocus
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          autoComplete="current-password"
          required
          visibilityToggleButtonProps={{ 'aria-label': t`Show or hide the password` }}
        />
        {factor ? <CodeField value={code} onChange={setCode} focus error={asked === 'wrong' ? t`Wrong, or used already. Wait for the next one.` : undefined} /> : null}
        {wrong ? <p role="alert"><Trans>That is not the password.</Trans></p> : error && !asked ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" loading={busy}><Trans>Sign in</Trans></Button>
          <Button onClick={() => void signOut()}><Trans>Somebody else</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}
