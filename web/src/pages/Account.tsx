// One's own account: name, password, second factor, sessions.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button, Modal, PasswordInput, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Profile } from '../api/types'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { NewPassword } from '../parts/NewPassword'
import { Page, Panel } from '../parts/Page'
import { PictureEdit } from '../parts/Picture'
import { Loading, ProblemPanel } from '../parts/States'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Account.module.css'
import { meaning, ProviderButtons, word } from './Providers'
import { FactorOff, FreshCodes, SetUpFactor } from './SecondFactor'
import { SessionList } from './Sessions'

const show = { 'aria-label': t`Show or hide the password` }

export default function Account() {
  const profile = useQuery(q.profile())
  return (
    <Page narrow title={t`Profile and security`}>
      {profile.isPending ? <Loading what={t`your account`} /> : !profile.data ? <ProblemPanel error={profile.error} retry={() => void profile.refetch()} /> : (
        <>
          <Person key={profile.data.version} profile={profile.data} />
          <Rights username={profile.data.username} />
          <Picture />
          <Providers profile={profile.data} />
          {profile.data.has_password ? <Password username={profile.data.username} /> : null}
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
      say(t`Your profile is saved`)
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Panel title={t`Profile`}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <div className={css.fields}>
          <TextInput label={t`User name`} value={profile.username} readOnly disabled />
          <TextInput label={t`Name`} value={name} onChange={(e) => setName(e.currentTarget.value)} error={fields.get('/display_name')} autoComplete="name" />
          <TextInput label={t`E-mail`} type="email" value={email} onChange={(e) => setEmail(e.currentTarget.value)} error={fields.get('/email')} autoComplete="email" />
          {another && profile.has_password ? <PasswordInput label={t`Your password`} description={t`Links to set a password go to the new address.`} required value={password} onChange={(e) => setPassword(e.currentTarget.value)} error={fields.get('/current_password')} autoComplete="current-password" visibilityToggleButtonProps={show} /> : null}
        </div>
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div><Button type="submit" loading={busy} disabled={!another && name.trim() === profile.display_name}><Trans>Save the profile</Trans></Button></div>
      </form>
    </Panel>
  )
}

/** What one is here: the role, and the teams whose rights one has. */
function Rights({ username }: { username: string }) {
  const session = useQuery(q.session()).data
  const teams = useQuery(q.teams())
  const own = (teams.data?.items ?? []).filter((x) => x.members.some((m) => m.username === username))
  return (
    <Panel title={t`Role and teams`}>
      <div className="stack-s">
        <p><Trans>Role in {session?.tenant_name}: {session?.role}</Trans></p>
        {teams.data ? <p>{own.length ? <Trans>Teams: {own.map((x) => x.name).join(', ')}</Trans> : <Trans>You are in no team.</Trans>}</p> : null}
      </div>
    </Panel>
  )
}

function Providers({ profile }: { profile: Profile }) {
  const client = useQueryClient()
  const ways = useQuery(q.ways())
  const [leaving, setLeaving] = useState<{ id: string; name: string } | null>(null)
  if (!ways.data?.providers.length) return null
  const linked = ways.data.providers.filter((p) => profile.providers?.includes(p.id))
  const said = meaning(word())
  return (
    <Panel title={t`Sign-in with a provider`}>
      <div className="stack-s">
        <p>{linked.length ? t`Your account is linked: the provider signs you in, without a password of Maestro.` : t`Link your account, and the provider signs you in without a password of Maestro.`}</p>
        {said && !(word() === 'linked' && !linked.length) ? <p role="status">{said}</p> : null}
        {linked.length && !profile.has_password ? <p className="muted"><Trans>It is the only way in which you sign in, so the link stays until you have a password: an administrator can give you a link to set one.</Trans></p> : null}
        <div className="row">
          {linked.length ? (profile.has_password ? linked.map((p) => <Button key={p.id} onClick={() => setLeaving(p)}>{t`Unlink ${p.name}`}</Button>) : null) : <ProviderButtons link />}
        </div>
      </div>
      {leaving ? (
        <Confirm title={t`Unlink ${leaving.name}`} verb={t`Unlink`} danger onClose={() => setLeaving(null)} onConfirm={async () => {
          await api.delete('/api/v1/session/providers/{id}', { path: { id: leaving.id } })
          await client.invalidateQueries({ queryKey: q.profile().queryKey })
          void client.invalidateQueries({ queryKey: ['sessions'] })
          say(t`${leaving.name} is unlinked from your account`)
        }}>
          <p><Trans>It signs you in no more, and you leave the teams that it put you into. Your other sessions that began with it end. You can link it again.</Trans></p>
        </Confirm>
      ) : null}
    </Panel>
  )
}

function Picture() {
  const client = useQueryClient()
  const session = useQuery(q.session()).data
  return (
    <Panel title={t`Picture`}>
      <PictureEdit
        name={session?.username ?? ''}
        picture={session?.picture}
        onChoose={(file) => api.put('/api/v1/session/picture', { raw: file } as never)}
        onRemove={() => api.delete('/api/v1/session/picture')}
        onDone={() => {
          void client.invalidateQueries({ queryKey: q.session().queryKey })
          void client.invalidateQueries({ queryKey: ['pictures'] })
        }}
      />
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
      void client.invalidateQueries({ queryKey: q.session().queryKey })
      say(t`Your password is changed; your other sessions have ended`)
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Panel title={t`Password`}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); if (next === again) void submit() }}>
        <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
        <div className={css.fields}>
          <PasswordInput label={t`Current password`} autoComplete="current-password" required value={current} onChange={(e) => setCurrent(e.currentTarget.value)} error={fields.get('/current_password')} visibilityToggleButtonProps={show} />
          <NewPassword small next={next} again={again} onNext={setNext} onAgain={setAgain} error={fields.get('/new_password')} />
        </div>
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div><Button type="submit" loading={busy} disabled={!current || !next || next !== again}><Trans>Change the password</Trans></Button></div>
      </form>
    </Panel>
  )
}

function Factor({ profile }: { profile: Profile }) {
  const client = useQueryClient()
  const [dialog, setDialog] = useState<'up' | 'off' | 'codes' | null>(null)
  const close = () => { setDialog(null); void client.invalidateQueries({ queryKey: ['profile'] }) }
  return (
    <Panel title={t`Second factor`} actions={profile.second_factor ? <><Button onClick={() => setDialog('codes')}><Trans>New recovery codes</Trans></Button><Button onClick={() => setDialog('off')}><Trans>Turn it off</Trans></Button></> : <Button variant="filled" onClick={() => setDialog('up')}><Trans>Set one up</Trans></Button>}>
      {profile.second_factor ? (
        <div className="stack-s">
          <p><Trans><State state="active" word={t`on`} /> since <When at={profile.second_factor_since} />. Signing in asks for a code of your authenticator.</Trans></p>
          <p className={profile.recovery_codes_left > 2 ? 'muted' : undefined}><Trans>{profile.recovery_codes_left} recovery <Plural value={profile.recovery_codes_left} one="code is" other="codes are" /> left.{profile.recovery_codes_left > 2 ? '' : t` Make new ones before you need them.`}</Trans></p>
        </div>
      ) : profile.has_password ? <p><Trans>Signing in asks for the password alone. With a second factor somebody who learns your password cannot get in.</Trans></p> : <p><Trans>Your provider decides what signing in asks for. A second factor of Maestro is asked for as well where its operator wants that.</Trans></p>}
      {dialog === 'up' ? (
        <Modal opened onClose={close} title={t`Set up a second factor`} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t`Close` }}>
          <SetUpFactor onDone={() => { close(); say(t`Your second factor is on`) }} onCancel={close} />
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
    <Panel title={t`Sessions`} actions={rows.length > 1 ? <Button onClick={() => void attempt(() => api.delete('/api/v1/session/sessions'), t`Your other sessions have ended`)}><Trans>End all others</Trans></Button> : null}>
      {list.isPending ? <Loading what={t`your sessions`} lines={2} /> : list.error && !list.data ? <ProblemPanel error={list.error} compact /> : (
        <SessionList
          rows={rows}
          action={(s) => <button type="button" className="link" onClick={() => void attempt(() => api.delete('/api/v1/session/sessions/{id}', { path: { id: s.id } }), t`The session has ended`)}><Trans>End it</Trans></button>}
        />
      )}
      {error ? <ProblemPanel error={error} compact /> : null}
    </Panel>
  )
}
