// The one list of the inventory: for every kind, made from its schema. All of its state is in the address.
import { ActionIcon, Button, Checkbox, Popover, Tooltip } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { IconColumns3, IconDownload, IconPlus, IconTerminal2 } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'

import { addressOf, api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { KindInfo, Resource } from '../api/types'
import { count } from '../format/units'
import { useAsOf } from '../frame/AsOf'
import { KindIcon } from '../frame/icons'
import { useAdmin } from '../frame/session'
import { alignsRight, chosen, columnsOf, type Column } from '../kinds/fields'
import { narrowed, offered } from '../kinds/filter'
import { CoverageStrip } from '../parts/Coverage'
import { DataTable, type Col } from '../parts/DataTable'
import { FilterLine } from '../parts/FilterLine'
import { Mark } from '../parts/marks'
import { Page } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign, Snippet } from '../parts/Text'
import { Cell } from '../parts/ValueView'
import { CreateResource } from './CreateResource'
import css from './Inventory.module.css'

const pageSize = 100

export default function Inventory() {
  const { kind: name = '' } = useParams()
  const kinds = useQuery(q.kinds())
  if (kinds.isPending) return <Loading what="the kinds" />
  if (kinds.error) return <Page title="Inventory"><ProblemPanel error={kinds.error} retry={() => void kinds.refetch()} /></Page>
  const kind = kinds.data.find((k) => k.name === name)
  if (!kind) {
    return (
      <Page title="No such kind">
        <Empty title={`No kind is called “${name}”`}>A plugin may declare it under another name. <Link to="/kinds">All kinds</Link></Empty>
      </Page>
    )
  }
  return <KindList key={name} kind={kind} />
}

/** The filter, order and columns in the address, and how to change them. */
function useView() {
  const [params, setParams] = useSearchParams()
  const order = params.get('order_by') ?? 'name'
  const [by = '', direction] = order.split(' ')
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(params)
    if (value) next.set(name, value)
    else next.delete(name)
    setParams(next)
  }
  return { filter: params.get('filter') ?? '', orderBy: order, order: by ? { by, desc: direction === 'desc' } : undefined, columns: params.get('columns'), set }
}

function useRows(kind: string, filter: string, orderBy: string, asOf: string | undefined) {
  return useInfiniteQuery({
    queryKey: ['resources', kind, filter, orderBy, asOf ?? ''],
    queryFn: ({ pageParam, signal }) =>
      api.get('/api/v1/resources/{kind}', {
        path: { kind },
        query: { filter, order_by: orderBy, page_size: pageSize, page_token: pageParam, ...(asOf ? { as_of: asOf } : {}) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) <= 3 && !asOf ? 15_000 : false),
    retry: (n, err) => n < 2 && err instanceof Problem && err.status === 0,
  })
}

function KindList({ kind }: { kind: KindInfo }) {
  const view = useView()
  const asOf = useAsOf()
  const admin = useAdmin()
  const [adding, setAdding] = useState(false)
  const list = useRows(kind.name, view.filter, view.orderBy, asOf)
  const all = useMemo(() => columnsOf(kind), [kind])
  const rows = useMemo(() => (list.error ? [] : (list.data?.pages.flatMap((p) => p.items) ?? [])), [list.error, list.data])
  const shown = useMemo(() => chosen(all, view.columns, rows), [all, view.columns, rows])
  const first = list.data?.pages[0]
  const problem = list.error instanceof Problem ? list.error : null
  const refused = problem?.filter ? problem : null
  const total = first && !list.error ? `${first.total_size_is_lower_bound ? 'over ' : ''}${count(first.total_size)} ${(first.total_size === 1 ? kind.label : kind.plural).toLowerCase()}${view.filter ? ' found' : ''}` : undefined
  const search = asOf ? `?as_of=${encodeURIComponent(asOf)}` : ''
  return (
    <Page
      fill
      title={kind.plural}
      heading={<span className="row-n"><KindIcon kind={kind} size={20} />{kind.plural}</span>}
      facts={kind.summary ? <span>{kind.summary}</span> : null}
      actions={
        <>
          <AsCommand kind={kind} filter={view.filter} orderBy={view.orderBy} />
          <Export kind={kind} filter={view.filter} orderBy={view.orderBy} asOf={asOf} columns={shown} />
          <ColumnChoice all={all} shown={shown} onChange={(ids) => view.set('columns', ids)} />
          {admin && !asOf ? <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setAdding(true)}>Add by hand</Button> : null}
        </>
      }
    >
      <CoverageStrip kind={kind} total={total} />
      <FilterLine value={view.filter} onApply={(t) => view.set('filter', t)} problem={refused} kind={kind} />
      {problem && !refused ? (
        <ProblemPanel error={problem} retry={() => void list.refetch()} />
      ) : refused ? (
        <Names kind={kind} />
      ) : !list.isPending && rows.length === 0 ? (
        <Nothing kind={kind} filter={view.filter} onFilter={(t) => view.set('filter', t)} />
      ) : (
        <DataTable
          label={kind.plural}
          fill
          rows={rows}
          cols={shown.map((c, i) => tableColumn(c, i === 0, search))}
          rowKey={(r) => r.id}
          to={(r) => `/inventory/${r.kind}/${r.id}${search}`}
          order={view.order}
          onOrder={(by, desc) => view.set('order_by', by + (desc ? ' desc' : ''))}
          loading={list.isPending || list.isFetchingNextPage}
          faded={(r) => r.state !== 'active'}
          onEnd={() => { if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage() }}
          footer={
            rows.length ? (
              <>
                <span>{count(rows.length)} of {first?.total_size_is_lower_bound ? 'over ' : ''}{count(first?.total_size ?? rows.length)} shown</span>
                {list.hasNextPage ? <Button onClick={() => void list.fetchNextPage()} loading={list.isFetchingNextPage}>Show more</Button> : null}
              </>
            ) : null
          }
        />
      )}
      {adding ? <CreateResource kind={kind} onClose={() => setAdding(false)} /> : null}
    </Page>
  )
}

const widths: Record<string, number> = { name: 220, tags: 220, region: 100, zone: 120, datacenter: 120 }

function tableColumn(c: Column, lead: boolean, search: string): Col<Resource> {
  const right = alignsRight(c.field)
  return {
    id: c.id,
    label: c.label,
    orderBy: c.orderBy,
    right,
    width: widths[c.id] ?? (right ? 95 : c.field.type === 'time' ? 110 : c.field.enum?.length ? 105 : c.field.type === 'ip' ? 135 : c.field.type === 'boolean' ? 90 : 150),
    cell: lead ? (r) => <NameCell r={r} search={search} /> : (r) => cellOf(c, r),
  }
}

function cellOf(c: Column, r: Resource) {
  const value = c.value(r)
  if (value === undefined || value === null || value === '') return null
  const stale = r.stale?.some((p) => p === c.field.pointer)
  const conflict = r.conflicts?.includes(c.field.pointer)
  return (
    <>
      <Cell value={value} field={c.field} />
      {stale ? <> <Mark state="partial" title="From before: it could not be read the last time" /></> : null}
      {conflict ? <> <Mark state="degraded" title="The sources differ" /></> : null}
    </>
  )
}

function NameCell({ r, search }: { r: Resource; search: string }) {
  return (
    <>
      {r.state === 'active' ? null : <><Mark state={r.state} title={r.state} /> </>}
      <Link to={`/inventory/${r.kind}/${r.id}${search}`}><Foreign text={r.name || r.id} max={60} /></Link>
    </>
  )
}

/** What a filter may name, for those whose filter was refused. */
function Names({ kind }: { kind: KindInfo }) {
  return (
    <div className="stack-s">
      <h2>Names a filter can use here</h2>
      <p className={css.names}>
        {offered(kind.filter_fields).map((f) => (
          <span key={f.name} title={f.enum?.length ? f.enum.join(', ') : f.type}><code>{f.name}</code></span>
        ))}
      </p>
      <p className="muted">Bare words search the text. <code>=</code> is exact, <code>~</code> contains, <code>:</code> has; AND, OR, NOT and parentheses join. A moment may be <code>-30d</code>.</p>
    </div>
  )
}

/** The question that an empty list leaves open, with the name that was looked for if the filter is about one. */
const whyLink = (kind: string, filter: string) => {
  const name = /^\s*(?:name\s*[=~:]\s*)?(?:"([^"]+)"|([^\s"=<>~:()]+))\s*$/.exec(filter)
  return `/why?kind=${kind}&name=${encodeURIComponent(name?.[1] ?? name?.[2] ?? '')}`
}

function Nothing({ kind, filter, onFilter }: { kind: KindInfo; filter: string; onFilter: (t: string) => void }) {
  if (filter) {
    const stated = /\bstate\b/.test(filter)
    return (
      <Empty
        title={`No ${kind.plural.toLowerCase()} match this filter`}
        action={
          <div className="row">
            <Button variant="filled" onClick={() => onFilter('')}>Clear the filter</Button>
            {stated ? null : <Button onClick={() => onFilter(narrowed(filter, 'state = gone'))}>Look among those that are gone</Button>}
            <Button component={Link} to={whyLink(kind.name, filter)}>Why is it not here?</Button>
          </div>
        }
      >
        The line above says how much of the estate this answer covers.
      </Empty>
    )
  }
  return (
    <Empty title={`No ${kind.plural.toLowerCase()} are known`} icon={<KindIcon kind={kind} size={28} />} action={<div className="row"><Button component={Link} to="/connections" variant="filled">See connections</Button><Button component={Link} to={whyLink(kind.name, '')}>Why is it not here?</Button></div>}>
      Nothing is listed here until a connection that reads {kind.plural.toLowerCase()} has run. The line above says whether one did.
    </Empty>
  )
}

function ColumnChoice({ all, shown, onChange }: { all: Column[]; shown: Column[]; onChange: (ids: string) => void }) {
  const ids = shown.slice(1).map((c) => c.id)
  const toggle = (id: string) => onChange((ids.includes(id) ? ids.filter((x) => x !== id) : [...ids, id]).join(',') || 'name')
  return (
    <Popover position="bottom-end" width={260}>
      <Popover.Target>
        <Button leftSection={<IconColumns3 size={15} aria-hidden />}>Columns</Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack-s">
          <div className={css.choices}>
            <div className="stack-s">
              {all.slice(1).map((c) => <Checkbox key={c.id} label={c.label} checked={ids.includes(c.id)} onChange={() => toggle(c.id)} />)}
            </div>
          </div>
          <Button onClick={() => onChange('')}>The usual ones</Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}

/** The list as a file. The browser fetches it by itself, so that no page has to hold it. */
function Export({ kind, filter, orderBy, asOf, columns }: { kind: KindInfo; filter: string; orderBy: string; asOf: string | undefined; columns: Column[] }) {
  const [whole, setWhole] = useState(false)
  const names = columns.map((c) => c.id).join(',')
  const at = (format: string) =>
    addressOf('/api/v1/exports/{kind}', { kind: kind.name }, { format, filter, order_by: orderBy, as_of: asOf, columns: whole ? '' : `id,${names}` })
  return (
    <Popover position="bottom-end" width={260}>
      <Popover.Target>
        <Button leftSection={<IconDownload size={15} aria-hidden />}>Export</Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack-s">
          <p className="muted">All that this filter finds, as a file that can be edited and imported again.</p>
          <Checkbox label="All fields, not only these columns" checked={whole} onChange={(e) => setWhole(e.currentTarget.checked)} />
          <div className="row">
            {['csv', 'xlsx', 'json'].map((f) => <Button key={f} component="a" href={at(f)} download={`${kind.name}.${f}`}>{f.toUpperCase()}</Button>)}
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}

/** What is shown, as a command and as a call, so that nobody has to translate. */
function AsCommand({ kind, filter, orderBy }: { kind: KindInfo; filter: string; orderBy: string }) {
  const shell = (s: string) => `'${s.replaceAll("'", "'\\''")}'`
  const flags = [filter ? `--filter ${shell(filter)}` : '', orderBy ? `--order-by ${shell(orderBy)}` : ''].filter(Boolean).join(' ')
  const query = new URLSearchParams({ ...(filter ? { filter } : {}), ...(orderBy ? { order_by: orderBy } : {}) }).toString()
  return (
    <Popover position="bottom-end" width={460}>
      <Popover.Target>
        <Tooltip label="This list as a command or an API call">
          <ActionIcon variant="default" size={30} aria-label="This list as a command or an API call"><IconTerminal2 size={16} /></ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack-s">
          <Snippet label="the command" text={`maestro get ${kind.name}${flags ? ' ' + flags : ''}`} />
          <Snippet label="the API call" text={`curl -H "Authorization: Bearer $MAESTRO_TOKEN" \\\n  ${shell(`${location.origin}/api/v1/resources/${kind.name}${query ? '?' + query : ''}`)}`} />
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}
