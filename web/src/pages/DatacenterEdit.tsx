import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import type { Datacenter, DatacenterWrite } from '../api/types'
import { ManagedNote } from '../parts/Managed'
import { ClientSelect } from '../parts/ClientSelect'
import { Conflict } from '../parts/Conflict'
import { ProblemPanel } from '../parts/States'
import { say } from '../parts/toast'

const writeOf = (d: Datacenter | null): DatacenterWrite => ({
  name: d?.name ?? '', provider: d?.provider ?? '', description: d?.description ?? '', regions: d?.regions ?? [], zones: d?.zones ?? [], routing_domain: d?.routing_domain ?? '',
})

export function DatacenterEdit({ existing, onClose }: { existing: Datacenter | null; onClose: () => void }) {
  const client = useQueryClient()
  const [doc, setDoc] = useState<DatacenterWrite>(() => writeOf(existing))
  const [version, setVersion] = useState(existing?.version ?? 0)
  const [theirs, setTheirs] = useState<Datacenter | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async (onVersion: number) => {
    setBusy(true)
    setError(null)
    try {
      if (existing) await api.put('/api/v1/datacenters/{id}', { path: { id: existing.id }, body: doc, ifMatch: onVersion })
      else await api.post('/api/v1/datacenters', { body: doc })
      void client.invalidateQueries({ queryKey: ['datacenters'] })
      say(t`${doc.name} saved`)
      onClose()
    } catch (err) {
      setBusy(false)
      const current = existing && err instanceof Problem && err.stale ? await api.get('/api/v1/datacenters/{id}', { path: { id: existing.id } }).catch(() => null) : null
      setTheirs(current)
      setError(current ? null : err)
    }
  }
  const take = () => {
    if (!theirs) return
    setDoc(writeOf(theirs))
    setVersion(theirs.version)
    setTheirs(null)
  }
  const set = (part: Partial<DatacenterWrite>) => setDoc({ ...doc, ...part })
  return (
    <Modal opened onClose={onClose} title={existing ? t`Edit ${existing.name}` : t`Add a datacenter`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit(version) }}>
        <ManagedNote by={existing?.managed_by} />
        <TextInput label={t`Name`} required value={doc.name} onChange={(e) => set({ name: e.currentTarget.value })} data-autofocus />
        <TextInput label={t`Provider`} placeholder={t`vsphere, aws, or none`} value={doc.provider ?? ''} onChange={(e) => set({ provider: e.currentTarget.value })} />
        <TagsInput label={t`Regions`} value={doc.regions ?? []} onChange={(regions) => set({ regions })} />
        <TagsInput label={t`Zones`} value={doc.zones ?? []} onChange={(zones) => set({ zones })} />
        <TextInput label={t`Routing domain`} description={t`Datacenters that name the same one share their addresses. Empty: its addresses are its own.`} value={doc.routing_domain ?? ''} onChange={(e) => set({ routing_domain: e.currentTarget.value })} />
        {existing?.client ? null : <ClientSelect label={t`Client`} description={t`Whom it serves, if one client only: whoever has a right on the client has it here.`} value={doc.client || null} onChange={(v) => set({ client: v ?? '' })} />}
        <Textarea label={t`Description`} value={doc.description ?? ''} onChange={(e) => set({ description: e.currentTarget.value })} />
        {theirs ? <Conflict what={t`this datacenter`} mine={doc} theirs={writeOf(theirs)} busy={busy} onMine={() => void submit(theirs.version)} onTheirs={take} /> : null}
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">{theirs ? null : <Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button>}<Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}
