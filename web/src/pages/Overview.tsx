import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconPlugConnected, IconRobot } from '@tabler/icons-react'
import { Link } from 'react-router'

import { q } from '../api/queries'
import type { Change, Connection, KindInfo, Run, Summary } from '../api/types'
import { count, counted } from '../format/units'
import { KindIcon } from '../frame/icons'
import { useMay, useReads, useReadsAll } from '../frame/session'
import { grouped } from '../kinds/changes'
import { CoverageStrip } from '../parts/Coverage'
import { Hidden } from '../parts/Hidden'
import { ActorText, actionWord, DiffLine } from '../parts/Diff'
import { Mark, State, stateWord } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Beats } from '../parts/Score'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import css from './Overview.module.css'
import { NothingShared } from './NothingShared'
import { RunResult } from './RunResult'

export default function Overview() {
  return useReads() ? <Shared /> : <NothingShared />
}

function Shared() {
  const summary = useQuery(q.summary())
  const kinds = useQuery(q.kinds())
  const connections = useQuery(q.connections())
  const runs = useQuery(q.runs('', 200))
  if (summary.error && !summary.data) return <Page title={t`Overview`}><ProblemPanel error={summary.error} retry={() => void summary.refetch()} /></Page>
  if (!summary.data) return <Page title={t`Overview`}><Loading what={t`the overview`} lines={10} /></Page>
  const s = summary.data
  if (s.connections === 0 && s.kinds.every((k) => k.active + k.gone + k.unwatched === 0)) return <FirstSteps s={s} />
  return (
    <Page title={t`Overview`}>
      <CoverageStrip total={plural(s.kinds.reduce((n, k) => n + k.active, 0), { one: '# resource', other: '# resources' })} />
      <Decisions s={s} />
      <Counts s={s} kinds={kinds.data ?? []} />
      <div className={css.columns}>
        <div className="stack">
          <Panel title={t`Connections`} actions={<Link to="/connections"><Trans>All connections</Trans></Link>} flush>
            {connections.error && !connections.data ? <ProblemPanel error={connections.error} compact /> : connections.data ? <Score connections={connections.data.items} runs={runs.data?.items ?? []} /> : <Loading what={t`the connections`} lines={3} />}
          </Panel>
          <Panel title={t`Latest runs`} actions={<Link to="/runs"><Trans>All runs</Trans></Link>} flush>
            {runs.error && !runs.data ? <ProblemPanel error={runs.error} compact /> : runs.data ? <LatestRuns runs={runs.data.items.slice(0, 8)} /> : <Loading what={t`the runs`} lines={5} />}
          </Panel>
        </div>
        <Panel title={t`Latest changes`} actions={<Link to="/changes"><Trans>All changes</Trans></Link>} flush>
          <LatestChanges kinds={kinds.data ?? []} />
        </Panel>
      </div>
    </Page>
  )
}

/** What needs somebody's decision; nothing at all when nothing does. */
function Decisions({ s }: { s: Summary }) {
  const offline = s.agents - s.agents_online
  if (!s.held_removals && !s.pending_kinds && !offline) return null
  return (
    <ul className={css.decisions} aria-label={t`What needs a decision`}>
      {s.held_removals ? <li data-tone="held"><Mark state="held" /><Link to="/removals"><Trans><Plural value={s.held_removals} one="# removal waits" other="# removals wait" /> for a decision</Trans></Link></li> : null}
      {s.pending_kinds ? <li data-tone="held"><Mark state="pending" /><Link to="/kinds"><Trans><Plural value={s.pending_kinds} one="# new kind waits" other="# new kinds wait" /> for approval</Trans></Link></li> : null}
      {offline ? <li data-tone="bad"><Mark state="offline" /><Link to="/agents"><Trans><Plural value={offline} one="# agent is" other="# agents are" /> not in contact</Trans></Link></li> : null}
    </ul>
  )
}

function Counts({ s, kinds }: { s: Summary; kinds: KindInfo[] }) {
  const known = s.kinds.filter((k) => k.active + k.gone + k.unwatched > 0).map((k) => ({ ...k, info: kinds.find((i) => i.name === k.kind) }))
  const plain = known.every((k) => k.gone + k.unwatched === 0)
  known.sort((a, b) => b.active - a.active || a.kind.localeCompare(b.kind))
  return (
    <ul className={css.counts} aria-label={t`Resources by kind`}>
      {known.map((k) => (
        <li key={k.kind}>
          <Link to={`/inventory/${k.kind}`}>
            <span className={css.kind}><KindIcon kind={k.info ?? { name: k.kind }} size={15} />{(k.active === 1 ? k.info?.label : k.info?.plural) ?? k.kind}</span>
            <span className={css.number}>{count(k.active)}</span>
            <span className={css.rest} data-none={plain || undefined}>
              {k.unwatched ? <span><Trans><Mark state="unwatched" /> {count(k.unwatched)} unwatched</Trans></span> : null}
              {k.gone ? <span><Trans>{count(k.gone)} gone</Trans></span> : null}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  )
}

/** One line for each connection, one beat for each of its runs. */
function Score({ connections, runs }: { connections: Connection[]; runs: Run[] }) {
  const all = useReadsAll()
  if (connections.length === 0 && !all) return <Hidden title={t`No connection that you may see`} />
  if (connections.length === 0) return <Empty title={t`No connections yet`}><Trans>A connection tells an agent where to look.</Trans></Empty>
  const rank: Record<string, number> = { failing: 0, no_agent: 0, degraded: 1, never: 2, ok: 3, paused: 4 }
  const sorted = [...connections].sort((a, b) => (rank[a.health] ?? 9) - (rank[b.health] ?? 9) || a.name.localeCompare(b.name))
  return (
    <ul className={css.score}>
      {sorted.slice(0, 12).map((c) => (
        <li key={c.id}>
          <span className={css.who}>
            <Mark state={c.health} title={stateWord(c.health)} />
            <Link to={`/connections/${c.id}`}><Foreign text={c.name} max={34} /></Link>
          </span>
          <Beats runs={runs.filter((r) => r.connection.id === c.id).slice(0, 24)} />
          <span className={css.ago}><When at={c.last_run?.finished_at ?? c.last_run?.started_at} never={t`never run`} /></span>
        </li>
      ))}
    </ul>
  )
}

function LatestRuns({ runs }: { runs: Run[] }) {
  const all = useReadsAll()
  if (runs.length === 0 && !all) return <Hidden title={t`No run that you may see`} />
  if (runs.length === 0) return <Empty title={t`Nothing has run yet`}><Trans>Runs follow their schedule, or start with “Run now” on a connection.</Trans></Empty>
  return (
    <ul className={css.lines}>
      {runs.map((r) => (
        <li key={r.id}>
          <Link to={`/runs/${r.id}`} className={css.lead}><State state={r.state} /></Link>
          <span className="clip"><Foreign text={r.connection.name || r.connection.id} max={40} /></span>
          <span className="clip muted grow"><RunResult run={r} /></span>
          <When at={r.finished_at ?? r.started_at ?? r.queued_at} />
        </li>
      ))}
    </ul>
  )
}

function LatestChanges({ kinds }: { kinds: KindInfo[] }) {
  const { data, error } = useQuery(q.latestChanges(100))
  if (error && !data) return <ProblemPanel error={error} compact />
  if (!data) return <Loading what={t`the changes`} lines={8} />
  if (data.items.length === 0) return <Empty title={t`Nothing has changed yet`} />
  return (
    <ul className={css.changes}>
      {grouped(data.items).slice(0, 16).map(({ changes }) => {
        const c = changes[0]!
        const kind = kinds.find((k) => k.name === c.kind)
        if (changes.length > 1) return <Many key={c.id} changes={changes} kind={kind} more={changes.at(-1) === data.items.at(-1) && !!data.next_page_token} />
        return (
          <li key={c.id}>
            <div className="row-n">
              <span className="muted row-n"><KindIcon kind={kind ?? { name: c.kind }} size={15} /></span>
              <Link to={`/inventory/${c.kind}/${c.resource_id}`} className="clip"><Foreign text={c.name || c.resource_id} max={44} /></Link>
              {c.action === 'updated' ? null : <State state={c.action} word={actionWord(c.action)} />}
              <span className="grow" />
              <span className="muted"><When at={c.at} /></span>
            </div>
            {c.action === 'updated' && c.diff?.length ? (
              <div className={css.diff}>
                <DiffLine diff={c.diff} kind={kind} max={2} /> <span className="muted"><Trans>by <ActorText change={c} /></Trans></span>
              </div>
            ) : null}
          </li>
        )
      })}
    </ul>
  )
}

/** What one run made of many things alike. */
function Many({ changes, kind, more }: { changes: Change[]; kind: KindInfo | undefined; more: boolean }) {
  const c = changes[0]!
  const filter = `run_id = "${c.run_id}" AND kind = "${c.kind}" AND action = ${c.action}`
  return (
    <li>
      <div className="row-n">
        <span className="muted row-n"><KindIcon kind={kind ?? { name: c.kind }} size={15} /></span>
        <Link to={`/changes?filter=${encodeURIComponent(filter)}`}>{more ? t`over ` : ''}{counted(changes.length, kind?.label.toLowerCase() ?? c.kind, kind?.plural.toLowerCase())}</Link>
        <State state={c.action} word={actionWord(c.action)} />
        <span className="grow" />
        <span className="muted"><When at={c.at} /></span>
      </div>
      <div className={css.diff}>
        <span className="muted clip"><Trans>{changes.slice(0, 3).map((x, i) => <span key={x.id}>{i ? ', ' : ''}<Foreign text={x.name} max={28} /></span>)} … by <ActorText change={c} /></Trans></span>
      </div>
    </li>
  )
}

function FirstSteps({ s }: { s: Summary }) {
  const agents = useMay('agent.manage')
  const connections = useMay('connection.manage')
  return (
    <Page title={t`Overview`}>
      {s.agents === 0 ? (
        <Empty icon={<IconRobot size={30} stroke={1.3} aria-hidden />} title={t`Install the first agent`} action={agents ? <Button component={Link} to="/agents?join=1" variant="filled"><Trans>Install an agent</Trans></Button> : null}>
          <Trans>An agent is a small process inside your network. It reads your clouds and machines and sends what it finds here; nothing ever connects inward.</Trans>
        </Empty>
      ) : (
        <Empty icon={<IconPlugConnected size={30} stroke={1.3} aria-hidden />} title={t`Add the first connection`} action={connections ? <Button component={Link} to="/connections/setup" variant="filled"><Trans>Add a connection</Trans></Button> : null}>
          <Trans><Plural value={s.agents_online} one="# agent is" other="# agents are" /> in contact. A connection tells one of them what to read, and how often.</Trans>
        </Empty>
      )}
    </Page>
  )
}
