import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { KindInfo } from '../api/types'
import { count } from '../format/units'
import { KindIcon } from '../frame/icons'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Loading, ProblemPanel } from '../parts/States'
import { Copy, Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { CustomFields, DefineKind } from './CustomFields'
import css from './Kinds.module.css'

export default function Kinds() {
  const client = useQueryClient()
  const may = useMay('kind.define')
  const mayApprove = useMay('kind.approve')
  const kinds = useQuery(q.kinds())
  const summary = useQuery(q.summary())
  const [approving, setApproving] = useState<KindInfo | null>(null)
  const [editing, setEditing] = useState<KindInfo | null>(null)
  const [defining, setDefining] = useState(false)
  if (kinds.error && !kinds.data) return <Page title={t`Kinds`}><ProblemPanel error={kinds.error} retry={() => void kinds.refetch()} /></Page>
  if (!kinds.data) return <Page title={t`Kinds`}><Loading what={t`the kinds`} /></Page>
  const pending = kinds.data.filter((k) => k.approval === 'pending')
  const waiting = kinds.data.flatMap((k) => (k.extensions ?? []).filter((x) => x.approval === 'pending').map((x) => ({ kind: k, from: x })))
  const active = (name: string) => summary.data?.kinds.find((k) => k.kind === name)?.active ?? 0
  const cols: Col<KindInfo>[] = [
    { id: 'name', label: t`Kind`, width: 220, cell: (k) => <Link to={`/inventory/${k.name}`}><span className={css.name}><KindIcon kind={k} /><Foreign text={k.plural} max={36} /></span></Link> },
    { id: 'key', label: t`Key`, width: 170, cell: (k) => <code>{k.name}</code> },
    { id: 'version', label: t`Version`, width: 90, cell: (k) => `${k.major}.${k.minor}` },
    { id: 'from', label: t`From`, width: 110, cell: (k) => (k.built_in ? t`Maestro` : k.name.startsWith('custom.') ? 'you' : <Foreign text={t`plugin ${k.name.split('.')[0] ?? ''}`} />) },
    { id: 'active', label: t`Resources`, width: 110, right: true, cell: (k) => count(active(k.name)) },
    { id: 'fields', label: t`Fields`, width: 80, right: true, cell: (k) => count(k.fields?.length ?? 0) },
    { id: 'custom', label: t`Custom fields`, width: 120, cell: (k) => {
      const n = k.custom_fields?.length ?? 0
      return may ? <button type="button" className="link" aria-label={n ? t`${count(n)} custom fields of ${k.plural}` : t`Add custom fields of ${k.plural}`} onClick={(e) => { e.stopPropagation(); e.preventDefault(); setEditing(k) }}>{n ? count(n) : t`Add`}</button> : count(n)
    } },
    { id: 'summary', label: t`What it is`, width: 360, wide: true, cell: (k) => <Foreign text={k.summary ?? ''} max={120} /> },
  ]
  return (
    <Page title={t`Kinds`} facts={<span><Trans>What a server, a volume or a network is made of. Plugins may bring kinds of their own, and so may you.</Trans></span>} actions={may ? <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setDefining(true)}><Trans>Define a kind</Trans></Button> : null}>
      {pending.map((k) => (
        <Panel key={k.name} title={<span className="row"><State state="pending" pill /> <Foreign text={k.plural} /> <code>{k.name}</code></span>} actions={mayApprove ? <Button variant="filled" onClick={() => setApproving(k)}><Trans>Approve</Trans></Button> : null}>
          <div className="stack-s">
            <p><Foreign text={k.summary || t`The plugin says nothing about it.`} max={300} /></p>
            <p className="muted"><Trans>Its resources wait until an administrator approves the kind. It has the fields {(k.fields ?? []).map((f) => f.path).join(', ')}.</Trans></p>
            <p className="muted"><Trans>Schema <Copy text={k.digest} max={24} label={t`the schema's digest`} /></Trans></p>
          </div>
        </Panel>
      ))}
      {waiting.map(({ kind: k, from }) => (
        <Panel key={`${k.name} ${from.provider}`} title={<span className="row"><Trans><State state="pending" pill /> Fields of <Foreign text={from.provider} /> for <Foreign text={k.plural} /></Trans></span>} actions={mayApprove ? <Button variant="filled" onClick={() => setApproving(k)}><Trans>Approve</Trans></Button> : null}>
          <p className="muted"><Trans>Plugin <Foreign text={`${from.provider} ${from.plugin_version}`} /> adds {(k.fields ?? []).filter((f) => f.path.startsWith(`${from.provider}.`)).map((f) => f.path).join(', ')}. Until an administrator approves them they have no index and no column, and are not searched.</Trans></p>
        </Panel>
      ))}
      <DataTable label={t`Kinds`} rows={kinds.data.filter((k) => k.approval !== 'pending')} cols={cols} rowKey={(k) => k.name} to={(k) => `/inventory/${k.name}`} />
      {editing ? <CustomFields kind={editing} onClose={() => setEditing(null)} /> : null}
      {defining ? <DefineKind onClose={() => setDefining(false)} /> : null}
      {approving ? (
        <Confirm
          title={approving.approval === 'pending' ? t`Approve the kind ${approving.name}` : t`Approve what plugins add to ${approving.plural}`}
          verb={approving.approval === 'pending' ? t`Approve the kind` : t`Approve the fields`}
          reason="optional"
          onClose={() => setApproving(null)}
          onConfirm={async (reason) => {
            await api.post('/api/v1/kinds/{kind}/approve', { path: { kind: approving.name }, body: reason ? { reason } : {} })
            for (const key of ['kinds', 'summary', 'coverage']) void client.invalidateQueries({ queryKey: [key] })
            say(t`${approving.plural} approved`)
          }}
        >
          {approving.approval === 'pending'
            ? <p><Trans>Its lists, filters and pages appear for everybody, and agents are asked for what they hold back.</Trans></p>
            : <p><Trans>The fields get their columns and indexes, and text search finds them once their resources change again.</Trans></p>}
        </Confirm>
      ) : null}
    </Page>
  )
}
