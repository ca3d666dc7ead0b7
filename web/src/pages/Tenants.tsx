// Tenants: whose inventories are kept apart, who is in them, and the customers that have several. For administrators of the installation.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Menu, Modal, MultiSelect, Select, TagsInput, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconBuildings, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { useSearchParams } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Tenant, TenantGroup } from '../api/types'
import { useMay, useSession } from '../frame/session'
import { useEnterTenant } from '../frame/TenantSwitcher'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { PictureChoice } from '../parts/Picture'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { languages, type Language } from '../texts/language'
import { Members } from './TenantMembers'
import css from './Tenants.module.css'

type Act = 'edit' | 'logo' | 'members' | 'disable' | 'enable'

export default function Tenants() {
  const may = useMay('tenant.manage')
  const session = useSession()
  const client = useQueryClient()
  const list = useQuery({ ...q.tenants(), enabled: may })
  const groups = useQuery({ ...q.tenantGroups(), enabled: may })
  const places = useQuery(q.places())
  const enterTenant = useEnterTenant()
  const [params, setParams] = useSearchParams()
  const [acting, setActing] = useState<{ tenant: Tenant; act: Act } | null>(null)
  const refresh = () => {
    void client.invalidateQueries({ queryKey: ['tenants'] })
    void client.invalidateQueries({ queryKey: ['tenant-groups'] })
    void client.invalidateQueries({ queryKey: ['places'] })
  }
  const done = () => { setActing(null); refresh() }
  const mine = new Set((places.data?.items ?? []).filter((p) => !p.disabled).map((p) => p.tenant))
  const cols: Col<Tenant>[] = [
    { id: 'name', label: t`Name`, width: 220, cell: (it) => <span className="row">{it.logo ? <img className={css.small} src={it.logo} alt="" /> : null}<Foreign text={it.name} max={60} /></span> },
    { id: 'id', label: t`Id`, width: 140, cell: (it) => <Foreign text={it.id} mono /> },
    { id: 'group', label: t`Group`, width: 160, cell: (it) => (it.group ? <Foreign text={it.group.name ?? ''} max={40} /> : null) },
    { id: 'state', label: t`State`, width: 240, cell: (it) => (it.disabled ? <span title={it.reason}><State state="revoked" word={t`disabled`} /> <Foreign text={it.reason ?? ''} max={40} /></span> : <State state="active" word={t`open`} />) },
    { id: 'created', label: t`Made`, width: 110, wide: true, cell: (it) => <When at={it.created_at} never={t`at first start`} /> },
    { id: 'act', label: t`Actions`, act: true, width: 90, cell: (it) => (
      <Menu position="bottom-end" width={200}>
        <Menu.Target><button type="button" className="link" aria-label={t`Actions for ${it.name}`}><Trans>Actions</Trans></button></Menu.Target>
        <Menu.Dropdown>
          {mine.has(it.id) && it.id !== session?.tenant ? <Menu.Item onClick={() => void enterTenant(it.id)}><Trans>Go there</Trans></Menu.Item> : null}
          <Menu.Item onClick={() => setActing({ tenant: it, act: 'edit' })}><Trans>Edit</Trans></Menu.Item>
          <Menu.Item onClick={() => setActing({ tenant: it, act: 'logo' })}><Trans>Logo</Trans></Menu.Item>
          <Menu.Item onClick={() => setActing({ tenant: it, act: 'members' })}><Trans>Members</Trans></Menu.Item>
          {it.disabled ? <Menu.Item onClick={() => setActing({ tenant: it, act: 'enable' })}><Trans>Enable</Trans></Menu.Item> : it.id === 'default' ? null : <Menu.Item color="danger" onClick={() => setActing({ tenant: it, act: 'disable' })}><Trans>Disable</Trans></Menu.Item>}
        </Menu.Dropdown>
      </Menu>
    ) },
  ]
  const put = (it: Tenant, change: { disabled: boolean; reason?: string }) =>
    api.put('/api/v1/tenants/{id}', { path: { id: it.id }, ifMatch: it.version, body: { name: it.name, ...(it.group ? { group: it.group.id } : {}), ...(it.mail_name ? { mail_name: it.mail_name } : {}), ...(it.mail_reply_to ? { mail_reply_to: it.mail_reply_to } : {}), ...(it.language ? { language: it.language } : {}), ...change } })
  return (
    <Page
      title={t`Tenants`}
      trail={[{ to: '/settings', label: t`Settings` }]}
      actions={may ? <Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setParams({ tenant: 'new' })}><Trans>Make a tenant</Trans></Button> : null}
    >
      {!may ? <Empty icon={<IconBuildings size={26} stroke={1.4} aria-hidden />} title={t`Tenants are managed by the installation’s administrators`}><Trans>Those are the administrators of its first tenant.</Trans></Empty> : list.error && !list.data ? (
        <ProblemPanel error={list.error} retry={() => void list.refetch()} />
      ) : (
        <div className="stack">
          <DataTable label={t`Tenants`} rows={list.data?.items ?? []} cols={cols} rowKey={(it) => it.id} loading={list.isPending} faded={(it) => it.disabled} />
          <Groups groups={groups.data?.items ?? []} error={groups.data ? null : groups.error} onChange={refresh} />
        </div>
      )}
      {may && params.get('tenant') === 'new' ? <Edit groups={groups.data?.items ?? []} onClose={() => { setParams({}); refresh() }} /> : null}
      {acting?.act === 'edit' ? <Edit key={acting.tenant.id} tenant={acting.tenant} groups={groups.data?.items ?? []} onClose={done} /> : null}
      {acting?.act === 'logo' ? <Logo key={acting.tenant.id} tenant={(list.data?.items ?? []).find((it) => it.id === acting.tenant.id) ?? acting.tenant} onChange={refresh} onClose={done} /> : null}
      {acting?.act === 'members' ? <Members id={acting.tenant.id} name={acting.tenant.name} appoint onClose={done} /> : null}
      {acting?.act === 'disable' ? (
        <Confirm title={t`Disable ${acting.tenant.name}`} verb={t`Disable the tenant`} danger reason="required" onClose={done} onConfirm={async (reason) => { await put(acting.tenant, { disabled: true, reason }); say(t`${acting.tenant.name} is disabled`) }}>
          <p><Trans>Nobody gets in any more: people, tokens and agents are refused and told the reason that you give. Nothing is deleted; agents keep what they read until it is enabled again.</Trans></p>
        </Confirm>
      ) : null}
      {acting?.act === 'enable' ? (
        <Confirm title={t`Enable ${acting.tenant.name}`} verb={t`Enable the tenant`} onClose={done} onConfirm={async () => { await put(acting.tenant, { disabled: false }); say(t`${acting.tenant.name} is open again`) }}>
          <p><Trans>It was disabled: <Foreign text={acting.tenant.reason ?? ''} max={200} />. People, tokens and agents get in again.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

/** A tenant's logo, as it looks on light and on dark: one picture has to do for both. */
function Logo({ tenant, onChange, onClose }: { tenant: Tenant; onChange: () => void; onClose: () => void }) {
  const client = useQueryClient()
  const first = tenant.id === 'default'
  return (
    <Modal opened onClose={onClose} title={t`Logo of ${tenant.name}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <div className="stack">
        <p>{first ? t`It stands at the top of every page and on the sign-in page, and tenants without one of their own show it too.` : t`It stands at the top of every page of this tenant. Without one, that of the installation is shown.`}</p>
        {tenant.logo ? (
          <div className={css.both}>
            <div data-on="light"><img src={tenant.logo} alt={t`On light`} /></div>
            <div data-on="dark"><img src={tenant.logo} alt={t`On dark`} /></div>
          </div>
        ) : <p className="muted"><Trans>There is none yet.</Trans></p>}
        <PictureChoice
          filled
          there={tenant.logo !== undefined}
          saved={t`The logo is saved`}
          removed={t`The logo is removed`}
          onChoose={(file) => api.put('/api/v1/tenants/{id}/logo', { path: { id: tenant.id }, raw: file } as never)}
          onRemove={() => api.delete('/api/v1/tenants/{id}/logo', { path: { id: tenant.id } })}
          onDone={() => { onChange(); void client.invalidateQueries({ queryKey: ['session'] }) }}
          hint={<Trans>PNG, JPEG, GIF or WebP of up to 4 MiB; it is made no larger than 480 by 160. See-through corners fit both light and dark.</Trans>}
          after={<Button onClick={onClose}><Trans>Close</Trans></Button>}
        />
      </div>
    </Modal>
  )
}

function Edit({ tenant, groups, onClose }: { tenant?: Tenant; groups: TenantGroup[]; onClose: () => void }) {
  const me = useSession()?.username ?? ''
  const [id, setID] = useState('')
  const [name, setName] = useState(tenant?.name ?? '')
  const [group, setGroup] = useState<string | null>(tenant?.group?.id ?? null)
  const [administrator, setAdministrator] = useState(me)
  const [mailName, setMailName] = useState(tenant?.mail_name ?? '')
  const [mailReply, setMailReply] = useState(tenant?.mail_reply_to ?? '')
  const [language, setLanguage] = useState(tenant?.language)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    const part = { name: name.trim(), ...(group ? { group } : {}) }
    try {
      const saved = tenant
        ? await api.put('/api/v1/tenants/{id}', { path: { id: tenant.id }, ifMatch: tenant.version, body: { ...part, disabled: tenant.disabled, ...(tenant.reason ? { reason: tenant.reason } : {}), mail_name: mailName.trim(), mail_reply_to: mailReply.trim(), ...(language ? { language } : {}) } })
        : await api.post('/api/v1/tenants', { body: { id: id.trim(), administrator: administrator.trim(), ...part } })
      say(t`${saved.name} saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={tenant ? t`Edit ${tenant.name}` : t`Make a tenant`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label={t`Name`} required value={name} onChange={(e) => setName(e.currentTarget.value)} error={fields.get('/name')} data-autofocus autoComplete="off" />
        {tenant ? null : <TextInput label={t`Id`} description={t`Short: it is in addresses and certificates, and stays for good.`} required value={id} onChange={(e) => setID(e.currentTarget.value)} error={fields.get('/id')} autoComplete="off" />}
        {groups.length ? <Select label={t`Group`} clearable data={groups.map((g) => ({ value: g.id, label: g.name }))} value={group} onChange={setGroup} error={fields.get('/group')} /> : null}
        {tenant ? null : <TextInput label={t`First administrator`} description={t`User name of somebody who is a user already.`} required value={administrator} onChange={(e) => setAdministrator(e.currentTarget.value)} error={fields.get('/administrator')} autoComplete="off" />}
        {tenant ? (
          <>
            <TextInput label={t`Sender of its letters`} description={t`A name; the address stays the installation’s.`} value={mailName} onChange={(e) => setMailName(e.currentTarget.value)} error={fields.get('/mail_name')} autoComplete="off" />
            <TextInput label={t`Answers to its letters go to`} type="email" value={mailReply} onChange={(e) => setMailReply(e.currentTarget.value)} error={fields.get('/mail_reply_to')} autoComplete="off" />
            <Select label={t`Language of its letters`} description={t`For people who chose none.`} clearable placeholder={t`That of whoever has them sent`} data={languages.map((l) => ({ value: l.id, label: l.name }))} value={language ?? null} onChange={(v) => setLanguage((v as Language | null) ?? undefined)} error={fields.get('/language')} />
          </>
        ) : null}
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}

const builtin = ['full_access', 'read_only', 'resources', 'resources_read_only', 'manage', 'manage_read_only']

function Groups({ groups, error, onChange }: { groups: TenantGroup[]; error: unknown; onChange: () => void }) {
  const [editing, setEditing] = useState<TenantGroup | 'new' | null>(null)
  const [deleting, setDeleting] = useState<TenantGroup | null>(null)
  const cols: Col<TenantGroup>[] = [
    { id: 'name', label: t`Name`, width: 180, cell: (g) => <Foreign text={g.name} max={60} /> },
    { id: 'tenants', label: t`Tenants`, width: 220, cell: (g) => <Foreign text={g.tenants.map((it) => it.name ?? it.id).join(', ') || t`none`} max={80} /> },
    { id: 'people', label: t`People`, width: 260, cell: (g) => <Foreign text={g.members.map((m) => `${m.username} (${m.role})`).join(', ') || t`nobody`} max={120} /> },
    { id: 'act', label: t`Actions`, act: true, width: 90, cell: (g) => (
      <Menu position="bottom-end" width={160}>
        <Menu.Target><button type="button" className="link" aria-label={t`Actions for the group ${g.name}`}><Trans>Actions</Trans></button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setEditing(g)}><Trans>Edit</Trans></Menu.Item>
          <Menu.Item color="danger" onClick={() => setDeleting(g)}><Trans>Delete</Trans></Menu.Item>
        </Menu.Dropdown>
      </Menu>
    ) },
  ]
  return (
    <Panel title={t`Tenant groups`} actions={<Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setEditing('new')}><Trans>Make a group</Trans></Button>}>
      {error ? <ProblemPanel error={error} compact /> : groups.length === 0 ? <p className="muted"><Trans>A group is a customer with several tenants: its people have their role in each of them.</Trans></p> : (
        <DataTable label={t`Tenant groups`} rows={groups} cols={cols} rowKey={(g) => g.id} />
      )}
      {editing ? <EditGroup {...(editing === 'new' ? {} : { group: editing })} onClose={() => { setEditing(null); onChange() }} /> : null}
      {deleting ? (
        <Confirm title={t`Delete the group ${deleting.name}`} verb={t`Delete the group`} danger onClose={() => setDeleting(null)} onConfirm={async () => { await api.delete('/api/v1/tenant-groups/{id}', { path: { id: deleting.id } }); onChange(); say(t`${deleting.name} deleted`) }}>
          <p><Trans>A group that a tenant is in stays; take the tenants out first.</Trans></p>
        </Confirm>
      ) : null}
    </Panel>
  )
}

function EditGroup({ group, onClose }: { group?: TenantGroup; onClose: () => void }) {
  const [name, setName] = useState(group?.name ?? '')
  const [people, setPeople] = useState(group?.members.map((m) => m.username) ?? [])
  const [roles, setRoles] = useState(new Map(group?.members.map((m) => [m.username, m.role])))
  const [everybody, setEverybody] = useState(group?.everybody ?? [])
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async () => {
    setBusy(true)
    setError(null)
    const body = { name: name.trim(), members: people.map((username) => ({ username, role: roles.get(username) ?? 'reader' })), everybody }
    try {
      const saved = group ? await api.put('/api/v1/tenant-groups/{id}', { path: { id: group.id }, ifMatch: group.version, body }) : await api.post('/api/v1/tenant-groups', { body })
      say(t`${saved.name} saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={group ? t`Edit ${group.name}` : t`Make a tenant group`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label={t`Name`} required value={name} onChange={(e) => setName(e.currentTarget.value)} error={fields.get('/name')} data-autofocus autoComplete="off" />
        <TagsInput label={t`People`} description={t`User names of any tenant; press Enter after each.`} value={people} onChange={setPeople} error={fields.get('/members')} />
        {people.map((p) => (
          <Select key={p} label={t`Role of ${p} in each tenant`} data={['admin', 'reader', 'none']} value={roles.get(p) ?? 'reader'} allowDeselect={false} onChange={(v) => setRoles(new Map(roles).set(p, v ?? 'reader'))} />
        ))}
        <MultiSelect label={t`Everybody in its tenants has`} description={t`For those who are given nothing else.`} data={builtin} value={everybody} onChange={setEverybody} error={fields.get('/everybody')} />
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}
