// One range of addresses: what it is, what is free in it, and who has which address.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { useParams } from 'react-router'

import { q } from '../api/queries'
import type { PrefixAddress } from '../api/types'
import { amount, count } from '../format/units'
import { asOfSearch, useAsOf } from '../frame/AsOf'
import { DataTable, type Col } from '../parts/DataTable'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { rangeColumns, Refs, Trouble } from './Prefixes'
import css from './Prefixes.module.css'

const addressColumns = (search: string): Col<PrefixAddress>[] => [
  { id: 'address', label: t`Address`, width: 260, cell: (a) => <code>{a.address}</code> },
  { id: 'of', label: t`Is of`, width: 340, cell: (a) => <Refs list={a.resources} search={search} /> },
  { id: 'kinds', label: t`Kinds`, width: 220, cell: (a) => [...new Set(a.resources.map((r) => r.kind))].join(', ') },
  { id: 'look', label: t`Look at`, width: 120, cell: (a) => (a.duplicate ? <span className={css.warn}><Trans>duplicate</Trans></span> : null) },
]

export default function PrefixPage() {
  const { id = '' } = useParams()
  const asOf = useAsOf()
  const search = asOfSearch(asOf)
  const one = useQuery(q.prefix(id, asOf))
  const used = useQuery(q.prefixAddresses(id, asOf))
  const trail = [{ to: `/prefixes${search}`, label: t`Address space` }]
  if (one.error && !one.data) return <Page title={t`Prefix`} trail={trail}><ProblemPanel error={one.error} retry={() => void one.refetch()} /></Page>
  if (!one.data) return <Page title={t`Prefix`} trail={trail}><Loading what={t`the range`} /></Page>
  const p = one.data
  const above = [
    { to: `/prefixes?domain=${encodeURIComponent(p.domain.id)}${asOf ? `&as_of=${encodeURIComponent(asOf)}` : ''}`, label: p.domain.name || t`Address space` },
    ...p.around.map((a) => ({ to: `/prefixes/${a.id}${search}`, label: a.prefix })),
  ]
  return (
    <Page title={p.prefix} heading={<code>{p.prefix}</code>} trail={above} facts={<span><Trans>{p.used_is_lower_bound ? t`at least ` : ''}{amount(p.used)} used, {amount(p.free)} free of <Plural value={p.size} one="# address" other="# addresses" /></Trans></span>}>
      <Panel title={t`What it is`}>
        <dl className={css.facts}>
          <dt><Trans>Routing domain</Trans></dt><dd><Foreign text={p.domain.name || p.domain.id} /></dd>
          <dt><Trans>Is</Trans></dt><dd><Refs list={p.resources} search={search} /></dd>
          <dt><Trans>In ranges within</Trans></dt><dd><Trans>{amount(p.allocated)} in <Plural value={p.children} one="# range" other="# ranges" /></Trans></dd>
          {p.duplicate || p.overlaps?.length ? <><dt><Trans>Look at</Trans></dt><dd><Trouble p={p} search={search} /></dd></> : null}
        </dl>
      </Panel>
      <Panel title={t`Free`}>
        {p.free_blocks.length === 0 ? <p className="muted"><Trans>Nothing is free.</Trans></p> : (
          <div className={css.blocks}>{p.free_blocks.map((b) => <span key={b}>{b}</span>)}{p.more_free_blocks ? <span className="muted"><Trans>and more</Trans></span> : null}</div>
        )}
      </Panel>
      {p.within.length ? <Panel title={<><Trans>Ranges within <span className="muted">{count(p.within.length)}</span></Trans></>} flush><DataTable label={t`Ranges within`} rows={p.within.map((w) => ({ ...w, depth: w.depth - p.depth - 1 }))} cols={rangeColumns(search)} rowKey={(w) => w.id} to={(w) => `/prefixes/${w.id}${search}`} /></Panel> : null}
      <Panel title={<><Trans>Addresses <span className="muted">{used.data ? count(used.data.total_size) : ''}</span></Trans></>} flush>
        {used.error && !used.data ? <ProblemPanel error={used.error} compact retry={() => void used.refetch()} /> : used.data?.items.length === 0 ? <Empty title={t`Nobody has an address in it`} /> : (
          <DataTable label={t`Addresses`} rows={used.data?.items ?? []} cols={addressColumns(search)} rowKey={(a) => a.key} loading={used.isPending} />
        )}
      </Panel>
      {used.data && used.data.items.length < used.data.total_size ? <p className="muted"><Trans>The first {count(used.data.items.length)} addresses are shown; <code>maestro prefixes</code> prints them all.</Trans></p> : null}
    </Page>
  )
}
