// Roles, the permission groups that they are made of, and what everybody has. Nobody can give what he does not hold himself.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Menu, Modal, MultiSelect, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconPlus } from '@tabler/icons-react'
import { useState, type FormEvent } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { PermissionGroup, Role } from '../api/types'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { Page, Panel } from '../parts/Page'
import { Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { named } from '../texts/language'
import { useGroupNames } from './roleChoices'
import css from './Roles.module.css'

type Open = { what: 'role'; was?: Role } | { what: 'group'; was?: PermissionGroup } | { what: 'everybody'; groups: string[]; version: number }

export default function Roles() {
  const may = useMay('role.manage')
  const client = useQueryClient()
  const roles = useQuery(q.roles())
  const groups = useQuery(q.permissionGroups())
  const everybody = useQuery(q.everybody())
  const [open, setOpen] = useState<Open | null>(null)
  const [doomed, setDoomed] = useState<{ what: 'role' | 'group'; name: string } | null>(null)
  const refresh = () => {
    for (const key of ['roles', 'permission-groups', 'everybody', 'session', 'access']) void client.invalidateQueries({ queryKey: [key] })
  }
  const error = roles.error ?? groups.error ?? everybody.error
  const roleCols: Col<Role>[] = [
    { id: 'name', label: t`Role`, width: 150, cell: (r) => <code>{r.name}</code> },
    { id: 'description', label: t`What it is for`, width: 260, cell: (r) => <Foreign text={r.built_in ? named(r.description) : r.description} max={120} /> },
    { id: 'groups', label: t`Permission groups`, width: 240, cell: (r) => <Foreign text={r.groups.join(', ') || t`none`} max={120} /> },
    { id: 'users', label: t`Users`, width: 70, cell: (r) => r.users },
    { id: 'tokens', label: t`Tokens`, width: 70, cell: (r) => r.tokens },
    { id: 'act', label: t`Actions`, act: true, width: 90, cell: (r) => <Acts name={r.name} off={!may} builtIn={r.built_in} onEdit={() => setOpen({ what: 'role', was: r })} onDelete={() => setDoomed({ what: 'role', name: r.name })} /> },
  ]
  const groupCols: Col<PermissionGroup>[] = [
    { id: 'name', label: t`Permission group`, width: 170, cell: (g) => <code>{g.name}</code> },
    { id: 'description', label: t`What it is for`, width: 260, cell: (g) => <Foreign text={g.twin_of ? t`The read-only twin of ${g.twin_of}: follows it.` : g.built_in ? named(g.description) : g.description} max={120} /> },
    { id: 'actions', label: t`Actions it allows`, width: 300, cell: (g) => <span title={g.actions.join(', ')}><Foreign text={g.built_in && g.actions.length > 15 ? t`all` : g.actions.join(', ') || t`none`} max={90} /></span> },
    { id: 'act', label: t`Actions`, act: true, width: 90, cell: (g) => <Acts name={g.name} off={!may} builtIn={g.built_in || !!g.twin_of} onEdit={() => setOpen({ what: 'group', was: g })} onDelete={() => setDoomed({ what: 'group', name: g.name })} /> },
  ]
  return (
    <Page
      title={t`Roles`}
      trail={[{ to: '/settings', label: t`Settings` }]}
      facts={<span><Trans>The first of these that gives anything counts: permission groups given to a user, the user’s role, what everybody has. Grants on single things add to it.</Trans></span>}
      actions={may ? <><Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setOpen({ what: 'role' })}><Trans>Make a role</Trans></Button><Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setOpen({ what: 'group' })}><Trans>Make a permission group</Trans></Button></> : null}
    >
      {error && !(roles.data && groups.data && everybody.data) ? <ProblemPanel error={error} retry={refresh} /> : (
        <>
          <Panel title={t`Roles`}><DataTable label={t`Roles`} rows={sorted(roles.data?.items)} cols={roleCols} rowKey={(r) => r.name} loading={roles.isPending} /></Panel>
          <Panel title={t`Permission groups`}><DataTable label={t`Permission groups`} rows={sorted(groups.data?.items)} cols={groupCols} rowKey={(g) => g.name} loading={groups.isPending} /></Panel>
          <Panel title={t`What everybody has`} actions={may && everybody.data ? <Button onClick={() => setOpen({ what: 'everybody', ...everybody.data })}><Trans>Edit what everybody has</Trans></Button> : null}>
            {everybody.isPending ? <Loading what={t`what everybody has`} lines={1} /> : <p>{everybody.data?.groups.length ? <Foreign text={everybody.data.groups.join(', ')} max={200} /> : t`Nothing: who has no role and no groups sees only what is granted.`}</p>}
          </Panel>
        </>
      )}
      {open ? <Edit open={open} onClose={() => setOpen(null)} onDone={() => { setOpen(null); refresh() }} /> : null}
      {doomed ? (
        <Confirm
          title={t`Delete the ${doomed.what === 'role' ? t`role` : t`permission group`} ${doomed.name}`}
          verb={t`Delete it`}
          danger
          onClose={() => setDoomed(null)}
          onConfirm={async () => {
            const path = { name: doomed.name }
            await (doomed.what === 'role' ? api.delete('/api/v1/roles/{name}', { path }) : api.delete('/api/v1/permission-groups/{name}', { path }))
            refresh()
            say(t`${doomed.name} deleted`)
          }}
        >
          <p><Trans>Only what nobody has can be deleted.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

/** What is in every installation first, each part by name. */
const sorted = <T extends { name: string; built_in: boolean }>(list: T[] = []) => [...list].sort((a, b) => Number(b.built_in) - Number(a.built_in) || a.name.localeCompare(b.name))

function Acts({ name, off, builtIn, onEdit, onDelete }: { name: string; off: boolean; builtIn: boolean; onEdit: () => void; onDelete: () => void }) {
  if (builtIn) return <span className="muted"><Trans>built in</Trans></span>
  if (off) return null
  return (
    <Menu position="bottom-end" width={160}>
      <Menu.Target><button type="button" className="link" aria-label={t`Actions for ${name}`}><Trans>Actions</Trans></button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={onEdit}><Trans>Edit</Trans></Menu.Item>
        <Menu.Item color="danger" onClick={onDelete}><Trans>Delete</Trans></Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function Edit({ open, onClose, onDone }: { open: Open; onClose: () => void; onDone: () => void }) {
  const was = open.what === 'everybody' ? undefined : open.was
  const [name, setName] = useState(was?.name ?? '')
  const [description, setDescription] = useState(was?.description ?? '')
  const [chosen, setChosen] = useState<string[]>(open.what === 'everybody' ? open.groups : open.what === 'role' ? open.was?.groups ?? [] : open.was?.actions ?? [])
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const names = useGroupNames()
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setBusy(true)
    setError(null)
    const made = { name: name.trim(), description: description.trim() }
    try {
      if (open.what === 'everybody') await api.put('/api/v1/everybody', { ifMatch: open.version, body: { groups: chosen } })
      else if (open.what === 'role') {
        if (was) await api.put('/api/v1/roles/{name}', { path: { name: was.name }, ifMatch: was.version, body: { description: made.description, groups: chosen } })
        else await api.post('/api/v1/roles', { body: { ...made, groups: chosen } })
      } else if (was) await api.put('/api/v1/permission-groups/{name}', { path: { name: was.name }, ifMatch: was.version, body: { description: made.description, actions: chosen } })
      else await api.post('/api/v1/permission-groups', { body: { ...made, actions: chosen } })
      say(t`Saved`)
      onDone()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  const word = { role: t`role`, group: t`permission group`, everybody: t`what everybody has` }[open.what]
  return (
    <Modal opened onClose={onClose} size="lg" title={was ? t`Edit ${was.name}` : open.what === 'everybody' ? t`What everybody has` : t`Make a ${word}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => void submit(e)}>
        {open.what === 'everybody' ? null : (
          <>
            {was ? null : <TextInput label={t`Name`} description={t`Lower-case letters, digits and underscores; it does not change later.`} required data-autofocus value={name} onChange={(e) => setName(e.currentTarget.value)} error={fields.get('/name')} autoComplete="off" autoCapitalize="none" maxLength={40} />}
            <TextInput label={t`What it is for`} value={description} onChange={(e) => setDescription(e.currentTarget.value)} error={fields.get('/description')} autoComplete="off" maxLength={500} />
          </>
        )}
        {open.what === 'group' ? <Actions chosen={chosen} onChange={setChosen} /> : (
          <MultiSelect label={t`Permission groups`} description={t`Together they allow what each of them allows. You can give what you hold yourself.`} data={names} value={chosen} onChange={setChosen} error={fields.get('/groups')} searchable clearable />
        )}
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}

function Actions({ chosen, onChange }: { chosen: string[]; onChange: (next: string[]) => void }) {
  const list = useQuery(q.actions())
  if (list.isPending) return <Loading what={t`what can be allowed`} lines={5} />
  if (list.error && !list.data) return <ProblemPanel error={list.error} compact />
  return (
    <fieldset className={css.actions}>
      <legend><Trans>What it allows</Trans></legend>
      {(list.data?.items ?? []).map((a) => (
        <Checkbox key={a.name} label={named(a.description)} description={a.name} disabled={!a.mine} checked={chosen.includes(a.name)} onChange={(e) => onChange(e.currentTarget.checked ? [...chosen, a.name] : chosen.filter((x) => x !== a.name))} />
      ))}
    </fieldset>
  )
}
