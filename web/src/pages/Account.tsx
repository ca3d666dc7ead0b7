// One's own account: name, password, second factor, sessions.
import { Button, Modal, PasswordInput, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Profile } from '../api/types'
import { State } from '../parts/marks'
import { NewPassword } from '../parts/NewPassword'
import { Page, Panel } from '../parts/Page'
import { Loading, ProblemPanel } from '../parts/States'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Account.module.css'
import { FactorOff, FreshCodes, SetUpFactor } from './SecondFactor'
import { SessionList } from './Sessions'

const show = { 'aria-label': 'Show or hide the password' }

export default function Account() {
  const profile = useQuery(q.profile())
  return (
    <Page narrow title="Profile and security">
      {profile.isPending ? <Loading what="your account" /> : !profile.data ? <ProblemPanel error={profile.error} retry={() => void profile.refetch()} /> : (
        <>
          <Person key={profile.data.version} profile={profile.data} />
          <Password username={profile.data.username} />
          <Factor profile={profile.data} />
          <Sessions />
        </>
      )}
    </Page>
  )
}

function Person({ profile }: { profile: Profile }) {
  const client = useQueryClient()
  const [name, setName] = useState(profile.display_name)
  const [email, setEmail] = useState(profile.email)
  const [password, setPassword] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const another = email.trim() !== profile.email
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const next = await api.put('/api/v1/session/profile', { body: { display_name: name.trim(), email: email.trim(), ...(another ? { current_password: password } : {}) } })
      client.setQueryData(q.profile().queryKey, next)
      say('Your profile is saved')
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Panel title="Profile">
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <div className={css.fields}>
          <TextInput label="User name" value={profile.username} readOnly disabled />
          <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} error={fields.get('/display_name')} autoComplete="name" />
          <TextInput label="E-mail" type="email" value={email} onChange={(e) => setEmail(e.currentTarget.value)} error={fields.get('/email')} autoComplete="email" />
          {another ? <PasswordInput label="Your password" description="Links to set a password go to the new address." required value={password} onChange={(e) => setPassword(e.currentTarget.value)} error={fields.get('/current_password')} autoComplete="current-password" visibilityToggleButtonProps={show} /> : null}
        </div>
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div><Button type="submit" loading={busy} disabled={!another && name.trim() === profile.display_name}>Save the profile</Button></div>
      </form>
    </Panel>
  )
}

function Password({ username }: { username: string }) {
  const client = useQueryClient()
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await api.post('/api/v1/session/password', { body: { current_password: current, new_password: next } })
      for (const empty of [setCurrent, setNext, setAgain]) empty('')
      void client.invalidateQueries({ queryKey: ['sessions'] })
      say('Your password is changed; your other sessions have ended')
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Panel title="Password">
      <form className="stack" onSubmit={(e) => { e.preventDefault(); if (next === again) void submit() }}>
        <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
        <div className={css.fields}>
          <PasswordInput label="Current password" autoComplete="current-password" required value={current} onChange={(e) => setCurrent(e.currentTarget.value)} error={fields.get('/current_password')} visibilityToggleButtonProps={show} />
          <NewPassword small next={next} again={again} onNext={setNext} onAgain={setAgain} error={fields.get('/new_password')} />
        </div>
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div><Button type="submit" loading={busy} disabled={!current || !next || next !== again}>Change the password</Button></div>
      </form>
    </Panel>
  )
}

function Factor({ profile }: { profile: Profile }) {
  const client = useQueryClient()
  const [dialog, setDialog] = useState<'up' | 'off' | 'codes' | null>(null)
  const close = () => { setDialog(null); void client.invalidateQueries({ queryKey: ['profile'] }) }
  return (
    <Panel title="Second factor" actions={profile.second_factor ? <><Button onClick={() => setDialog('codes')}>New recovery codes</Button><Button onClick={() => setDialog('off')}>Turn it off</Button></> : <Button variant="filled" onClick={() => setDialog('up')}>Set one up</Button>}>
      {profile.second_factor ? (
        <div className="stack-s">
          <p><State state="active" word="on" /> since <When at={profile.second_factor_since} />. Signing in asks for a code of your authenticator.</p>
          <p className={profile.recovery_codes_left > 2 ? 'muted' : undefined}>{profile.recovery_codes_left} recovery {profile.recovery_codes_left === 1 ? 'code is' : 'codes are'} left.{profile.recovery_codes_left > 2 ? '' : ' Make new ones before you need them.'}</p>
        </div>
      ) : <p>Signing in asks for the password alone. With a second factor somebody who learns your password cannot get in.</p>}
      {dialog === 'up' ? (
        <Modal opened onClose={close} title="Set up a second factor" size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': 'Close' }}>
          <SetUpFactor onDone={() => { close(); say('Your second factor is on') }} onCancel={close} />
        </Modal>
      ) : null}
      {dialog === 'codes' ? <FreshCodes onClose={close} /> : null}
      {dialog === 'off' ? <FactorOff onClose={close} /> : null}
    </Panel>
  )
}

function Sessions() {
  const client = useQueryClient()
  const list = useQuery(q.ownSessions())
  const [error, setError] = useState<unknown>(null)
  const rows = list.data?.items ?? []
  const attempt = async (what: () => Promise<unknown>, done: string) => {
    setError(null)
    try {
      await what()
      say(done)
    } catch (err) {
      setError(err)
    }
    void client.invalidateQueries({ queryKey: ['sessions'] })
  }
  return (
    <Panel title="Sessions" actions={rows.length > 1 ? <Button onClick={() => void attempt(() => api.delete('/api/v1/session/sessions'), 'Your other sessions have ended')}>End all others</Button> : null}>
      {list.isPending ? <Loading what="your sessions" lines={2} /> : list.error && !list.data ? <ProblemPanel error={list.error} compact /> : (
        <SessionList
          rows={rows}
          action={(s) => <button type="button" className="link" onClick={() => void attempt(() => api.delete('/api/v1/session/sessions/{id}', { path: { id: s.id } }), 'The session has ended')}>End it</button>}
        />
      )}
      {error ? <ProblemPanel error={error} compact /> : null}
    </Panel>
  )
}
