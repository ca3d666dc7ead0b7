// Lists over all tenants that one is in: what is in them is asked of each with the rights that one has there, one tenant after the other.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Select } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo, type ReactNode } from 'react'
import { useSearchParams } from 'react-router'

import { api } from '../../api/client'
import { Problem } from '../../api/problem'
import { q } from '../../api/queries'
import type { Agent, Connection, KindInfo, LeftOut, Resource, Run } from '../../api/types'
import { count } from '../../format/units'
import { useReads } from '../../frame/session'
import { chosen, columnsOf } from '../../kinds/fields'
import { DataTable, type Col } from '../../parts/DataTable'
import { FilterLine } from '../../parts/FilterLine'
import { Mark, State } from '../../parts/marks'
import { Empty, Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { When } from '../../parts/When'
import { tableColumn } from '../inventory/cells'
import { RunResult } from '../RunResult'
import { useGo } from './go'
import css from './Lists.module.css'

interface Mine<T> { tenant: string; tenant_name: string; item: T }
interface Page<T> { items: Mine<T>[]; total_size: number; total_size_is_lower_bound?: boolean; next_page_token?: string; left_out?: LeftOut[] }
interface Question { filter: string; order_by: string; page_size: number; page_token: string }

/** What is asked is in the address, all of it. */
function useAsked() {
  const [params, setParams] = useSearchParams()
  const orderBy = params.get('order_by') ?? ''
  const [by = '', direction] = orderBy.split(' ')
  const set = (values: Record<string, string>) => {
    const next = new URLSearchParams(params)
    for (const [name, value] of Object.entries(values)) {
      if (value) next.set(name, value)
      else next.delete(name)
    }
    setParams(next)
  }
  return { filter: params.get('filter') ?? '', orderBy, order: by ? { by, desc: direction === 'desc' } : undefined, kind: params.get('kind') ?? '', set }
}

interface ListProps<T> {
  /** Names the list in the cache. */
  name: string
  label: string
  cols: Col<T>[]
  lead: { label: string; cell: (item: T) => ReactNode; orderBy?: string; to: (item: T) => string; text: (item: T) => string }
  ask: (query: Question, signal: AbortSignal) => Promise<Page<T>>
  fields: Pick<KindInfo, 'filter_fields' | 'relations'>
  placeholder?: string
  /** In what order it comes unless asked otherwise. */
  usual: string
  before?: ReactNode
}

function MineList<T extends { id: string }>({ name, label, cols, lead, ask, fields, placeholder, usual, before }: ListProps<T>) {
  const asked = useAsked()
  const go = useGo()
  const list = useInfiniteQuery({
    queryKey: ['mine', 'list', name, asked.filter, asked.orderBy],
    queryFn: ({ pageParam, signal }) => ask({ filter: asked.filter, order_by: asked.orderBy, page_size: 100, page_token: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
    placeholderData: keepPreviousData,
  })
  const rows = list.data?.pages.flatMap((p) => p.items) ?? []
  const first = list.data?.pages[0]
  const problem = list.error instanceof Problem && list.error.filter ? list.error : null
  const all: Col<Mine<T>>[] = [
    { id: 'lead', label: lead.label, width: 210, orderBy: lead.orderBy, cell: (x) => <button type="button" className="link" aria-label={t`${lead.text(x.item)} in ${x.tenant_name}`} onClick={() => void go(x.tenant, lead.to(x.item))}>{lead.cell(x.item)}</button> },
    { id: 'tenant', label: t`Tenant`, width: 170, cell: (x) => <Foreign text={x.tenant_name} max={40} /> },
    ...cols.map((c): Col<Mine<T>> => ({ ...c, cell: (x) => c.cell(x.item) })),
  ]
  return (
    <>
      <div className={css.ask}>
        {before}
        <div className="grow"><FilterLine value={asked.filter} onApply={(filter) => asked.set({ filter })} problem={problem} kind={fields} {...(placeholder ? { placeholder } : {})} /></div>
      </div>
      <p className={css.facts}>
        {first ? <span>{first.total_size_is_lower_bound ? t`more than ${count(first.total_size)} in all tenants` : t`${count(first.total_size)} in all tenants`}</span> : null}
        <span className="muted">{asked.order ? <Trans>One tenant after the other, each in this order.</Trans> : <Trans>One tenant after the other, {usual}.</Trans>}</span>
      </p>
      {first?.left_out?.map((l) => (
        <p key={l.tenant} className={css.left}><Mark state="partial" title={t`Not in this list`} /> <span><Foreign text={l.name} max={60} />: {l.why}</span></p>
      ))}
      {problem ? null : list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : !list.isPending && rows.length === 0 ? (
        <Empty title={asked.filter ? t`Nothing in any of your tenants matches this filter` : t`There is nothing of this in any of your tenants`} action={asked.filter ? <Button variant="filled" onClick={() => asked.set({ filter: '' })}><Trans>Clear the filter</Trans></Button> : null}>
          <Trans>What you may not read is not counted.</Trans>
        </Empty>
      ) : (
        <DataTable
          label={label}
          fill
          key={`${name}\n${asked.filter}\n${asked.orderBy}`}
          rows={rows}
          cols={all}
          rowKey={(x) => `${x.tenant} ${x.item.id}`}
          order={asked.order}
          onOrder={(by, desc) => asked.set({ order_by: by + (desc ? ' desc' : '') })}
          loading={list.isPending || list.isFetchingNextPage}
          onEnd={() => { if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage() }}
        />
      )}
    </>
  )
}

export function MyResources() {
  // Who may read nothing where he is looks with the kinds of the first tenant that he may read.
  const reads = useReads()
  const mine = useQuery({ ...q.mine(), enabled: !reads })
  const elsewhere = reads ? '' : (mine.data?.items[0]?.place.tenant ?? '')
  const here = useQuery({ ...q.kinds(), enabled: reads })
  const there = useQuery(q.kindsOf(elsewhere))
  const kinds = reads ? here : there
  const asked = useAsked()
  const known = (kinds.data ?? []).filter((k) => k.approval === 'approved')
  const kind = known.find((k) => k.name === (asked.kind || 'server')) ?? (asked.kind ? undefined : known[0])
  if (mine.error && !mine.data) return <ProblemPanel error={mine.error} retry={() => void mine.refetch()} />
  if (mine.data?.items.length === 0) return <Empty title={t`There is no tenant that you may read`}><Trans>Who administers one of your tenants can give you rights in it.</Trans></Empty>
  if (kinds.isPending) return <Loading what={t`the kinds`} />
  if (kinds.error && !kinds.data) return <ProblemPanel error={kinds.error} retry={() => void kinds.refetch()} />
  if (!kind) return <Empty title={t`No kind is called “${asked.kind}”`} action={<Button variant="filled" onClick={() => asked.set({ kind: '', filter: '', order_by: '' })}><Trans>See servers</Trans></Button>}><Trans>The kinds offered here are those of the tenant that you are in.</Trans></Empty>
  const select = (
    <Select
      aria-label={t`Kind`}
      className={css.kind}
      data={known.map((k) => ({ value: k.name, label: k.plural }))}
      value={kind.name}
      allowDeselect={false}
      searchable
      onChange={(v) => asked.set({ kind: v ?? '', filter: '', order_by: '' })}
    />
  )
  return <OfKind key={kind.name} kind={kind} before={select} />
}

function OfKind({ kind, before }: { kind: KindInfo; before: ReactNode }) {
  const cols = useMemo(() => chosen(columnsOf(kind), null, []), [kind])
  return (
    <MineList<Resource>
      name={`resources ${kind.name}`}
      label={kind.plural}
      before={before}
      usual={t`by name`}
      fields={kind}
      lead={{ label: t`Name`, orderBy: 'name', cell: (r) => <>{r.state === 'active' ? null : <><Mark state={r.state} title={r.state} /> </>}<Foreign text={r.name || r.id} max={60} /></>, to: (r) => `/inventory/${r.kind}/${r.id}`, text: (r) => r.name || r.id }}
      cols={cols.slice(1).map((c) => tableColumn(c))}
      ask={(query, signal) => api.get('/api/v1/mine/resources/{kind}', { path: { kind: kind.name }, query: { ...query, order_by: query.order_by || 'name' }, signal })}
    />
  )
}

const text = (name: string, values?: string[]) => ({ name, type: 'string', sortable: true, ...(values ? { enum: values } : {}) })

export function MyConnections() {
  const cols: Col<Connection>[] = [
    { id: 'health', label: t`Health`, width: 110, cell: (c) => <State state={c.health} /> },
    { id: 'provider', label: t`Provider`, width: 130, orderBy: 'provider', cell: (c) => <Foreign text={c.provider} max={40} /> },
    { id: 'agent', label: t`Agent`, width: 140, cell: (c) => (c.agent ? <Foreign text={c.agent.name || c.agent.id} max={30} /> : <span className="muted"><Trans>none</Trans></span>) },
    { id: 'datacenter', label: t`Datacenter`, width: 140, cell: (c) => (c.datacenter ? <Foreign text={c.datacenter.name || c.datacenter.id} max={30} /> : null) },
    { id: 'last', label: t`Last run`, width: 120, cell: (c) => <When at={c.last_run?.finished_at ?? c.last_run?.started_at} /> },
  ]
  return (
    <MineList<Connection>
      name="connections"
      label={t`Connections`}
      usual={t`by name`}
      fields={{ filter_fields: [text('name'), text('provider'), text('health', ['ok', 'degraded', 'failing', 'paused', 'never', 'no_agent'])] }}
      placeholder={t`For example health != ok`}
      lead={{ label: t`Name`, orderBy: 'name', cell: (c) => <Foreign text={c.name} max={50} />, to: (c) => `/connections/${c.id}`, text: (c) => c.name }}
      cols={cols}
      ask={(query, signal) => api.get('/api/v1/mine/connections', { query, signal })}
    />
  )
}

export function MyAgents() {
  const cols: Col<Agent>[] = [
    { id: 'status', label: t`Status`, width: 120, orderBy: 'status', cell: (a) => <State state={a.status} /> },
    { id: 'site', label: t`Site`, width: 130, orderBy: 'site', cell: (a) => (a.site ? <Foreign text={a.site} max={30} /> : null) },
    { id: 'group', label: t`Group`, width: 130, cell: (a) => (a.group ? <Foreign text={a.group} max={30} /> : null) },
    { id: 'contact', label: t`Last contact`, width: 120, cell: (a) => <When at={a.last_contact} /> },
    { id: 'version', label: t`Version`, width: 110, orderBy: 'version', cell: (a) => <Foreign text={a.version ?? ''} max={18} /> },
    { id: 'connections', label: t`Connections`, width: 110, right: true, cell: (a) => count(a.connections?.length ?? 0) },
  ]
  return (
    <MineList<Agent>
      name="agents"
      label={t`Agents`}
      usual={t`by name`}
      fields={{ filter_fields: [text('name'), text('status', ['online', 'offline', 'held', 'revoked']), text('site'), text('version')] }}
      placeholder={t`For example status = offline`}
      lead={{ label: t`Name`, orderBy: 'name', cell: (a) => <Foreign text={a.name} max={40} />, to: (a) => `/agents/${a.id}`, text: (a) => a.name }}
      cols={cols}
      ask={(query, signal) => api.get('/api/v1/mine/agents', { query, signal })}
    />
  )
}

export function MyRuns() {
  const cols: Col<Run>[] = [
    { id: 'state', label: t`State`, width: 120, cell: (r) => <State state={r.state} /> },
    { id: 'result', label: t`Result`, width: 260, cell: (r) => <RunResult run={r} /> },
    { id: 'started', label: t`Started`, width: 120, cell: (r) => <When at={r.started_at ?? r.queued_at} /> },
    { id: 'agent', label: t`Agent`, width: 140, cell: (r) => (r.agent ? <Foreign text={r.agent.name || r.agent.id} max={30} /> : null) },
  ]
  const name = (r: Run) => r.connection.name || r.connection.id
  return (
    <MineList<Run>
      name="runs"
      label={t`Runs`}
      usual={t`the newest first`}
      fields={{ filter_fields: [{ ...text('state', ['queued', 'running', 'succeeded', 'partial', 'failed', 'canceled']), sortable: false }] }}
      placeholder={t`For example state = failed`}
      lead={{ label: t`Run of`, cell: (r) => <Foreign text={name(r)} max={40} />, to: (r) => `/runs/${r.id}`, text: name }}
      cols={cols}
      ask={(query, signal) => api.get('/api/v1/mine/runs', { query: { filter: query.filter, page_size: query.page_size, page_token: query.page_token }, signal })}
    />
  )
}
