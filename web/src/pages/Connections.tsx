import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconPlus } from '@tabler/icons-react'
import { Link } from 'react-router'

import { q } from '../api/queries'
import type { Connection, KindInfo } from '../api/types'
import { every } from '../format/time'
import { useMay, useReadsAll } from '../frame/session'
import { CoverageStrip } from '../parts/Coverage'
import { DataTable, type Col } from '../parts/DataTable'
import { Hidden } from '../parts/Hidden'
import { State } from '../parts/marks'
import { Page } from '../parts/Page'
import { Beats } from '../parts/Score'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'

export default function Connections() {
  const list = useQuery(q.connections())
  const kinds = useQuery(q.kinds())
  const runs = useQuery(q.runs('', 200))
  const plugins = useQuery(q.plugins())
  const may = useMay('connection.manage')
  const all = useReadsAll()
  const add = may ? <Button component={Link} to="/connections/setup" variant="filled" leftSection={<IconPlus size={15} aria-hidden />}><Trans>Add a connection</Trans></Button> : null
  const title = (provider: string) => plugins.data?.items.find((p) => p.provider === provider)?.title ?? provider
  const cols: Col<Connection>[] = [
    { id: 'name', label: t`Name`, width: 180, cell: (c) => <Link to={`/connections/${c.id}`}><Foreign text={c.name} max={50} /></Link> },
    { id: 'health', label: t`Health`, width: 110, cell: (c) => <State state={c.health} /> },
    { id: 'runs', label: t`Runs`, width: 200, wide: true, cell: (c) => <Beats runs={(runs.data?.items ?? []).filter((r) => r.connection.id === c.id).slice(0, 10)} /> },
    { id: 'last', label: t`Last run`, width: 105, cell: (c) => <When at={c.last_run?.finished_at ?? c.last_run?.started_at} /> },
    { id: 'provider', label: t`Provider`, width: 100, cell: (c) => <Foreign text={title(c.provider)} /> },
    { id: 'kinds', label: t`Reads`, width: 150, cell: (c) => <Reads c={c} kinds={kinds.data ?? []} /> },
    { id: 'agent', label: t`Agent`, width: 110, cell: (c) => (c.agent ? <Link to={`/agents/${c.agent.id}`}><Foreign text={c.agent.name || c.agent.id} max={28} /></Link> : <span className="muted"><Trans>none</Trans></span>) },
    { id: 'datacenter', label: t`Datacenter`, width: 115, cell: (c) => (c.datacenter ? <Foreign text={c.datacenter.name || c.datacenter.id} max={28} /> : null) },
    { id: 'client', label: t`Client`, width: 100, wide: true, cell: (c) => (c.client ? <Foreign text={c.client.name || c.client.id} max={28} /> : null) },
  ]
  return (
    <Page title={t`Connections`} facts={<span><Trans>What is read, by which agent, and how often.</Trans></span>} actions={<><Button component={Link} to="/connections/health"><Trans>Health</Trans></Button><Button component={Link} to="/connections/credentials"><Trans>Credentials</Trans></Button>{may ? <Button component={Link} to="/connections/import"><Trans>Many at once</Trans></Button> : null}{add}</>}>
      <CoverageStrip />
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data?.items.length === 0 ? !all ? <Hidden title={t`No connection that you may see`} /> : (
        <Empty title={t`No connections yet`} action={add}><Trans>A connection tells an agent which provider to read, with which settings and which of its credentials.</Trans></Empty>
      ) : (
        <DataTable label={t`Connections`} rows={list.data?.items ?? []} cols={cols} rowKey={(c) => c.id} to={(c) => `/connections/${c.id}`} loading={list.isPending} faded={(c) => c.paused} />
      )}
    </Page>
  )
}

function Reads({ c, kinds }: { c: Connection; kinds: KindInfo[] }) {
  const on = c.kinds.filter((k) => k.enabled)
  const name = (kind: string) => (kinds.find((k) => k.name === kind)?.plural ?? kind).toLowerCase()
  const paces = new Set(on.map((k) => (k.cron ? k.cron : every(k.interval_seconds ?? 3600))))
  if (on.length === 0) return <span className="muted"><Trans>nothing</Trans></span>
  return <span title={on.map((k) => name(k.kind)).join(', ')}>{on.length > 2 ? t`${on.length} kinds` : on.map((k) => name(k.kind)).join(', ')}, {paces.size === 1 ? [...paces][0] : t`at several paces`}</span>
}
