import { Button, Modal, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconBuilding, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Datacenter, DatacenterWrite } from '../api/types'
import { count } from '../format/units'
import { useAdmin } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { Page } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Datacenters.module.css'

export default function Datacenters() {
  const client = useQueryClient()
  const list = useQuery(q.datacenters())
  const kinds = useQuery(q.kinds())
  const admin = useAdmin()
  const [editing, setEditing] = useState<Datacenter | 'new' | null>(null)
  const [deleting, setDeleting] = useState<Datacenter | null>(null)
  const refresh = () => void client.invalidateQueries({ queryKey: ['datacenters'] })
  const add = admin ? <Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setEditing('new')}>Add a datacenter</Button> : null
  const cols: Col<Datacenter>[] = [
    { id: 'name', label: 'Name', width: 190, cell: (d) => (admin ? <button type="button" className="link" onClick={() => setEditing(d)}><Foreign text={d.name} max={40} /></button> : <Foreign text={d.name} max={40} />) },
    { id: 'provider', label: 'Provider', width: 95, cell: (d) => (d.provider ? <Foreign text={d.provider} /> : null) },
    { id: 'resources', label: 'Resources', width: 310, cell: (d) => <Counts d={d} name={(k) => (kinds.data?.find((i) => i.name === k)?.plural ?? k).toLowerCase()} /> },
    { id: 'regions', label: 'Regions', width: 120, cell: (d) => (d.regions?.length ? <Foreign text={d.regions.join(', ')} max={40} /> : null) },
    { id: 'zones', label: 'Zones', width: 130, cell: (d) => (d.zones?.length ? <Foreign text={d.zones.join(', ')} max={40} /> : null) },
    { id: 'description', label: 'Description', width: 150, wide: true, cell: (d) => (d.description ? <Foreign text={d.description} max={80} /> : null) },
    { id: 'updated', label: 'Changed', width: 100, wide: true, cell: (d) => <When at={d.updated_at} /> },
    ...(admin ? [{ id: 'delete', label: 'Delete', width: 75, cell: (d: Datacenter) => <button type="button" className="link" aria-label={`Delete ${d.name}`} onClick={() => setDeleting(d)}>Delete</button> }] : []),
  ]
  return (
    <Page title="Datacenters" facts={<span>Where resources live: a cloud account, a building, a private site.</span>} actions={add}>
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data?.items.length === 0 ? (
        <Empty icon={<IconBuilding size={28} stroke={1.4} aria-hidden />} title="No datacenters yet" action={add}>A connection sends what it reads to its datacenter, or by rules to several.</Empty>
      ) : (
        <DataTable label="Datacenters" rows={list.data?.items ?? []} cols={cols} rowKey={(d) => d.id} loading={list.isPending} />
      )}
      {editing ? <Edit existing={editing === 'new' ? null : editing} onClose={() => setEditing(null)} onSaved={refresh} /> : null}
      {deleting ? (
        <Confirm
          title={`Delete the datacenter ${deleting.name}`}
          verb="Delete the datacenter"
          danger
          onClose={() => setDeleting(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/datacenters/{id}', { path: { id: deleting.id } })
            refresh()
            say(`${deleting.name} deleted`)
          }}
        >
          <p>Its resources stay, without a datacenter. Connections that point to it must be given another.</p>
        </Confirm>
      ) : null}
    </Page>
  )
}

function Counts({ d, name }: { d: Datacenter; name: (kind: string) => string }) {
  const list = Object.entries(d.counts ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])
  if (list.length === 0) return <span className="muted">none</span>
  return (
    <span className={css.counts}>
      {list.slice(0, 3).map(([k, n]) => <Link key={k} to={`/inventory/${k}?filter=${encodeURIComponent(`datacenter = "${d.id}"`)}`}>{count(n)} {name(k)}</Link>)}
      {list.length > 3 ? <span className="muted">+{list.length - 3}</span> : null}
    </span>
  )
}

function Edit({ existing, onClose, onSaved }: { existing: Datacenter | null; onClose: () => void; onSaved: () => void }) {
  const client = useQueryClient()
  const [doc, setDoc] = useState<DatacenterWrite>(() => ({
    name: existing?.name ?? '', provider: existing?.provider ?? '', description: existing?.description ?? '', regions: existing?.regions ?? [], zones: existing?.zones ?? [], routing_domain: existing?.routing_domain ?? '',
  }))
  const [version, setVersion] = useState(existing?.version ?? 0)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const stale = error instanceof Problem && error.stale
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      if (existing) await api.put('/api/v1/datacenters/{id}', { path: { id: existing.id }, body: doc, ifMatch: version })
      else await api.post('/api/v1/datacenters', { body: doc })
      onSaved()
      say(`${doc.name} saved`)
      onClose()
    } catch (err) {
      setBusy(false)
      setError(err)
      if (existing && err instanceof Problem && err.stale) {
        const current = await api.get('/api/v1/datacenters/{id}', { path: { id: existing.id } }).catch(() => null)
        if (current) setVersion(current.version)
        void client.invalidateQueries({ queryKey: ['datacenters'] })
      }
    }
  }
  const set = (part: Partial<DatacenterWrite>) => setDoc({ ...doc, ...part })
  return (
    <Modal opened onClose={onClose} title={existing ? `Edit ${existing.name}` : 'Add a datacenter'} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label="Name" required value={doc.name} onChange={(e) => set({ name: e.currentTarget.value })} data-autofocus />
        <TextInput label="Provider" placeholder="vsphere, aws, or none" value={doc.provider ?? ''} onChange={(e) => set({ provider: e.currentTarget.value })} />
        <TagsInput label="Regions" value={doc.regions ?? []} onChange={(regions) => set({ regions })} />
        <TagsInput label="Zones" value={doc.zones ?? []} onChange={(zones) => set({ zones })} />
        <TextInput label="Routing domain" description="Datacenters that name the same one share their addresses. Empty: its addresses are its own." value={doc.routing_domain ?? ''} onChange={(e) => set({ routing_domain: e.currentTarget.value })} />
        <Textarea label="Description" value={doc.description ?? ''} onChange={(e) => set({ description: e.currentTarget.value })} />
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}>{stale ? 'Save mine over it' : 'Save'}</Button><Button onClick={onClose}>Cancel</Button></div>
      </form>
    </Modal>
  )
}
