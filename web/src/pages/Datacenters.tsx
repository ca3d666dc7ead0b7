import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconBuilding, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Datacenter, KindInfo } from '../api/types'
import { counted } from '../format/units'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { Page } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { DatacenterEdit } from './DatacenterEdit'
import css from './Datacenters.module.css'

export default function Datacenters() {
  const client = useQueryClient()
  const list = useQuery(q.datacenters())
  const kinds = useQuery(q.kinds())
  const may = useMay('datacenter.manage')
  const [adding, setAdding] = useState(false)
  const [deleting, setDeleting] = useState<Datacenter | null>(null)
  const refresh = () => void client.invalidateQueries({ queryKey: ['datacenters'] })
  const add = may ? <Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setAdding(true)}><Trans>Add a datacenter</Trans></Button> : null
  const cols: Col<Datacenter>[] = [
    { id: 'name', label: t`Name`, width: 190, cell: (d) => <Link to={`/datacenters/${d.id}`}><Foreign text={d.name} max={40} /></Link> },
    { id: 'provider', label: t`Provider`, width: 95, cell: (d) => (d.provider ? <Foreign text={d.provider} /> : null) },
    { id: 'client', label: t`Client`, width: 100, cell: (d) => (d.client ? <Foreign text={d.client.name || d.client.id} max={30} /> : null) },
    { id: 'resources', label: t`Resources`, width: 310, cell: (d) => <Counts d={d} kinds={kinds.data ?? []} /> },
    { id: 'regions', label: t`Regions`, width: 100, cell: (d) => (d.regions?.length ? <Foreign text={d.regions.join(', ')} max={40} /> : null) },
    { id: 'zones', label: t`Zones`, width: 100, cell: (d) => (d.zones?.length ? <Foreign text={d.zones.join(', ')} max={40} /> : null) },
    { id: 'description', label: t`Description`, width: 100, wide: true, cell: (d) => (d.description ? <Foreign text={d.description} max={80} /> : null) },
    { id: 'updated', label: t`Changed`, width: 100, wide: true, cell: (d) => <When at={d.updated_at} /> },
    ...(may ? [{ id: 'delete', label: t`Delete`, act: true, width: 75, cell: (d: Datacenter) => <button type="button" className="link" aria-label={t`Delete ${d.name}`} onClick={() => setDeleting(d)}><Trans>Delete</Trans></button> }] : []),
  ]
  return (
    <Page title={t`Datacenters`} facts={<span><Trans>Where resources live: a cloud account, a building, a private site.</Trans></span>} actions={add}>
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data?.items.length === 0 ? (
        <Empty icon={<IconBuilding size={28} stroke={1.4} aria-hidden />} title={t`No datacenters yet`} action={add}><Trans>A connection sends what it reads to its datacenter, or by rules to several.</Trans></Empty>
      ) : (
        <DataTable label={t`Datacenters`} rows={list.data?.items ?? []} cols={cols} rowKey={(d) => d.id} to={(d) => `/datacenters/${d.id}`} loading={list.isPending} />
      )}
      {adding ? <DatacenterEdit existing={null} onClose={() => setAdding(false)} /> : null}
      {deleting ? (
        <Confirm
          title={t`Delete the datacenter ${deleting.name}`}
          verb={t`Delete the datacenter`}
          danger
          onClose={() => setDeleting(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/datacenters/{id}', { path: { id: deleting.id } })
            refresh()
            say(t`${deleting.name} deleted`)
          }}
        >
          <p><Trans>Its resources stay, without a datacenter. Connections that point to it must be given another.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

const named = (kinds: readonly KindInfo[], kind: string, n: number) => {
  const k = kinds.find((i) => i.name === kind)
  return counted(n, (k?.label ?? kind).toLowerCase(), (k?.plural ?? kind).toLowerCase())
}

function Counts({ d, kinds }: { d: Datacenter; kinds: readonly KindInfo[] }) {
  const list = Object.entries(d.counts ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])
  if (list.length === 0) return <span className="muted"><Trans>none</Trans></span>
  return (
    <span className={css.counts}>
      {list.slice(0, 3).map(([k, n]) => <Link key={k} to={`/inventory/${k}?filter=${encodeURIComponent(`datacenter = "${d.id}"`)}`}>{named(kinds, k, n)}</Link>)}
      {list.length > 3 ? <span className="muted">+{list.length - 3}</span> : null}
    </span>
  )
}
