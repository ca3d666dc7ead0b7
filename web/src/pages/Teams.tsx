// Teams: people who get rights together. Who reads only a part of the tenant sees the own ones.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Avatar, Button, Checkbox, Menu, Modal, TagsInput, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconPlus, IconUsersGroup } from '@tabler/icons-react'
import { useState } from 'react'
import { useSearchParams } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Team } from '../api/types'
import { useMay, useSession } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { Page } from '../parts/Page'
import { Face, PictureEdit, usePictures } from '../parts/Picture'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'

/** Faces of a team's members in the list; the names beside them are all there. */
const mostFaces = 5

const folded = (name: string) => name.trim().toLowerCase()

export default function Teams() {
  const may = useMay('team.manage')
  const me = folded(useSession()?.username ?? '')
  const client = useQueryClient()
  const list = useQuery(q.teams())
  const [params, setParams] = useSearchParams()
  const [editing, setEditing] = useState<Team | null>(null)
  const [deleting, setDeleting] = useState<Team | null>(null)
  const pictureOf = usePictures()
  const refresh = () => void client.invalidateQueries({ queryKey: ['teams'] })
  const leads = (it: Team) => it.members.some((m) => m.role === 'lead' && folded(m.username) === me)
  const cols: Col<Team>[] = [
    { id: 'name', label: t`Name`, width: 200, cell: (it) => <span className="row-n"><Face name={it.name} picture={pictureOf('team', it.id)} /><Foreign text={it.name} max={60} /></span> },
    { id: 'email', label: t`E-mail`, width: 200, cell: (it) => (it.email ? <Foreign text={it.email} max={40} /> : null) },
    { id: 'members', label: t`Members`, width: 320, cell: (it) => <span className="row-n">{it.members.length ? <Avatar.Group spacing={6} aria-hidden>{it.members.slice(0, mostFaces).map((m) => <Face key={m.username} name={m.username} picture={pictureOf('user', m.username)} />)}</Avatar.Group> : null}<Foreign text={it.members.map((m) => (m.role === 'lead' ? t`${m.username} (lead)` : m.username)).join(', ') || t`nobody`} max={120} /></span> },
    { id: 'created', label: t`Made`, width: 110, wide: true, cell: (it) => <When at={it.created_at} /> },
    { id: 'act', label: t`Actions`, act: true, width: 90, cell: (it) => (may || leads(it) ? (
      <Menu position="bottom-end" width={180}>
        <Menu.Target><button type="button" className="link" aria-label={t`Actions for ${it.name}`}><Trans>Actions</Trans></button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setEditing(it)}><Trans>Edit</Trans></Menu.Item>
          {may ? <Menu.Item color="danger" onClick={() => setDeleting(it)}><Trans>Delete</Trans></Menu.Item> : null}
        </Menu.Dropdown>
      </Menu>
    ) : null) },
  ]
  const make = () => setParams({ team: 'new' })
  return (
    <Page
      title={t`Teams`}
      trail={[{ to: '/settings', label: t`Settings` }]}
      actions={may ? <Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={make}><Trans>Make a team</Trans></Button> : null}
    >
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data?.items.length === 0 ? (
        <Empty icon={<IconUsersGroup size={26} stroke={1.4} aria-hidden />} title={t`No teams yet`}>{may ? t`A team gets rights once for all its members: on a datacenter, a system, a connection, or one thing, in the access tab of that thing.` : t`You are in no team.`}</Empty>
      ) : (
        <DataTable label={t`Teams`} rows={list.data?.items ?? []} cols={cols} rowKey={(it) => it.id} loading={list.isPending} />
      )}
      {params.get('team') ? <Edit onClose={() => { setParams({}); refresh() }} /> : null}
      {editing ? <Edit key={editing.id} team={editing} onClose={() => { setEditing(null); refresh() }} /> : null}
      {deleting ? (
        <Confirm
          title={t`Delete the team ${deleting.name}`}
          verb={t`Delete the team`}
          danger
          onClose={() => setDeleting(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/teams/{id}', { path: { id: deleting.id } })
            refresh()
            say(t`${deleting.name} deleted`)
          }}
        >
          <p><Trans>Everything that was granted to it is taken back. Its members keep what they have themselves.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

function Edit({ team, onClose }: { team?: Team; onClose: () => void }) {
  const [name, setName] = useState(team?.name ?? '')
  const [email, setEmail] = useState(team?.email ?? '')
  const [members, setMembers] = useState(team?.members.map((m) => m.username) ?? [])
  const [leads, setLeads] = useState(new Set(team?.members.filter((m) => m.role === 'lead').map((m) => m.username)))
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const mayList = useMay('user.manage')
  const client = useQueryClient()
  const pictureOf = usePictures()
  const users = useQuery({ ...q.users(), enabled: mayList })
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    const body = { name: name.trim(), email: email.trim(), members: members.map((username) => ({ username, role: leads.has(username) ? ('lead' as const) : ('member' as const) })) }
    try {
      const saved = team ? await api.put('/api/v1/teams/{id}', { path: { id: team.id }, ifMatch: team.version, body }) : await api.post('/api/v1/teams', { body })
      say(t`${saved.name} saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={team ? t`Edit ${team.name}` : t`Make a team`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        {team ? (
          <PictureEdit
            name={team.name}
            picture={pictureOf('team', team.id)}
            onChoose={(file) => api.put('/api/v1/teams/{id}/picture', { path: { id: team.id }, raw: file } as never)}
            onRemove={() => api.delete('/api/v1/teams/{id}/picture', { path: { id: team.id } })}
            onDone={() => void client.invalidateQueries({ queryKey: ['pictures'] })}
          />
        ) : null}
        <TextInput label={t`Name`} required value={name} onChange={(e) => setName(e.currentTarget.value)} error={fields.get('/name')} data-autofocus autoComplete="off" />
        <TextInput label={t`E-mail`} type="email" value={email} onChange={(e) => setEmail(e.currentTarget.value)} error={fields.get('/email')} autoComplete="off" />
        <TagsInput label={t`Members`} description={t`User names; press Enter after each.`} data={users.data?.items.map((u) => u.username) ?? []} value={members} onChange={setMembers} error={fields.get('/members')} />
        {members.length ? (
          <fieldset className="stack-s">
            <legend><Trans>Leads, who may change the team</Trans></legend>
            {members.map((m) => (
              <Checkbox key={m} label={m} checked={leads.has(m)} onChange={(e) => { const next = new Set(leads); if (e.currentTarget.checked) next.add(m); else next.delete(m); setLeads(next) }} />
            ))}
          </fieldset>
        ) : null}
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}
