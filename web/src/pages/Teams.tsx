// Teams: people who get rights together. Who reads only a part of the tenant sees the own ones.
import { Button, Checkbox, Menu, Modal, TagsInput, TextInput } from '@mantine/core'
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
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'

const folded = (name: string) => name.trim().toLowerCase()

export default function Teams() {
  const may = useMay('team.manage')
  const me = folded(useSession()?.username ?? '')
  const client = useQueryClient()
  const list = useQuery(q.teams())
  const [params, setParams] = useSearchParams()
  const [editing, setEditing] = useState<Team | null>(null)
  const [deleting, setDeleting] = useState<Team | null>(null)
  const refresh = () => void client.invalidateQueries({ queryKey: ['teams'] })
  const leads = (t: Team) => t.members.some((m) => m.role === 'lead' && folded(m.username) === me)
  const cols: Col<Team>[] = [
    { id: 'name', label: 'Name', width: 200, cell: (t) => <Foreign text={t.name} max={60} /> },
    { id: 'email', label: 'E-mail', width: 200, cell: (t) => (t.email ? <Foreign text={t.email} max={40} /> : null) },
    { id: 'members', label: 'Members', width: 320, cell: (t) => <Foreign text={t.members.map((m) => (m.role === 'lead' ? `${m.username} (lead)` : m.username)).join(', ') || 'nobody'} max={120} /> },
    { id: 'created', label: 'Made', width: 110, wide: true, cell: (t) => <When at={t.created_at} /> },
    { id: 'act', label: 'Actions', act: true, width: 90, cell: (t) => (may || leads(t) ? (
      <Menu position="bottom-end" width={180}>
        <Menu.Target><button type="button" className="link" aria-label={`Actions for ${t.name}`}>Actions</button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setEditing(t)}>Edit</Menu.Item>
          {may ? <Menu.Item color="danger" onClick={() => setDeleting(t)}>Delete</Menu.Item> : null}
        </Menu.Dropdown>
      </Menu>
    ) : null) },
  ]
  const make = () => setParams({ team: 'new' })
  return (
    <Page
      title="Teams"
      trail={[{ to: '/settings', label: 'Settings' }]}
      actions={may ? <Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={make}>Make a team</Button> : null}
    >
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data?.items.length === 0 ? (
        <Empty icon={<IconUsersGroup size={26} stroke={1.4} aria-hidden />} title="No teams yet">{may ? 'A team gets rights once for all its members: on a datacenter, a system, a connection, or one thing, in the access tab of that thing.' : 'You are in no team.'}</Empty>
      ) : (
        <DataTable label="Teams" rows={list.data?.items ?? []} cols={cols} rowKey={(t) => t.id} loading={list.isPending} />
      )}
      {params.get('team') ? <Edit onClose={() => { setParams({}); refresh() }} /> : null}
      {editing ? <Edit key={editing.id} team={editing} onClose={() => { setEditing(null); refresh() }} /> : null}
      {deleting ? (
        <Confirm
          title={`Delete the team ${deleting.name}`}
          verb="Delete the team"
          danger
          onClose={() => setDeleting(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/teams/{id}', { path: { id: deleting.id } })
            refresh()
            say(`${deleting.name} deleted`)
          }}
        >
          <p>Everything that was granted to it is taken back. Its members keep what they have themselves.</p>
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
  const users = useQuery({ ...q.users(), enabled: mayList })
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    const body = { name: name.trim(), email: email.trim(), members: members.map((username) => ({ username, role: leads.has(username) ? ('lead' as const) : ('member' as const) })) }
    try {
      const saved = team ? await api.put('/api/v1/teams/{id}', { path: { id: team.id }, ifMatch: team.version, body }) : await api.post('/api/v1/teams', { body })
      say(`${saved.name} saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={team ? `Edit ${team.name}` : 'Make a team'} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label="Name" required value={name} onChange={(e) => setName(e.currentTarget.value)} error={fields.get('/name')} data-autofocus autoComplete="off" />
        <TextInput label="E-mail" type="email" value={email} onChange={(e) => setEmail(e.currentTarget.value)} error={fields.get('/email')} autoComplete="off" />
        <TagsInput label="Members" description="User names; press Enter after each." data={users.data?.items.map((u) => u.username) ?? []} value={members} onChange={setMembers} error={fields.get('/members')} />
        {members.length ? (
          <fieldset className="stack-s">
            <legend>Leads, who may change the team</legend>
            {members.map((m) => (
              <Checkbox key={m} label={m} checked={leads.has(m)} onChange={(e) => { const next = new Set(leads); if (e.currentTarget.checked) next.add(m); else next.delete(m); setLeads(next) }} />
            ))}
          </fieldset>
        ) : null}
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}>Save</Button><Button onClick={onClose}>Cancel</Button></div>
      </form>
    </Modal>
  )
}
