// One datacenter: how much is in it and who knows of what, what it holds together, and how far its connections can be trusted.
import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQueries, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useParams } from 'react-router'

import { asProblem } from '../api/problem'
import { q } from '../api/queries'
import type { Capacity, Connection, Datacenter as Document, KindInfo, OriginCount } from '../api/types'
import { human } from '../format/text'
import { bytes, count } from '../format/units'
import { KindIcon } from '../frame/icons'
import { useMay, useMaySomewhere } from '../frame/session'
import { Managed } from '../parts/Managed'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Copy, Foreign } from '../parts/Text'
import { When } from '../parts/When'
import { DatacenterEdit } from './DatacenterEdit'
import { MoveAccount } from './MoveAccount'
import css from './Datacenter.module.css'

export default function Datacenter() {
  const { id = '' } = useParams()
  const one = useQuery(q.datacenter(id))
  useQuery(q.connections()) // asked together, since what its connections did is asked by them
  if (one.error && !one.data) {
    return (
      <Page title={t`Datacenter`} trail={[{ to: '/datacenters', label: t`Datacenters` }]}>
        {asProblem(one.error).status === 404 ? <Empty title={t`There is no such datacenter`} action={<Button component={Link} to="/datacenters"><Trans>All datacenters</Trans></Button>}><Trans>It may have been deleted, or you may not see it. Its resources stay.</Trans></Empty> : <ProblemPanel error={one.error} retry={() => void one.refetch()} />}
      </Page>
    )
  }
  if (!one.data) return <Page title={t`Datacenter`}><Loading what={t`this datacenter`} /></Page>
  return <One key={id} d={one.data} />
}

function One({ d }: { d: Document }) {
  const may = useMay('datacenter.manage')
  const mayConnect = useMay('connection.manage')
  const mayGrant = useMaySomewhere('grant.manage')
  const [editing, setEditing] = useState(false)
  const [moving, setMoving] = useState(false)
  const kinds = useQuery(q.kinds())
  const connections = useQuery(q.connections())
  const total = Object.values(d.counts ?? {}).reduce((a, b) => a + b, 0)
  const own = (connections.data?.items ?? []).filter((c) => c.datacenter?.id === d.id || c.rules?.some((r) => r.datacenter === d.id))
  return (
    <Page
      title={d.name}
      heading={<Foreign text={d.name} max={120} />}
      trail={[{ to: '/datacenters', label: t`Datacenters` }]}
      facts={
        <>
          <span>{plural(total, { one: '# resource', other: '# resources' })}</span>
          {d.client ? <span><Trans>serves <Link to={`/inventory/client/${d.client.id}`}><Foreign text={d.client.name || d.client.id} max={60} /></Link></Trans></span> : null}
          {d.provider ? <span><Trans>provider <Foreign text={d.provider} /></Trans></span> : null}
          {d.regions?.length ? <span><Trans>regions <Foreign text={d.regions.join(', ')} max={60} /></Trans></span> : null}
          {d.zones?.length ? <span><Trans>zones <Foreign text={d.zones.join(', ')} max={60} /></Trans></span> : null}
          {d.routing_domain ? <span><Trans>routing domain <Foreign text={d.routing_domain} /></Trans></span> : null}
          <Managed by={d.managed_by} />
          <span className="muted"><Trans>id <Copy text={d.id} label={t`the id`} max={20} /></Trans></span>
        </>
      }
      actions={
        <>
          <Button component={Link} to={`/changes?tab=compare&datacenter=${encodeURIComponent(d.id)}`}><Trans>What changed</Trans></Button>
          <Button component={Link} to={`/datacenters/${d.id}/access`}><Trans>Access</Trans></Button>
          {mayGrant ? <Button onClick={() => setMoving(true)}>{d.client ? t`Move` : t`Serve a client`}</Button> : null}
          {may ? <Button onClick={() => setEditing(true)}><Trans>Edit</Trans></Button> : null}
        </>
      }
    >
      {d.description ? <p className="break"><Foreign text={d.description} max={1000} /></p> : null}
      <div className={css.columns}>
        <Origins id={d.id} kinds={kinds.data ?? []} />
        <div className="stack">
          <Connections list={own} pending={connections.isPending} error={connections.data ? null : connections.error} may={mayConnect} />
          <Capacities id={d.id} />
        </div>
      </div>
      {editing ? <DatacenterEdit existing={d} onClose={() => setEditing(false)} /> : null}
      {moving ? <MoveAccount kind="datacenter" account={d} onClose={() => setMoving(false)} /> : null}
    </Page>
  )
}

const lists = [
  { id: 'discovered', label: t`Only discovered`, about: t`Connections see them; nobody wrote them down.` },
  { id: 'recorded', label: t`Only recorded`, about: t`People wrote them down; no connection has seen them.` },
  { id: 'both', label: t`Both`, about: t`Written down and seen.` },
] as const

/** The three lists: each number leads to the list itself. */
function Origins({ id, kinds }: { id: string; kinds: KindInfo[] }) {
  const { data, error, refetch } = useQuery(q.origins(id))
  if (error && !data) return <Panel title={t`Who knows of what`}><ProblemPanel error={error} compact retry={() => void refetch()} /></Panel>
  if (!data) return <Panel title={t`Who knows of what`}><Loading what={t`the counts`} /></Panel>
  const rows = [...data.items].sort((a, b) => all(b) - all(a))
  return (
    <Panel title={t`Who knows of what`} flush>
      {rows.length === 0 ? <Empty title={t`Nothing is in it yet`}><Trans>A connection sends what it reads to its datacenter; a record is given its datacenter by hand or by an import.</Trans></Empty> : (
        <div className={css.scroll} tabIndex={0} role="region" aria-label={t`Who knows of what`}>
          <table className={css.table}>
            <thead>
              <tr><th scope="col"><Trans>Kind</Trans></th>{lists.map((l) => <th key={l.id} scope="col" title={l.about}>{l.label}</th>)}<th scope="col"><Trans>All</Trans></th></tr>
            </thead>
            <tbody>
              {rows.map((n) => {
                const info = kinds.find((k) => k.name === n.kind)
                const to = (origin: string) => `/inventory/${n.kind}?filter=${encodeURIComponent(`datacenter = "${id}"${origin ? ` AND origin = ${origin}` : ''}`)}`
                const name = info?.plural ?? n.kind
                return (
                  <tr key={n.kind}>
                    <th scope="row"><span className={css.kind}><KindIcon kind={info ?? { name: n.kind }} size={15} /> {name}</span></th>
                    {lists.map((l) => <td key={l.id}>{n[l.id] ? <Link to={to(l.id)} aria-label={`${count(n[l.id])} ${name.toLowerCase()}, ${l.label.toLowerCase()}`}>{count(n[l.id])}</Link> : <span className="muted">0</span>}</td>)}
                    <td><Link to={to('')} aria-label={t`All ${count(all(n))} ${name.toLowerCase()}`}>{count(all(n))}</Link></td>
                  </tr>
                )
              })}
            </tbody>
            <tfoot>
              <tr><th scope="row"><Trans>All kinds</Trans></th>{lists.map((l) => <td key={l.id}>{count(rows.reduce((s, n) => s + n[l.id], 0))}</td>)}<td>{count(rows.reduce((s, n) => s + all(n), 0))}</td></tr>
            </tfoot>
          </table>
        </div>
      )}
    </Panel>
  )
}

const all = (n: OriginCount) => n.recorded + n.discovered + n.both

function Connections({ list, pending, error, may }: { list: Connection[]; pending: boolean; error: unknown; may: boolean }) {
  const coverage = useQuery(q.coverage())
  const ended = useQueries({ queries: list.slice(0, 50).map((c) => q.runs(`connection = "${c.id}" AND state = succeeded`, 1)) })
  return (
    <Panel title={<><Trans>Connections <span className="muted">{list.length}</span></Trans></>} flush>
      {error ? <ProblemPanel error={error} compact /> : pending ? <Loading what={t`the connections`} lines={2} /> : list.length === 0 ? (
        <Empty title={t`No connection reads it`} action={may ? <Button component={Link} to="/connections/setup" variant="filled"><Trans>Add a connection</Trans></Button> : null}><Trans>What is here was recorded by hand or imported.</Trans></Empty>
      ) : (
        <ul className={css.list}>
          {list.map((c, i) => {
            const last = ended[i]?.data?.items[0]
            const bad = (coverage.data?.exceptions ?? []).filter((e) => e.connection.id === c.id)
            return (
              <li key={c.id}>
                <State state={c.health} />
                <Link to={`/connections/${c.id}`} className="grow"><Foreign text={c.name} max={50} /></Link>
                <span className="muted"><Trans>last complete <When at={last?.finished_at} /></Trans></span>
                {bad.length ? <Link to={`/runs/${bad[0]!.run_id}`}><Trans><Plural value={bad.length} one="# scope" other="# scopes" /> not complete</Trans></Link> : null}
              </li>
            )
          })}
        </ul>
      )}
    </Panel>
  )
}

const sorts: Record<string, string> = { 'server/hypervisor': t`Hypervisors`, 'server/physical': t`Physical servers`, 'server/virtual': t`Virtual servers`, 'server/container': t`Containers`, 'server/': t`Servers of no said type`, 'storage_pool/': t`Storage pools`, 'volume/': t`Volumes` }

function Capacities({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(q.capacity(id))
  const says = (c: Capacity) => [c.cpu_count ? `${plural(c.cpu_count, { one: '# CPU', other: '# CPUs' })}` : '', c.memory_bytes ? t`${bytes(c.memory_bytes)} of memory` : '', c.size_bytes ? bytes(c.size_bytes) : ''].filter(Boolean)
  return (
    <Panel title={t`Capacity`} flush>
      {error && !data ? <ProblemPanel error={error} compact retry={() => void refetch()} /> : !data ? <Loading what={t`the sums`} lines={3} /> : data.items.length === 0 ? <Empty title={t`No servers and no storage`}><Trans>Their CPUs, memory and sizes are summed up here.</Trans></Empty> : (
        <ul className={css.list}>
          {data.items.map((c) => (
            <li key={`${c.kind}/${c.type ?? ''}`}>
              <span className="grow">{sorts[`${c.kind}/${c.type ?? ''}`] ?? `${human(c.kind)}, ${human(c.type ?? '').toLowerCase()}`} <span className="muted">{count(c.count)}</span></span>
              <span className="num">{says(c).join(', ') || <span className="muted"><Trans>no sizes said</Trans></span>}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
