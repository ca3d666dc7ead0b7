// A resource made by hand: for what no connection reads, or not yet. Discovery adopts it by its identifiers.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, Select, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { KindInfo } from '../api/types'
import { put } from '../format/pointer'
import { editable, labelOf } from '../kinds/fields'
import { requestId } from '../parts/clipboard'
import { ProblemPanel } from '../parts/States'
import { Taken } from '../parts/Taken'
import { say } from '../parts/toast'

export function CreateResource({ kind, onClose }: { kind: KindInfo; onClose: () => void }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const datacenters = useQuery(q.datacenters())
  const [request] = useState(requestId)
  const [name, setName] = useState('')
  const [datacenter, setDatacenter] = useState<string | null>(null)
  const [identifierType, setIdentifierType] = useState<string | null>(null)
  const [identifier, setIdentifier] = useState('')
  const [address, setAddress] = useState('')
  const [reason, setReason] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const types = Object.keys(kind.ranks ?? {})
  // The first field in which the kind keeps an address of its own.
  const place = kind.fields?.find((f) => editable(f) && (f.type === 'ip' || (f.type === 'array' && f.items?.[0]?.type === 'ip')))
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const made = await api.post('/api/v1/resources/{kind}', {
        path: { kind: kind.name },
        body: {
          name: name.trim(),
          request_id: request,
          ...(datacenter ? { datacenter } : {}),
          ...(place && address.trim() ? { attributes: put({}, place.pointer.replace(/^\/attributes/, ''), place.type === 'array' ? [address.trim()] : address.trim()) } : {}),
          ...(identifierType && identifier.trim() ? { identifiers: [{ type: identifierType, value: identifier.trim() }] } : {}),
          ...(reason.trim() ? { reason: reason.trim() } : {}),
        },
      })
      void client.invalidateQueries({ queryKey: ['resources', kind.name] })
      void client.invalidateQueries({ queryKey: ['summary'] })
      say(t`${kind.label} ${made.name} added`)
      void navigate(`/inventory/${kind.name}/${made.id}`)
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={t`Add a ${kind.label.toLowerCase()} by hand`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label={t`Name`} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
        {place ? <TextInput label={place.type === 'array' ? t`Address` : labelOf(place)} value={address} onChange={(e) => setAddress(e.currentTarget.value)} /> : null}
        <Taken kind={kind.name} name={name} address={address} datacenter={datacenter ?? ''} />
        <Select label={t`Datacenter`} clearable data={(datacenters.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))} value={datacenter} onChange={setDatacenter} />
        {types.length ? (
          <div className="row-n">
            <Select label={t`Identifier`} description={t`With one, discovery recognises the thing and adopts it.`} clearable data={types} value={identifierType} onChange={setIdentifierType} className="grow" />
          </div>
        ) : null}
        {identifierType ? <TextInput label={identifierType} value={identifier} onChange={(e) => setIdentifier(e.currentTarget.value)} /> : null}
        <Textarea label={t`Reason`} description={t`Kept in the audit trail.`} value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" loading={busy}><Trans>Add</Trans></Button>
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}
