import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery, keepPreviousData } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { pace, q } from '../api/queries'
import type { Run } from '../api/types'
import { actor } from '../format/text'
import { duration, parseTime } from '../format/time'
import { useReadsAll } from '../frame/session'
import { CoverageStrip } from '../parts/Coverage'
import { DataTable, type Col } from '../parts/DataTable'
import { FilterLine } from '../parts/FilterLine'
import { Hidden } from '../parts/Hidden'
import { State } from '../parts/marks'
import { Page } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import { RunResult } from './RunResult'

const states = ['queued', 'running', 'succeeded', 'partial', 'failed', 'canceled']

export default function Runs() {
  const [params, setParams] = useSearchParams()
  const filter = params.get('filter') ?? ''
  const connections = useQuery(q.connections())
  const all = useReadsAll()
  const list = useInfiniteQuery({
    queryKey: ['runs', 'list', filter],
    queryFn: ({ pageParam, signal }) => api.get('/api/v1/runs', { query: { filter, page_size: 100, page_token: pageParam }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 2 ? false : pace(query.state.data?.pages[0]?.items)),
  })
  const rows = list.data?.pages.flatMap((p) => p.items) ?? []
  const refused = list.error instanceof Problem && list.error.filter ? list.error : null
  const fields = [
    { name: 'state', type: 'string', enum: states, sortable: true },
    { name: 'connection', type: 'string', enum: (connections.data?.items ?? []).map((c) => c.id).slice(0, 8), sortable: false },
    { name: 'provider', type: 'string', sortable: true },
  ]
  return (
    <Page fill title={t`Runs`} facts={<span><Trans>Every execution of a connection, the newest first.</Trans></span>}>
      <CoverageStrip />
      <FilterLine value={filter} onApply={(it) => setParams(it ? { filter: it } : {})} problem={refused} kind={{ filter_fields: fields }} placeholder={t`For example state = failed`} />
      {list.error && !list.data && !refused ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : refused ? null : !list.isPending && rows.length === 0 ? !filter && !all ? <Hidden title={t`No run that you may see`} /> : (
        <Empty title={filter ? t`No runs match this filter` : t`Nothing has run yet`} action={filter ? <Button variant="filled" onClick={() => setParams({})}><Trans>Clear the filter</Trans></Button> : <Button component={Link} to="/connections" variant="filled"><Trans>See connections</Trans></Button>}>
          <Trans>Runs follow the schedule of their connection, or start with “Run now”.</Trans>
        </Empty>
      ) : (
        <RunTable rows={rows} fill loading={list.isPending || list.isFetchingNextPage} onEnd={() => { if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage() }} />
      )}
    </Page>
  )
}

export function tookMs(r: Run): number | null {
  const from = parseTime(r.started_at)
  const to = parseTime(r.finished_at)
  return from && to ? to.getTime() - from.getTime() : null
}

const triggerWord = (trigger: string) => {
  const a = actor(trigger)
  return a.type === 'user' || a.type === 'token' ? t`asked by ${a.name}` : trigger === 'schedule' ? t`by schedule` : trigger === 'start' ? t`agent’s start` : trigger === 'manual' ? t`asked for` : trigger
}

export function RunTable({ rows, fill, loading, onEnd, withoutConnection }: { rows: Run[]; fill?: boolean; loading?: boolean; onEnd?: () => void; withoutConnection?: boolean }) {
  const cols: Col<Run>[] = [
    { id: 'state', label: t`State`, width: 120, cell: (r) => <Link to={`/runs/${r.id}`}><State state={r.state} /></Link> },
    { id: 'connection', label: t`Connection`, width: 180, cell: (r) => <Link to={`/connections/${r.connection.id}`}><Foreign text={r.connection.name || r.connection.id} max={40} /></Link> },
    { id: 'result', label: t`Result`, width: 240, cell: (r) => <RunResult run={r} /> },
    { id: 'scopes', label: t`Scopes`, width: 80, right: true, cell: (r) => (r.scopes_total ? `${r.scopes_done}/${r.scopes_total}` : null) },
    { id: 'started', label: t`Started`, width: 110, cell: (r) => <When at={r.started_at ?? r.queued_at} /> },
    { id: 'took', label: t`Took`, width: 90, right: true, cell: (r) => { const ms = tookMs(r); return ms === null ? null : duration(ms) } },
    { id: 'trigger', label: t`Why`, width: 130, wide: true, cell: (r) => <Foreign text={triggerWord(r.trigger)} max={30} /> },
    { id: 'agent', label: t`Agent`, width: 130, wide: true, cell: (r) => (r.agent ? <Foreign text={r.agent.name || r.agent.id} max={30} /> : null) },
  ]
  return (
    <DataTable
      label={t`Runs`}
      rows={rows}
      cols={cols.filter((c) => !(withoutConnection && c.id === 'connection'))}
      rowKey={(r) => r.id}
      to={(r) => `/runs/${r.id}`}
      fill={fill ?? false}
      loading={loading ?? false}
      {...(onEnd ? { onEnd } : {})}
    />
  )
}
