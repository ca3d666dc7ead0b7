// Every difference of the inventory, what is different between two moments, and everything anyone did.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Button } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { AuditEntry, Change, FilterField, KindInfo } from '../api/types'
import { actor, human, plain } from '../format/text'
import { KindIcon } from '../frame/icons'
import { useMay } from '../frame/session'
import { ActorText, actionWord, DiffLine } from '../parts/Diff'
import { DataTable, type Col } from '../parts/DataTable'
import { FilterLine } from '../parts/FilterLine'
import { State } from '../parts/marks'
import { Page } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { TabBar } from '../parts/TabBar'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import { valueText } from '../kinds/value'
import { CoverageStrip } from '../parts/Coverage'
import { Compare } from './Compare'
import { VerifyHistory } from './VerifyHistory'

const actions = ['created', 'updated', 'gone', 'returned', 'unwatched', 'merged']
const text = (name: string, values?: string[]): FilterField => ({ name, type: 'string', sortable: false, ...(values ? { enum: values } : {}) })

const tabs = [
  { id: 'changes', label: t`Inventory`, title: t`Changes`, about: t`Every difference of the inventory, the newest first. Nothing here can be altered.` },
  { id: 'compare', label: t`Compare`, title: t`Compare two moments`, about: t`What is different between two moments. What changed and changed back is not.` },
  { id: 'audit', label: t`Audit`, title: t`Audit`, about: t`Everything anyone did: sign-ins, edits, approvals, runs asked for.` },
]

export default function Changes() {
  const [params, setParams] = useSearchParams()
  const may = useMay('audit.verify')
  const [verifying, setVerifying] = useState(false)
  const tab = tabs.find((it) => it.id === params.get('tab')) ?? tabs[0]!
  return (
    <Page
      fill={tab.id !== 'compare'}
      title={tab.title}
      heading={t`Changes`}
      facts={<span>{tab.about}</span>}
      actions={may && tab.id === 'audit' && !verifying ? <Button leftSection={<IconShieldCheck size={15} aria-hidden />} onClick={() => setVerifying(true)}><Trans>Verify the history</Trans></Button> : null}
    >
      <TabBar label={t`What is listed`} value={tab.id} tabs={tabs} onChange={(it) => setParams(it === 'changes' ? {} : { tab: it })} />
      {tab.id === 'audit' && verifying ? <VerifyHistory onClose={() => setVerifying(false)} /> : null}
      {tab.id === 'audit' ? <AuditList /> : tab.id === 'compare' ? <Compare /> : <ChangeList />}
    </Page>
  )
}

function useFilter() {
  const [params, setParams] = useSearchParams()
  const set = (it: string) => {
    const next = new URLSearchParams(params)
    if (it) next.set('filter', it)
    else next.delete('filter')
    setParams(next)
  }
  return [params.get('filter') ?? '', set] as const
}

function ChangeList() {
  const [filter, setFilter] = useFilter()
  const kinds = useQuery(q.kinds())
  const list = useInfiniteQuery({
    queryKey: ['changes', 'list', filter],
    queryFn: ({ pageParam, signal }) => api.get('/api/v1/changes', { query: { filter, page_size: 100, page_token: pageParam }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 2 ? false : 10_000),
  })
  const rows = list.data?.pages.flatMap((p) => p.items) ?? []
  const kindOf = (name: string): KindInfo | undefined => kinds.data?.find((k) => k.name === name)
  const cols: Col<Change>[] = [
    { id: 'name', label: t`What`, width: 220, cell: (c) => <Link to={`/inventory/${c.kind}/${c.resource_id}?tab=history`}><Foreign text={c.name || c.resource_id} max={44} /></Link> },
    { id: 'kind', label: t`Kind`, width: 130, cell: (c) => <span className="row-n muted"><KindIcon kind={kindOf(c.kind) ?? { name: c.kind }} size={15} /><span className="clip">{kindOf(c.kind)?.label ?? c.kind}</span></span> },
    { id: 'action', label: t`Action`, width: 110, cell: (c) => <State state={c.action} word={actionWord(c.action)} /> },
    { id: 'diff', label: t`Difference`, width: 370, cell: (c) => (c.action === 'updated' ? <DiffLine diff={c.diff} kind={kindOf(c.kind)} max={2} /> : c.reason ? <Foreign text={c.reason} max={80} /> : null) },
    { id: 'at', label: t`When`, width: 110, cell: (c) => <When at={c.at} /> },
    { id: 'actor', label: t`By`, width: 185, cell: (c) => <ActorText change={c} /> },
  ]
  const fields = [text('action', actions), text('kind', kinds.data?.map((k) => k.name)), text('name'), text('actor'), text('run_id'), text('resource_id')]
  return (
    <>
      <CoverageStrip />
      <Listing filter={filter} setFilter={setFilter} error={list.data ? null : list.error} refetch={() => void list.refetch()} fields={fields} placeholder={t`For example action = gone AND kind = server`} empty={!list.isPending && rows.length === 0} what={t`changes`}>
        <DataTable label={t`Changes`} fill rows={rows} cols={cols} rowKey={(c) => c.id} to={(c) => `/inventory/${c.kind}/${c.resource_id}?tab=history`} loading={list.isPending || list.isFetchingNextPage} onEnd={() => { if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage() }} />
      </Listing>
    </>
  )
}

function AuditList() {
  const [filter, setFilter] = useFilter()
  const list = useInfiniteQuery({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam, signal }) => api.get('/api/v1/audit', { query: { filter, page_size: 100, page_token: pageParam }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
    placeholderData: keepPreviousData,
  })
  const rows = list.data?.pages.flatMap((p) => p.items) ?? []
  const outcomes: Record<string, string> = { ok: 'succeeded', refused: 'denied', failed: 'failed', pending: 'pending' }
  const cols: Col<AuditEntry>[] = [
    { id: 'action', label: t`Action`, width: 200, cell: (e) => <Foreign text={human(e.action.replaceAll('.', ' '))} max={40} /> },
    { id: 'outcome', label: t`Outcome`, width: 110, cell: (e) => <State state={outcomes[e.outcome] ?? e.outcome} word={human(e.outcome).toLowerCase()} /> },
    { id: 'actor', label: t`By`, width: 170, cell: (e) => <Actor text={e.actor} /> },
    { id: 'object', label: t`On`, width: 220, cell: (e) => (e.object ? <Foreign text={`${e.object.kind ? human(e.object.kind).toLowerCase() + ' ' : ''}${e.object.name || e.object.id}`} max={44} /> : null) },
    { id: 'at', label: t`When`, width: 110, cell: (e) => <When at={e.at} /> },
    { id: 'address', label: t`From`, width: 140, cell: (e) => (e.address ? <Foreign text={e.address} mono max={40} /> : null) },
    { id: 'reason', label: t`Reason`, width: 280, cell: (e) => (e.reason ? <Foreign text={e.reason} max={80} /> : e.detail && Object.keys(e.detail).length ? <span className="muted" title={plain(JSON.stringify(e.detail, null, 2))}><Foreign text={valueText(e.detail)} max={90} /></span> : null) },
  ]
  const fields = [text('action'), text('actor'), text('outcome', ['ok', 'refused', 'failed', 'pending'])]
  return (
    <Listing filter={filter} setFilter={setFilter} error={list.data ? null : list.error} refetch={() => void list.refetch()} fields={fields} placeholder={t`For example outcome = refused`} empty={!list.isPending && rows.length === 0} what={t`entries`}>
      <DataTable label={t`Audit entries`} fill rows={rows} cols={cols} rowKey={(e) => e.id} loading={list.isPending || list.isFetchingNextPage} onEnd={() => { if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage() }} />
    </Listing>
  )
}

function Actor({ text: who }: { text: string }) {
  const a = actor(who)
  return <span>{a.type && a.type !== 'user' ? <span className="muted">{human(a.type).toLowerCase()} </span> : null}<Foreign text={a.name} max={30} /></span>
}

interface ListingProps {
  filter: string
  setFilter: (it: string) => void
  error: unknown
  refetch: () => void
  fields: FilterField[]
  placeholder: string
  empty: boolean
  what: string
  children: React.ReactNode
}

function Listing(p: ListingProps) {
  const refused = p.error instanceof Problem && p.error.filter ? p.error : null
  return (
    <>
      <FilterLine value={p.filter} onApply={p.setFilter} problem={refused} kind={{ filter_fields: p.fields }} placeholder={p.placeholder} />
      {refused ? null : p.error ? <ProblemPanel error={p.error} retry={p.refetch} /> : p.empty ? (
        <Empty title={p.filter ? t`No ${p.what} match this filter` : t`No ${p.what} yet`} action={p.filter ? <Button variant="filled" onClick={() => p.setFilter('')}><Trans>Clear the filter</Trans></Button> : null} />
      ) : p.children}
    </>
  )
}
