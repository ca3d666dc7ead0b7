// The ranges of addresses of a routing domain as a tree: how full they are, and which ones should not be there twice.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Select } from '@mantine/core'
import { IconHierarchy } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'

import { q } from '../api/queries'
import type { Prefix, Ref } from '../api/types'
import { amount } from '../format/units'
import { asOfSearch, useAsOf } from '../frame/AsOf'
import { Bar } from '../parts/Bar'
import { DataTable, type Col } from '../parts/DataTable'
import { Page } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import css from './Prefixes.module.css'

export default function Prefixes() {
  const [params, setParams] = useSearchParams()
  const asOf = useAsOf()
  const search = asOfSearch(asOf)
  const domains = useQuery(q.routingDomains(asOf))
  const domain = params.get('domain') ?? domains.data?.items[0]?.id ?? ''
  const tree = useQuery({ ...q.prefixes(domain, asOf), enabled: domain !== '' })
  const choose = (
    <Select
      aria-label={t`Routing domain`}
      w={240}
      allowDeselect={false}
      searchable
      data={(domains.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))}
      value={domain || null}
      onChange={(v) => v && setParams(asOf ? { domain: v, as_of: asOf } : { domain: v })}
    />
  )
  if (domains.error && !domains.data) return <Page title={t`Address space`}><ProblemPanel error={domains.error} retry={() => void domains.refetch()} /></Page>
  return (
    <Page title={t`Address space`} facts={<span><Trans>What networks, subnets and prefixes take of a routing domain&apos;s addresses. A datacenter is a domain by itself unless it names one.</Trans></span>} actions={domains.data?.items.length ? choose : null}>
      {tree.error && !tree.data ? <ProblemPanel error={tree.error} retry={() => void tree.refetch()} /> : !tree.data && (domain || !domains.data) ? <Loading what={t`the prefixes`} /> : !tree.data?.items.length ? (
        <Empty icon={<IconHierarchy size={28} stroke={1.4} aria-hidden />} title={t`No ranges of addresses here`}><Trans>Networks and subnets that are discovered, and prefixes that people record, appear here.</Trans></Empty>
      ) : (
        <DataTable label={t`Prefixes`} rows={tree.data.items} cols={rangeColumns(search)} rowKey={(p) => p.id} to={(p) => `/prefixes/${p.id}${search}`} />
      )}
    </Page>
  )
}

/** search keeps the links at the moment that the page shows. */
export const rangeColumns = (search: string): Col<Prefix>[] => [
  { id: 'range', label: t`Range`, width: 250, cell: (p) => <span>{Array.from({ length: p.depth }, (_, i) => <i key={i} className={css.step} />)}<Link to={`/prefixes/${p.id}${search}`}><code>{p.prefix}</code></Link></span> },
  { id: 'is', label: t`Is`, width: 260, cell: (p) => <Refs list={p.resources} search={search} /> },
  { id: 'used', label: t`Used`, width: 190, cell: (p) => <Used p={p} /> },
  { id: 'free', label: t`Free`, width: 110, right: true, cell: (p) => amount(p.free) },
  { id: 'size', label: t`Addresses`, width: 110, right: true, cell: (p) => amount(p.size) },
  { id: 'look', label: t`Look at`, width: 230, cell: (p) => <Trouble p={p} search={search} /> },
]

/** Taken is what is used, or given to ranges within. */
function Used({ p }: { p: Prefix }) {
  const taken = p.size > 0 ? Math.min(100, (100 * (p.size - p.free)) / p.size) : 0
  return (
    <span className={css.bar}>
      <Bar className={css.share} label={t`${Math.round(taken)}% is taken`} parts={[{ share: taken, className: css.taken }]} />
      <span>{p.used_is_lower_bound ? t`at least ` : ''}{amount(p.used)}</span>
    </span>
  )
}

export function Trouble({ p, search }: { p: Prefix; search: string }) {
  if (!p.duplicate && !p.overlaps?.length) return null
  return (
    <span className={css.warn}>
      {p.duplicate ? t`duplicate` : null}
      {p.duplicate && p.overlaps?.length ? ', ' : null}
      {p.overlaps?.length ? <><Trans>lies in <Refs list={p.overlaps} search={search} /></Trans></> : null}
    </span>
  )
}

export function Refs({ list, search }: { list: Ref[]; search: string }) {
  const most = 3
  return (
    <span className="clip">
      {list.slice(0, most).map((r, i) => (
        <span key={r.id}>{i > 0 ? ', ' : ''}<Link to={`/inventory/${r.kind ?? ''}/${r.id}${search}`}><Foreign text={r.name || r.id} max={28} /></Link></span>
      ))}
      {list.length > most ? <span className="muted"> +{list.length - most}</span> : null}
    </span>
  )
}
