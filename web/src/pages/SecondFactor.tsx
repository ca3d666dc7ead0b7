// Setting up a second factor, and turning it off again.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, PasswordInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { FactorPending } from '../api/types'
import { CodeField, Qr } from '../parts/Code'
import { ProblemPanel } from '../parts/States'
import { Copy, Snippet } from '../parts/Text'
import { say } from '../parts/toast'
import css from './SecondFactor.module.css'

const show = { 'aria-label': t`Show or hide the password` }

/** Password, picture and first code, recovery codes. `onDone` is called when the codes were kept. */
export function SetUpFactor({ onDone, onCancel }: { onDone: () => void; onCancel?: () => void }) {
  const [password, setPassword] = useState('')
  const [pending, setPending] = useState<FactorPending | null>(null)
  const [code, setCode] = useState('')
  const [codes, setCodes] = useState<string[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const attempt = async (what: () => Promise<void>) => {
    setBusy(true)
    setError(null)
    try {
      await what()
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  const begin = () => attempt(async () => setPending(await api.post('/api/v1/session/second-factor', { body: { current_password: password } })))
  const confirm = () => attempt(async () => setCodes((await api.post('/api/v1/session/second-factor/confirm', { body: { code: code.trim() } })).recovery_codes ?? []))
  if (codes) {
    return (
      <div className="stack">
        <p><Trans>From now on signing in asks for a code. Keep these recovery codes where the phone is not: each signs in once when it is lost. They are shown only now.</Trans></p>
        <Snippet label={t`the recovery codes`} text={codes.join('\n')} tall />
        <div><Button variant="filled" onClick={onDone}><Trans>I have kept them</Trans></Button></div>
      </div>
    )
  }
  if (!pending) {
    return (
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void begin() }}>
        <p><Trans>An authenticator app on your phone shows a code that changes every 30 seconds. Signing in asks for it after the password.</Trans></p>
        <YourPassword value={password} onChange={setPassword} error={fields.get('/current_password')} />
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Go on</Trans></Button>{onCancel ? <Button onClick={onCancel}><Trans>Cancel</Trans></Button> : null}</div>
      </form>
    )
  }
  return (
    <form className="stack" onSubmit={(e) => { e.preventDefault(); void confirm() }}>
      <div className={css.enrol}>
        <Qr rows={pending.qr ?? []} label={t`QR code for the authenticator`} />
        <div className="stack-s">
          <p><Trans>Scan this with the authenticator. If it cannot scan, type this secret into it:</Trans></p>
          <div className={css.secret}><Copy text={pending.secret} label={t`the secret`} /></div>
        </div>
      </div>
      <CodeField only value={code} onChange={setCode} error={fields.get('/code')} focus />
      {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
      <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Confirm the code</Trans></Button>{onCancel ? <Button onClick={onCancel}><Trans>Cancel</Trans></Button> : null}</div>
    </form>
  )
}

/** Proves who asks. Whom only a provider signs in has no password: then a recent sign-in stands for it, and nothing is asked. */
function YourPassword({ value, onChange, error }: { value: string; onChange: (v: string) => void; error: string | undefined }) {
  const own = useQuery(q.profile()).data?.has_password !== false
  if (!own) return error ? <p role="alert">{error}</p> : null
  return <PasswordInput label={t`Your password`} autoComplete="current-password" required value={value} onChange={(e) => onChange(e.currentTarget.value)} error={error} visibilityToggleButtonProps={show} data-autofocus />
}

export function FactorOff({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await api.post('/api/v1/session/second-factor/off', { body: { current_password: password, code: code.trim() } })
      void client.invalidateQueries({ queryKey: ['profile'] })
      say(t`Your second factor is off`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={t`Turn the second factor off`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <p><Trans>Signing in asks for the password alone from then on. The recovery codes end too.</Trans></p>
        <YourPassword value={password} onChange={setPassword} error={fields.get('/current_password')} />
        <CodeField value={code} onChange={setCode} error={fields.get('/code')} />
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" color="danger" loading={busy}><Trans>Turn it off</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}

/** Fresh recovery codes in place of those that there are: for somebody who has few left, or fears that others have them. */
export function FreshCodes({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [password, setPassword] = useState('')
  const [code, setCode] = useState('')
  const [codes, setCodes] = useState<string[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      setCodes((await api.post('/api/v1/session/second-factor/recovery-codes', { body: { current_password: password, code: code.trim() } })).recovery_codes ?? [])
      void client.invalidateQueries({ queryKey: ['profile'] })
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Modal opened onClose={onClose} title={t`New recovery codes`} closeButtonProps={{ 'aria-label': t`Close` }} closeOnClickOutside={!codes} closeOnEscape={!codes}>
      {codes ? (
        <div className="stack">
          <p><Trans>Keep these where the phone is not: each signs in once when it is lost. The former ones do not work any more. They are shown only now.</Trans></p>
          <Snippet label={t`the recovery codes`} text={codes.join('\n')} tall />
          <div><Button variant="filled" onClick={onClose}><Trans>I have kept them</Trans></Button></div>
        </div>
      ) : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
          <p><Trans>The codes that you kept before do not work any more from then on.</Trans></p>
          <YourPassword value={password} onChange={setPassword} error={fields.get('/current_password')} />
          <CodeField value={code} onChange={setCode} error={fields.get('/code')} />
          {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
          <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Make new codes</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
        </form>
      )}
    </Modal>
  )
}
