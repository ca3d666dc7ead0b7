// One range of addresses: what it is, what is free in it, and who has which address.
import { useQuery } from '@tanstack/react-query'
import { useParams } from 'react-router'

import { q } from '../api/queries'
import type { PrefixAddress } from '../api/types'
import { amount, count, counted } from '../format/units'
import { DataTable, type Col } from '../parts/DataTable'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { rangeColumns, Refs, Trouble } from './Prefixes'
import css from './Prefixes.module.css'

const addressColumns: Col<PrefixAddress>[] = [
  { id: 'address', label: 'Address', width: 260, cell: (a) => <code>{a.address}</code> },
  { id: 'of', label: 'Is of', width: 340, cell: (a) => <Refs list={a.resources} /> },
  { id: 'kinds', label: 'Kinds', width: 220, cell: (a) => [...new Set(a.resources.map((r) => r.kind))].join(', ') },
  { id: 'look', label: 'Look at', width: 120, cell: (a) => (a.duplicate ? <span className={css.warn}>duplicate</span> : null) },
]

export default function PrefixPage() {
  const { id = '' } = useParams()
  const one = useQuery(q.prefix(id))
  const used = useQuery(q.prefixAddresses(id))
  const trail = [{ to: '/prefixes', label: 'Address space' }]
  if (one.error && !one.data) return <Page title="Prefix" trail={trail}><ProblemPanel error={one.error} retry={() => void one.refetch()} /></Page>
  if (!one.data) return <Page title="Prefix" trail={trail}><Loading what="the range" /></Page>
  const p = one.data
  const above = [
    { to: `/prefixes?domain=${encodeURIComponent(p.domain.id)}`, label: p.domain.name || 'Address space' },
    ...p.around.map((a) => ({ to: `/prefixes/${a.id}`, label: a.prefix })),
  ]
  return (
    <Page title={p.prefix} heading={<code>{p.prefix}</code>} trail={above} facts={<span>{p.used_is_lower_bound ? 'at least ' : ''}{amount(p.used)} used, {amount(p.free)} free of {counted(p.size, 'address', 'addresses')}</span>}>
      <Panel title="What it is">
        <dl className={css.facts}>
          <dt>Routing domain</dt><dd><Foreign text={p.domain.name || p.domain.id} /></dd>
          <dt>Is</dt><dd><Refs list={p.resources} /></dd>
          <dt>In ranges within</dt><dd>{amount(p.allocated)} in {counted(p.children, 'range')}</dd>
          {p.duplicate || p.overlaps?.length ? <><dt>Look at</dt><dd><Trouble p={p} /></dd></> : null}
        </dl>
      </Panel>
      <Panel title="Free">
        {p.free_blocks.length === 0 ? <p className="muted">Nothing is free.</p> : (
          <div className={css.blocks}>{p.free_blocks.map((b) => <span key={b}>{b}</span>)}{p.more_free_blocks ? <span className="muted">and more</span> : null}</div>
        )}
      </Panel>
      {p.within.length ? <Panel title={<>Ranges within <span className="muted">{count(p.within.length)}</span></>} flush><DataTable label="Ranges within" rows={p.within.map((w) => ({ ...w, depth: w.depth - p.depth - 1 }))} cols={rangeColumns} rowKey={(w) => w.id} to={(w) => `/prefixes/${w.id}`} /></Panel> : null}
      <Panel title={<>Addresses <span className="muted">{used.data ? count(used.data.total_size) : ''}</span></>} flush>
        {used.error && !used.data ? <ProblemPanel error={used.error} compact retry={() => void used.refetch()} /> : used.data?.items.length === 0 ? <Empty title="Nobody has an address in it" /> : (
          <DataTable label="Addresses" rows={used.data?.items ?? []} cols={addressColumns} rowKey={(a) => a.key} loading={used.isPending} />
        )}
      </Panel>
      {used.data && used.data.items.length < used.data.total_size ? <p className="muted">The first {count(used.data.items.length)} addresses are shown; <code>maestro prefixes</code> prints them all.</p> : null}
    </Page>
  )
}
