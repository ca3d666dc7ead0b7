// The one list of the inventory: for every kind, made from its schema. All of its state is in the address.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { ActionIcon, Button, Popover, Tooltip } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconAdjustmentsHorizontal, IconPlus, IconTerminal2 } from '@tabler/icons-react'
import { useEffect, useMemo, useState } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'

import { usualOrder } from '../api/early'
import { live } from '../api/live'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { KindInfo, Resource, View } from '../api/types'
import { short } from '../format/time'
import { count } from '../format/units'
import { asOfSearch, useAsOf } from '../frame/AsOf'
import { KindIcon } from '../frame/icons'
import { useMaySomewhere } from '../frame/session'
import { chosen, columnsOf, type Column } from '../kinds/fields'
import { narrowed, offered } from '../kinds/filter'
import { CoverageStrip, PastStrip } from '../parts/Coverage'
import { DataTable, useNarrow } from '../parts/DataTable'
import { FilterLine } from '../parts/FilterLine'
import { Mark } from '../parts/marks'
import { Page } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign, Snippet } from '../parts/Text'
import { useNow } from '../parts/When'
import { CreateResource } from './CreateResource'
import { tableColumn } from './inventory/cells'
import { BulkBar, BulkEdit, mostTicked } from './inventory/Bulk'
import { Chips } from './inventory/Builder'
import { Columns } from './inventory/Columns'
import { Export } from './inventory/Export'
import { Facets } from './inventory/Facets'
import { Place } from './inventory/Place'
import { useRows } from './inventory/useRows'
import { Views, shownBy, type Shown } from './inventory/Views'
import css from './Inventory.module.css'

export default function Inventory() {
  const { kind: name = '' } = useParams()
  const kinds = useQuery(q.kinds())
  if (kinds.isPending) return <Loading what={t`the kinds`} />
  if (kinds.error && !kinds.data) return <Page title={t`Inventory`}><ProblemPanel error={kinds.error} retry={() => void kinds.refetch()} /></Page>
  const kind = kinds.data.find((k) => k.name === name)
  if (!kind) {
    return (
      <Page title={t`No such kind`}>
        <Empty title={t`No kind is called “${name}”`}><Trans>A plugin may declare it under another name. <Link to="/kinds">All kinds</Link></Trans></Empty>
      </Page>
    )
  }
  return <KindList key={name} kind={kind} />
}

/** What is shown is in the address, all of it, and this is how it is changed. */
function useView() {
  const [params, setParams] = useSearchParams()
  const order = params.get('order_by') ?? usualOrder
  const [by = '', direction] = order.split(' ')
  const set = (values: Record<string, string>) => {
    const next = new URLSearchParams(params)
    for (const [name, value] of Object.entries(values)) {
      if (value) next.set(name, value)
      else next.delete(name)
    }
    setParams(next)
  }
  const pinned = Math.max(0, Math.min(5, Number(params.get('pinned') ?? 0) || 0))
  const shown: Shown = { filter: params.get('filter') ?? '', orderBy: params.get('order_by') ?? '', columns: params.get('columns') ?? '', pinned }
  return { shown, orderBy: order, order: by ? { by, desc: direction === 'desc' } : undefined, view: params.get('view') ?? '', facets: params.get('facets') === '1', adding: params.get('add') === '1', set }
}

/** How many changes there were since a long list was read. */
function useChangesSince(kind: string, long: boolean, read: number) {
  const [since, setSince] = useState({ read, n: 0 })
  useEffect(() => live.onTold((e) => {
    const d = e.data as { kind?: string; count?: number }
    if (e.name === 'resources' && d.kind === kind) setSince((old) => ({ read, n: (old.read === read ? old.n : 0) + (d.count ?? 0) }))
  }), [kind, read])
  return long && since.read === read ? since.n : 0
}

function KindList({ kind }: { kind: KindInfo }) {
  const view = useView()
  const { filter } = view.shown
  const asOf = useAsOf()
  const may = useMaySomewhere('resource.edit')
  const client = useQueryClient()
  const narrow = useNarrow()
  const adding = may && !asOf && view.adding
  const setAdding = (on: boolean) => view.set({ add: on ? '1' : '' })
  const [editing, setEditing] = useState(false)
  const [selection, setSelection] = useState<{ of: string; ticked: ReadonlySet<string>; all: boolean }>({ of: '', ticked: new Set(), all: false })
  const rows = useRows(kind.name, filter, view.orderBy, asOf)
  const { head: list } = rows
  const [jump, setJump] = useState<{ row: number }>()
  const changes = useChangesSince(kind.name, rows.long, list.data ? list.dataUpdatedAt : 0)
  const all = useMemo(() => columnsOf(kind), [kind])
  const first = list.data
  const shown = useMemo(() => chosen(all, view.shown.columns || null, first?.items ?? []), [all, view.shown.columns, first])
  const problem = !list.data && list.error instanceof Problem ? list.error : null
  const refused = problem?.filter ? problem : null
  const size = rows.total
  const over = rows.over ? t`over ` : ''
  const total = first || rows.looked ? `${over}${count(size)} ${(size === 1 ? kind.label : kind.plural).toLowerCase()}${filter ? ' found' : ''}` : undefined
  const search = asOfSearch(asOf)
  // What is ticked belongs to one filter.
  const ticked = selection.of === filter ? selection.ticked : new Set<string>()
  const everything = selection.of === filter && selection.all
  const some = ticked.size > 0 && !everything
  const onFilter = (it: string) => view.set({ filter: it })
  const open = (v: View | null) => {
    const s = v ? shownBy(v) : { filter: '', orderBy: '', columns: '', pinned: 0 }
    view.set({ view: v?.id ?? '', filter: s.filter, order_by: s.orderBy, columns: s.columns, pinned: s.pinned ? String(s.pinned) : '' })
  }
  return (
    <Page
      fill
      title={kind.plural}
      heading={<span className="row-n"><KindIcon kind={kind} size={20} />{kind.plural}</span>}
      facts={kind.summary ? <span>{kind.summary}</span> : null}
      actions={
        <>
          <Button leftSection={<IconAdjustmentsHorizontal size={15} aria-hidden />} aria-pressed={view.facets} variant={view.facets ? 'light' : 'default'} onClick={() => view.set({ facets: view.facets ? '' : '1' })}><Trans>Facets</Trans></Button>
          <Views kind={kind} now={view.shown} current={view.view} onOpen={open} />
          <Columns all={all} shown={shown} pinned={view.shown.pinned} onChange={(ids, pinned) => view.set({ columns: ids, pinned: pinned ? String(pinned) : '' })} />
          <Export kind={kind} filter={filter} ids={some ? ticked : undefined} what={some ? t`The rows that are ticked` : t`All that this filter finds`} tooMany={some && ticked.size > mostTicked} orderBy={view.orderBy} asOf={asOf} columns={shown} />
          <AsCommand kind={kind} filter={filter} orderBy={view.orderBy} columns={shown} asOf={asOf} />
          {may && !asOf ? <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setAdding(true)}><Trans>Add by hand</Trans></Button> : null}
        </>
      }
    >
      {asOf ? <PastStrip at={asOf} total={total} /> : <CoverageStrip kind={kind} total={total} />}
      <div className="stack-s">
        <FilterLine value={filter} onApply={onFilter} problem={refused} kind={kind} />
        <Chips kind={kind} filter={filter} onFilter={onFilter} />
      </div>
      {rows.looked ? (
        <p className={css.changed} role="status" data-testid="looking">
          <Trans>Much happened around this moment, so finding takes a while. Looked through so far: {count(rows.looked)}.</Trans>
        </p>
      ) : null}
      {ticked.size > 0 ? (
        <BulkBar
          kind={kind} ticked={ticked} all={everything} total={size} more={!!over} canEdit={may && !asOf}
          onAll={() => setSelection({ of: filter, ticked, all: true })}
          onClear={() => setSelection({ of: filter, ticked: new Set(), all: false })}
          onEdit={() => setEditing(true)}
        />
      ) : null}
      {problem && !refused ? (
        <ProblemPanel error={problem} retry={() => void list.refetch()} />
      ) : refused ? (
        <Names kind={kind} />
      ) : (
        <div className={css.body}>
          {view.facets ? <Facets kind={kind} filter={filter} onFilter={onFilter} asOf={asOf} /> : null}
          {!list.isPending && !rows.looked && rows.rows.length === 0 ? (
            <div className="grow">{asOf ? <NothingThen kind={kind} filter={filter} onFilter={onFilter} at={asOf} /> : <Nothing kind={kind} filter={filter} onFilter={onFilter} onAdd={may ? () => setAdding(true) : undefined} />}</div>
          ) : (
            <div className={css.table}>
              {changes > 0 ? (
                <div className={css.changed} role="status">
                  <Trans>{count(changes)} <Plural value={changes} one="change" other="changes" /> since this list was read.{' '}
                  <button type="button" className="link" onClick={() => { setJump({ row: 0 }); void client.resetQueries({ queryKey: ['resources', kind.name, filter, view.orderBy] }) }}>Read it again from the top</button></Trans>
                </div>
              ) : null}
              <DataTable
                label={kind.plural}
                fill
                key={`${filter}\n${view.orderBy}\n${asOf ?? ''}`}
                rows={rows.rows}
                window={{ count: rows.count, places: rows.places, onRange: rows.onRange, between: rows.between, page: rows.pageSize }}
                jump={jump}
                cols={shown.map((c, i) => tableColumn(c, i === 0 ? (r) => <NameCell r={r} search={search} /> : undefined))}
                rowKey={(r) => r.id}
                to={(r) => `/inventory/${r.kind}/${r.id}${search}`}
                order={view.order}
                onOrder={(by, desc) => view.set({ order_by: by + (desc ? ' desc' : '') })}
                loading={list.isPending || (!!rows.looked && rows.rows.length === 0)}
                faded={(r) => r.state !== 'active'}
                pinned={narrow ? 0 : view.shown.pinned}
                ticked={ticked}
                onTick={(ids) => setSelection({ of: filter, ticked: ids, all: false })}
                footer={rows.rows.length ? <Place pager={rows.pager} kind={kind.name} filter={filter} order={view.order} by={shown.find((c) => c.orderBy === view.order?.by && c.field.type === 'string')?.label} rows={rows.count} total={size} over={rows.over} error={rows.error} onJump={(row) => setJump({ row })} /> : null}
              />
            </div>
          )}
        </div>
      )}
      {adding ? <CreateResource kind={kind} onClose={() => setAdding(false)} /> : null}
      {editing ? (
        <BulkEdit
          kind={kind}
          filter={filter}
          ids={everything ? undefined : [...ticked]}
          what={`${everything ? over + count(size) : count(ticked.size)} ${(!everything && ticked.size === 1 ? kind.label : kind.plural).toLowerCase()}`}
          onClose={() => setEditing(false)}
        />
      ) : null}
    </Page>
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
      <h2><Trans>Names a filter can use here</Trans></h2>
      <p className={css.names}>
        {offered(kind.filter_fields).map((f) => (
          <span key={f.name} title={f.enum?.length ? f.enum.join(', ') : f.type}><code>{f.name}</code></span>
        ))}
      </p>
      <p className="muted"><Trans>Bare words search the text. <code>=</code> is exact, <code>~</code> contains, <code>:</code> has; AND, OR, NOT and parentheses join. A moment may be <code>-30d</code>.</Trans></p>
    </div>
  )
}

/** The question that an empty list leaves open, with the name that was looked for if the filter is about one. */
const whyLink = (kind: string, filter: string) => {
  const name = /^\s*(?:name\s*[=~:]\s*)?(?:"([^"]+)"|([^\s"=<>~:()]+))\s*$/.exec(filter)
  return `/why?kind=${kind}&name=${encodeURIComponent(name?.[1] ?? name?.[2] ?? '')}`
}

function Nothing({ kind, filter, onFilter, onAdd }: { kind: KindInfo; filter: string; onFilter: (it: string) => void; onAdd: (() => void) | undefined }) {
  if (filter) {
    const stated = /\bstate\b/.test(filter)
    return (
      <Empty
        title={t`No ${kind.plural.toLowerCase()} match this filter`}
        action={
          <div className="row">
            <Button variant="filled" onClick={() => onFilter('')}><Trans>Clear the filter</Trans></Button>
            {stated ? null : <Button onClick={() => onFilter(narrowed(filter, 'state = gone'))}><Trans>Look among those that are gone</Trans></Button>}
            <Button component={Link} to={whyLink(kind.name, filter)}><Trans>Why is it not here?</Trans></Button>
          </div>
        }
      >
        <Trans>The line above says how much of the estate this answer covers.</Trans>
      </Empty>
    )
  }
  const ofPeople = kind.group === 'business'
  return (
    <Empty title={t`No ${kind.plural.toLowerCase()} are known`} icon={<KindIcon kind={kind} size={28} />} action={<div className="row">{onAdd ? <Button variant={ofPeople ? 'filled' : 'default'} leftSection={<IconPlus size={15} aria-hidden />} onClick={onAdd}><Trans>Add the first</Trans></Button> : null}<Button component={Link} to="/connections" variant={onAdd && ofPeople ? 'default' : 'filled'}><Trans>See connections</Trans></Button><Button component={Link} to={whyLink(kind.name, '')}><Trans>Why is it not here?</Trans></Button></div>}>
      {ofPeople
        ? <Trans>{kind.plural} are mostly recorded by people, by hand or from a file. Where a connection reads them too, the line above says whether it did.</Trans>
        : <Trans>Nothing is listed here until a connection that reads {kind.plural.toLowerCase()} has run. The line above says whether one did.</Trans>}
    </Empty>
  )
}

/** An empty list of a moment: what there was to know then is over, so nothing of today is said about it. */
function NothingThen({ kind, filter, onFilter, at }: { kind: KindInfo; filter: string; onFilter: (it: string) => void; at: string }) {
  const things = kind.plural.toLowerCase()
  const when = short(new Date(at), useNow())
  const now = <Button component={Link} to={`/inventory/${kind.name}${filter ? `?filter=${encodeURIComponent(filter)}` : ''}`} variant={filter ? 'default' : 'filled'}><Trans>Show the list of now</Trans></Button>
  return filter ? (
    <Empty title={t`No ${things} matched this filter at ${when}`} action={<div className="row"><Button variant="filled" onClick={() => onFilter('')}><Trans>Clear the filter</Trans></Button>{now}</div>}>
      <Trans>Names, tags and relations are those that things had then.</Trans>
    </Empty>
  ) : (
    <Empty title={t`No ${things} were known at ${when}`} icon={<KindIcon kind={kind} size={28} />} action={now}>
      <Trans>Nobody had recorded any by then, and no connection had read any; what was gone by then is left out too.</Trans>
    </Empty>
  )
}

/** What is shown, as a command and as a call, so that nobody has to translate. */
function AsCommand({ kind, filter, orderBy, columns, asOf }: { kind: KindInfo; filter: string; orderBy: string; columns: Column[]; asOf: string | undefined }) {
  const shell = (s: string) => `'${s.replaceAll("'", "'\\''")}'`
  const flags = [filter ? `--filter ${shell(filter)}` : '', orderBy ? `--order-by ${shell(orderBy)}` : '', asOf ? `--as-of ${shell(asOf)}` : ''].filter(Boolean).join(' ')
  const query = new URLSearchParams({ ...(filter ? { filter } : {}), ...(orderBy ? { order_by: orderBy } : {}), ...(asOf ? { as_of: asOf } : {}) }).toString()
  const table = new URLSearchParams({ format: 'csv', ...(filter ? { filter } : {}), ...(orderBy ? { order_by: orderBy } : {}), ...(asOf ? { as_of: asOf } : {}), columns: ['id', ...columns.map((c) => c.id)].join(',') }).toString()
  const [open, setOpen] = useState(false)
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" width="min(460px, calc(100vw - 24px))">
      <Popover.Target>
        {/* Below, and not beside what it names: above it other buttons stand where the page is narrow. */}
        <Tooltip label={t`This list as a command or an API call`} position="bottom" disabled={open}>
          <ActionIcon variant="default" size={30} aria-label={t`This list as a command or an API call`} onClick={() => setOpen(!open)}><IconTerminal2 size={16} /></ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack-s">
          <Snippet label={t`the command`} text={`maestro get ${kind.name}${flags ? ' ' + flags : ''}`} />
          <Snippet label={t`the file as a call`} text={`curl -H "Authorization: Bearer $MAESTRO_TOKEN" \\\n  ${shell(`${location.origin}/api/v1/exports/${kind.name}?${table}`)}`} />
          <Snippet label={t`the API call`} text={`curl -H "Authorization: Bearer $MAESTRO_TOKEN" \\\n  ${shell(`${location.origin}/api/v1/resources/${kind.name}${query ? '?' + query : ''}`)}`} />
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}
