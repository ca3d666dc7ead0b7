// All tenants that one is in, at once: how much is in each, what waits there, and a search over all of them. Nothing is edited here.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconBuildings, IconSearch } from '@tabler/icons-react'
import { useDeferredValue } from 'react'
import { useSearchParams } from 'react-router'

import { q } from '../api/queries'
import type { Place, PlaceSummary } from '../api/types'
import { count } from '../format/units'
import { DataTable, type Col } from '../parts/DataTable'
import { Mark } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { TabBar } from '../parts/TabBar'
import { Foreign } from '../parts/Text'
import { MyAgents, MyConnections, MyResources, MyRuns } from './mine/Lists'
import css from './mine/Lists.module.css'
import { useGo } from './mine/go'

// What one decides is among the approvals; who decides nothing still sees that removals are held.
const waits = (s: PlaceSummary) => Math.max(s.pending_approvals, s.summary.held_removals + s.summary.pending_kinds)

export default function Mine() {
  const list = useQuery(q.mine())
  const places = useQuery(q.places())
  const left = list.data ? (places.data?.items ?? []).filter((p) => !list.data.items.some((s) => s.place.tenant === p.tenant)) : []
  const go = useGo()
  const [params, setParams] = useSearchParams()
  const text = params.get('q') ?? ''
  const tab = params.get('tab') ?? ''
  const cols: Col<PlaceSummary>[] = [
    { id: 'tenant', label: t`Tenant`, width: 220, cell: (s) => <button type="button" className="link" onClick={() => void go(s.place.tenant, '/')}><Foreign text={s.place.name} max={60} /></button> },
    { id: 'role', label: t`Your role`, width: 120, cell: (s) => s.place.role },
    { id: 'resources', label: t`Resources`, width: 110, cell: (s) => count(s.resources) },
    { id: 'connections', label: t`Connections`, width: 110, cell: (s) => count(s.summary.connections) },
    { id: 'agents', label: t`Agents online`, width: 120, cell: (s) => t`${count(s.summary.agents_online)} of ${count(s.summary.agents)}` },
    { id: 'waits', label: t`Waits for somebody`, width: 150, cell: (s) => (waits(s) ? count(waits(s)) : t`nothing`) },
  ]
  return (
    <Page fill={tab !== ''} title={t`All mine`} facts={<span><Trans>What you may read in each tenant that you are in.</Trans></span>}>
      <TabBar
        label={t`What is listed`}
        value={tab}
        tabs={[{ id: '', label: t`Tenants` }, { id: 'resources', label: t`Resources` }, { id: 'connections', label: t`Connections` }, { id: 'agents', label: t`Agents` }, { id: 'runs', label: t`Runs` }]}
        onChange={(id) => setParams(id ? { tab: id } : {})}
      />
      {tab === 'resources' ? <MyResources /> : tab === 'connections' ? <MyConnections /> : tab === 'agents' ? <MyAgents /> : tab === 'runs' ? <MyRuns /> : list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data?.items.length === 0 ? (
        <>
          <Empty icon={<IconBuildings size={26} stroke={1.4} aria-hidden />} title={t`There is no tenant that you may read`}><Trans>Who administers one of your tenants can give you rights in it.</Trans></Empty>
          <LeftOut places={left} />
        </>
      ) : (
        <div className="stack">
          <DataTable label={t`Tenants`} rows={list.data?.items ?? []} cols={cols} rowKey={(s) => s.place.tenant} loading={list.isPending} />
          <LeftOut places={left} />
          <Panel title={t`Find in all of them`}>
            <div className="stack">
              <TextInput aria-label={t`Find in all tenants`} placeholder={t`Words, an address, a range or a MAC`} leftSection={<IconSearch size={15} aria-hidden />} value={text} onChange={(e) => setParams(e.currentTarget.value ? { q: e.currentTarget.value } : {}, { replace: true })} />
              {text.trim() ? <Found text={text} /> : null}
            </div>
          </Panel>
        </div>
      )}
    </Page>
  )
}

/** The tenants that one is in and that are not listed, and why. */
function LeftOut({ places }: { places: Place[] }) {
  return places.map((p) => (
    <p key={p.tenant} className={css.left}><Mark state="partial" title={t`Not in this list`} /> <span><Foreign text={p.name} max={60} />: {p.disabled ? t`This tenant is disabled.` : t`You may read nothing there.`}</span></p>
  ))
}

function Found({ text }: { text: string }) {
  const go = useGo()
  const late = useDeferredValue(text)
  const found = useQuery(q.searchMine(late))
  if (found.error && !found.data) return <ProblemPanel error={found.error} compact />
  const items = found.data?.items ?? []
  type Row = (typeof items)[number]
  const cols: Col<Row>[] = [
    { id: 'tenant', label: t`Tenant`, width: 180, cell: (x) => <Foreign text={x.tenant_name} max={40} /> },
    { id: 'name', label: t`Name`, width: 260, cell: (x) => <button type="button" className="link" onClick={() => void go(x.tenant, `/inventory/${x.item.kind}/${x.item.id}`)}><Foreign text={x.item.name || x.item.id} max={80} /></button> },
    { id: 'kind', label: t`Kind`, width: 140, cell: (x) => x.item.kind },
  ]
  return (
    <>
      {found.data && items.length === 0 ? <p className="muted"><Trans>Nothing is called that in any of your tenants.</Trans></p> : <DataTable label={t`Found`} rows={items} cols={cols} rowKey={(x) => `${x.tenant} ${x.item.id}`} loading={found.isPending} />}
      {found.data?.next_page_token ? <p className="muted"><Trans>There is more. Narrow the words, or look in one tenant.</Trans></p> : null}
      {found.data?.left_out?.map((l) => <p key={l.tenant} className="muted"><Foreign text={l.name} max={60} />: {l.why}</p>)}
    </>
  )
}
