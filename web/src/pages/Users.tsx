// Who may sign in: invited by a link, edited, disabled, helped when something was forgotten or lost.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Menu, Modal, MultiSelect, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconPlus, IconUsers } from '@tabler/icons-react'
import { useState } from 'react'
import { useSearchParams } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { User, UserLink } from '../api/types'
import { useMay, useSession } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { State } from '../parts/marks'
import { Page } from '../parts/Page'
import { Face, PictureEdit, usePictures } from '../parts/Picture'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign, Snippet } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { useGroupNames, useRoles } from './roleChoices'
import { SessionList } from './Sessions'
import { Members } from './TenantMembers'

type Act = 'edit' | 'link' | 'sessions' | 'factor' | 'delete'

const stateOf = (u: User) => (u.disabled ? <State state="revoked" word={t`disabled`} /> : u.invited ? <State state="queued" word={t`invited`} /> : <State state="active" word={t`active`} />)

export default function Users() {
  const may = useMay('user.manage')
  const session = useSession()
  const me = session?.username
  const client = useQueryClient()
  const list = useQuery({ ...q.users(), enabled: may })
  const [params, setParams] = useSearchParams()
  const [acting, setActing] = useState<{ user: User; act: Act } | null>(null)
  const [given, setGiven] = useState<{ user: User; link: UserLink } | null>(null)
  const pictureOf = usePictures()
  const refresh = () => void client.invalidateQueries({ queryKey: ['users'] })
  const done = () => { setActing(null); refresh() }
  const cols: Col<User>[] = [
    { id: 'username', label: t`User name`, width: 170, cell: (u) => <span className="row-n"><Face name={u.display_name || u.username} picture={pictureOf('user', u.username)} /><Foreign text={u.username} max={40} /></span> },
    { id: 'name', label: t`Name`, width: 160, cell: (u) => (u.display_name ? <Foreign text={u.display_name} max={40} /> : null) },
    { id: 'email', label: t`E-mail`, width: 190, cell: (u) => (u.email ? <Foreign text={u.email} max={40} /> : null) },
    { id: 'role', label: t`Role or groups`, width: 130, cell: (u) => (u.groups?.length ? <span title={t`In place of a role`}>{u.groups.join(', ')}</span> : u.role) },
    { id: 'state', label: t`State`, width: 110, cell: stateOf },
    { id: 'factor', label: t`Second factor`, width: 110, cell: (u) => (u.second_factor ? t`yes` : t`no`) },
    { id: 'last', label: t`Last sign-in`, width: 110, wide: true, cell: (u) => <When at={u.last_sign_in} /> },
    { id: 'link', label: t`Link ends`, width: 100, wide: true, cell: (u) => <When at={u.link_until} never={t`none`} /> },
    { id: 'act', label: t`Actions`, act: true, width: 90, cell: (u) => <Actions user={u} own={u.username === me} onAct={(act) => setActing({ user: u, act })} /> },
  ]
  return (
    <Page
      title={t`Users`}
      trail={[{ to: '/settings', label: t`Settings` }]}
      actions={may ? <><Button onClick={() => setParams({ members: '1' })}><Trans>Members of other tenants</Trans></Button><Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setParams({ invite: '1' })}><Trans>Invite somebody</Trans></Button></> : null}
    >
      {!may ? <Empty icon={<IconUsers size={26} stroke={1.4} aria-hidden />} title={t`Users are an administrator’s to manage`}><Trans>Your own profile and password are in your account.</Trans></Empty> : list.error && !list.data ? (
        <ProblemPanel error={list.error} retry={() => void list.refetch()} />
      ) : (
        <DataTable label={t`Users`} rows={list.data?.items ?? []} cols={cols} rowKey={(u) => u.username} loading={list.isPending} faded={(u) => u.disabled} />
      )}
      {params.get('members') && session ? <Members id={session.tenant} name={session.tenant_name} appoint={session.actions.includes('tenant.manage')} onClose={() => setParams({})} /> : null}
      {params.get('invite') ? <Invite onClose={() => { setParams({}); refresh() }} /> : null}
      {acting?.act === 'edit' ? <Edit user={acting.user} own={acting.user.username === me} onClose={done} /> : null}
      {acting?.act === 'sessions' ? <Sessions user={acting.user} onClose={done} /> : null}
      {acting?.act === 'link' ? (
        <Confirm
          title={acting.user.invited ? t`New invitation for ${acting.user.username}` : t`Reset the password of ${acting.user.username}`}
          verb={t`Make a link`}
          onClose={() => setActing(null)}
          onConfirm={async () => {
            const link = await api.post('/api/v1/users/{username}/link', { path: { username: acting.user.username } })
            setGiven({ user: acting.user, link })
            refresh()
          }}
        >
          <p>{acting.user.invited ? t`The link that was given before ends.` : t`The password stays until the link is used; then every session of the user ends.`}</p>
        </Confirm>
      ) : null}
      {acting?.act === 'factor' ? (
        <Confirm
          title={t`Reset the second factor of ${acting.user.username}`}
          verb={t`Reset the second factor`}
          danger
          onClose={done}
          onConfirm={async () => {
            await api.delete('/api/v1/users/{username}/second-factor', { path: { username: acting.user.username } })
            say(t`${acting.user.username} signs in with the password alone now`)
          }}
        >
          <p><Trans>Make sure that it is really this person who asks: from then on the password alone is enough, until a new second factor is set up.</Trans></p>
        </Confirm>
      ) : null}
      {acting?.act === 'delete' ? (
        <Confirm
          title={t`Delete ${acting.user.username}`}
          verb={t`Delete the user`}
          danger
          onClose={done}
          onConfirm={async () => {
            await api.delete('/api/v1/users/{username}', { path: { username: acting.user.username } })
            say(t`${acting.user.username} deleted`)
          }}
        >
          <p><Trans>All sessions end. The audit trail keeps what the user did. To keep the account for later, disable it instead.</Trans></p>
        </Confirm>
      ) : null}
      {given ? (
        <Modal opened onClose={() => setGiven(null)} title={t`Link for ${given.user.username}`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
          <Given link={given.link} onDone={() => setGiven(null)} />
        </Modal>
      ) : null}
    </Page>
  )
}

function Actions({ user, own, onAct }: { user: User; own: boolean; onAct: (act: Act) => void }) {
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target><button type="button" className="link" aria-label={t`Actions for ${user.username}`}><Trans>Actions</Trans></button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => onAct('edit')}><Trans>Edit</Trans></Menu.Item>
        <Menu.Item disabled={user.disabled} onClick={() => onAct('link')}>{user.invited ? t`New invitation link` : t`Link for a new password`}</Menu.Item>
        <Menu.Item onClick={() => onAct('sessions')}><Trans>Sessions</Trans></Menu.Item>
        <Menu.Item disabled={!user.second_factor || own} onClick={() => onAct('factor')}><Trans>Reset the second factor</Trans></Menu.Item>
        <Menu.Divider />
        <Menu.Item color="danger" disabled={own} onClick={() => onAct('delete')}><Trans>Delete</Trans></Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

/** The link as it is handed over; without a public address the collector knows only its path. */
function Given({ link, onDone }: { link: UserLink; onDone: () => void }) {
  return (
    <div className="stack">
      {link.mailed ? <p><Trans>It was sent by mail. You can hand it over yourself too:</Trans></p> : <p><Trans>Hand this over in a way that only this person reads. It is shown only now.</Trans></p>}
      {link.mail_problem ? <p role="alert">{link.mail_problem}</p> : null}
      <Snippet label={t`the link`} text={new URL(link.link, location.origin).toString()} />
      <p className="muted"><Trans>It sets the password once, and ends <When at={link.expires_at} />.</Trans></p>
      <div><Button variant="filled" onClick={onDone}><Trans>Done</Trans></Button></div>
    </div>
  )
}

interface Draft {
  display_name: string
  email: string
  role: string
  groups: string[]
}

function Fields({ draft, onChange, fields, own }: { draft: Draft; onChange: (d: Draft) => void; fields: Map<string, string>; own?: boolean }) {
  const roles = useRoles()
  const groups = useGroupNames()
  return (
    <>
      <TextInput label={t`Name`} value={draft.display_name} onChange={(e) => onChange({ ...draft, display_name: e.currentTarget.value })} error={fields.get('/display_name')} autoComplete="off" />
      <TextInput label={t`E-mail`} type="email" value={draft.email} onChange={(e) => onChange({ ...draft, email: e.currentTarget.value })} error={fields.get('/email')} autoComplete="off" />
      <Select label={t`Role`} data={roles} value={draft.role} onChange={(v) => onChange({ ...draft, role: v ?? 'reader' })} error={fields.get('/role')} allowDeselect={false} disabled={own ?? false} description={own ? t`Another administrator can change yours.` : undefined} />
      <MultiSelect label={t`Permission groups in place of the role`} description={t`Leave it empty for those of the role.`} data={groups} value={draft.groups} onChange={(v) => onChange({ ...draft, groups: v })} error={fields.get('/groups')} disabled={own ?? false} clearable />
    </>
  )
}

function Invite({ onClose }: { onClose: () => void }) {
  const [username, setUsername] = useState('')
  const [draft, setDraft] = useState<Draft>({ display_name: '', email: '', role: 'reader', groups: [] })
  const [link, setLink] = useState<UserLink | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      setLink((await api.post('/api/v1/users', { body: { username: username.trim(), ...draft } })).link)
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Modal opened onClose={onClose} title={link ? t`${username} is invited` : t`Invite somebody`} size={link ? 'lg' : 'md'} closeButtonProps={{ 'aria-label': t`Close` }}>
      {link ? <Given link={link} onDone={onClose} /> : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
          <TextInput label={t`User name`} required data-autofocus value={username} onChange={(e) => setUsername(e.currentTarget.value)} error={fields.get('/username')} autoComplete="off" autoCapitalize="none" />
          <Fields draft={draft} onChange={setDraft} fields={fields} />
          {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
          <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Invite</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
        </form>
      )}
    </Modal>
  )
}

function Edit({ user, own, onClose }: { user: User; own: boolean; onClose: () => void }) {
  const client = useQueryClient()
  const pictureOf = usePictures()
  const [draft, setDraft] = useState<Draft>({ display_name: user.display_name, email: user.email, role: user.role, groups: user.groups ?? [] })
  const [disabled, setDisabled] = useState(user.disabled)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await api.put('/api/v1/users/{username}', { path: { username: user.username }, ifMatch: user.version, body: { ...draft, disabled } })
      say(t`${user.username} saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={t`Edit ${user.username}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <PictureEdit
          name={user.display_name || user.username}
          picture={pictureOf('user', user.username)}
          onChoose={(file) => api.put('/api/v1/users/{username}/picture', { path: { username: user.username }, raw: file } as never)}
          onRemove={() => api.delete('/api/v1/users/{username}/picture', { path: { username: user.username } })}
          onDone={() => {
            void client.invalidateQueries({ queryKey: ['pictures'] })
            if (own) void client.invalidateQueries({ queryKey: q.session().queryKey })
          }}
        />
        <Fields draft={draft} onChange={setDraft} fields={fields} own={own} />
        <Checkbox label={t`Disabled`} description={t`May not sign in; all sessions end at once.`} disabled={own} checked={disabled} onChange={(e) => setDisabled(e.currentTarget.checked)} />
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}

function Sessions({ user, onClose }: { user: User; onClose: () => void }) {
  const client = useQueryClient()
  const list = useQuery(q.userSessions(user.username))
  const [error, setError] = useState<unknown>(null)
  const end = async () => {
    try {
      await api.delete('/api/v1/users/{username}/sessions', { path: { username: user.username } })
      void client.invalidateQueries({ queryKey: ['sessions'] })
      say(t`All sessions of ${user.username} have ended`)
      onClose()
    } catch (err) {
      setError(err)
    }
  }
  const rows = list.data?.items ?? []
  return (
    <Modal opened onClose={onClose} title={t`Sessions of ${user.username}`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <div className="stack">
        {list.isPending ? <Loading what={t`the sessions`} lines={3} /> : list.error && !list.data ? <ProblemPanel error={list.error} compact /> : <SessionList rows={rows} />}
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">{rows.length ? <Button color="danger" variant="filled" onClick={() => void end()}><Trans>End them all</Trans></Button> : null}<Button onClick={onClose}><Trans>Close</Trans></Button></div>
      </div>
    </Modal>
  )
}
