// One run: what was planned, and how each scope ended, filling in while it goes.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Progress } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useParams } from 'react-router'

import { api } from '../api/client'
import { asProblem } from '../api/problem'
import { moving, q } from '../api/queries'
import type { KindInfo, Run as Document, RunScope } from '../api/types'
import { partition, plain } from '../format/text'
import { duration } from '../format/time'
import { count } from '../format/units'
import { useMaySomewhere } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { Mark, State, stateWord } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Copy, Foreign, Quote } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Run.module.css'
import { resultWords } from './RunResult'
import { tookMs } from './Runs'

export default function Run() {
  const { id = '' } = useParams()
  const run = useQuery(q.run(id))
  const live = run.data ? moving(run.data) : false
  const scopes = useQuery({ ...q.runScopes(id, live), enabled: !!run.data })
  const kinds = useQuery(q.kinds())
  const may = useMaySomewhere('run.request')
  const client = useQueryClient()
  const [canceling, setCanceling] = useState(false)
  if (run.error && !run.data) {
    return (
      <Page title={t`Run`} trail={[{ to: '/runs', label: t`Runs` }]}>
        {asProblem(run.error).status === 404 ? <Empty title={t`There is no such run`}><Trans>It may have been pruned, or you may not see its connection.</Trans></Empty> : <ProblemPanel error={run.error} retry={() => void run.refetch()} />}
      </Page>
    )
  }
  if (!run.data) return <Page title={t`Run`}><Loading what={t`this run`} /></Page>
  const r = run.data
  return (
    <Page
      title={t`Run of ${r.connection.name || r.connection.id}`}
      trail={[{ to: '/runs', label: t`Runs` }, { to: `/connections/${r.connection.id}`, label: plain(r.connection.name || r.connection.id) }]}
      facts={
        <>
          <State state={r.state} pill />
          <span>{resultWords(r)}</span>
          <span className="muted">{r.started_at ? <><Trans>started <When at={r.started_at} /></Trans></> : <><Trans>queued <When at={r.queued_at} /></Trans></>}</span>
          {tookMs(r) !== null ? <span className="muted"><Trans>took {duration(tookMs(r)!)}</Trans></span> : null}
          {r.agent ? <span className="muted"><Trans>on <Link to={`/agents/${r.agent.id}`}><Foreign text={r.agent.name || r.agent.id} /></Link></Trans></span> : null}
        </>
      }
      actions={
        <>
          {live && may ? <Button onClick={() => setCanceling(true)}><Trans>Cancel the run …</Trans></Button> : null}
          <Button component={Link} to={`/changes?filter=${encodeURIComponent(`run_id = ${r.id}`)}`}><Trans>Its changes</Trans></Button>
        </>
      }
    >
      {live ? <Live r={r} /> : null}
      {r.error ? <Panel title={t`What happened`}><Quote text={r.error} tone="bad" /></Panel> : null}
      <Totals r={r} />
      <Panel title={<><Trans>Coverage <span className="muted">{scopes.data ? plural(scopes.data.total_size, { one: '# scope', other: '# scopes' }) : ''}</span></Trans></>} actions={r.plan_complete || live ? null : <span className="row-n"><Trans><Mark state="partial" /> the plan itself was not complete</Trans></span>} flush>
        {scopes.error && !scopes.data ? <ProblemPanel error={scopes.error} compact /> : scopes.data ? <Matrix scopes={scopes.data.items} kinds={kinds.data ?? []} live={live} more={!!scopes.data.next_page_token} /> : <Loading what={t`the scopes`} lines={3} />}
      </Panel>
      {r.warnings?.length ? <Panel title={t`Warnings`}><ul className="stack-s">{r.warnings.map((w, i) => <li key={i}><Quote text={w} tone="warn" /></li>)}</ul></Panel> : null}
      {r.log?.length ? <Panel title={t`Log`}><pre className={css.log} tabIndex={0} aria-label={t`Log of the run`}>{plain(r.log.join('\n'))}</pre></Panel> : null}
      <p className="muted">
        <Trans>id <Copy text={r.id} label={t`the run's id`} /> · plugin {r.provider} {r.plugin_version ?? ''}</Trans>
      </p>
      {canceling ? (
        <Confirm
          title={t`Cancel this run of ${r.connection.name || r.connection.id}`}
          verb={t`Cancel the run`}
          danger
          reason="optional"
          onClose={() => setCanceling(false)}
          onConfirm={async (reason) => {
            await api.post('/api/v1/runs/{id}/cancel', { path: { id: r.id }, body: reason ? { reason } : {} })
            for (const key of ['run', 'runs', 'connections']) void client.invalidateQueries({ queryKey: [key] })
            say(t`The agent is told to stop`)
          }}
        >
          <p><Trans>What was read completely before stays. Scopes that were not read to their end change nothing, and nothing is called gone.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

export function Live({ r }: { r: Document }) {
  const share = r.scopes_total ? (100 * r.scopes_done) / r.scopes_total : r.state === 'running' ? 4 : 0
  return (
    <div className={css.live} role="status">
      <Progress value={share} color="accent" size="sm" aria-label={t`Progress of the run`} transitionDuration={150} />
      <span>{r.state === 'queued' ? t`Waiting for the agent to take it.` : `${resultWords(r)}.`}</span>
    </div>
  )
}

export function Totals({ r }: { r: Document }) {
  const all: [string, number, string?][] = [[t`Read`, r.listed], [t`New`, r.created], [t`Changed`, r.updated], [t`Returned`, r.returned], [t`Gone`, r.gone], [t`Held`, r.held, '/removals'], [t`Rejected`, r.rejected]]
  return (
    <dl className={css.totals}>
      {all.map(([name, n, to]) => (
        <div key={name} data-zero={n === 0 || undefined}>
          <dt>{name}</dt>
          <dd>{to && n ? <Link to={to}>{count(n)}</Link> : count(n)}</dd>
        </div>
      ))}
    </dl>
  )
}

const keyOf = (s: RunScope) => `${s.kind} ${partition(s.partition)}`
const severity = ['failed', 'denied', 'unreachable', 'throttled', 'partial', 'not_tried', 'unsupported', 'complete']

/** Kinds down, partitions across. A cell says how the scope ended; a click says why. */
export function Matrix({ scopes, kinds, live, more }: { scopes: RunScope[]; kinds: KindInfo[]; live: boolean; more: boolean }) {
  const worst = [...scopes].sort((a, b) => severity.indexOf(a.outcome.status) - severity.indexOf(b.outcome.status))[0]
  const [chosen, setChosen] = useState<string | null>(null)
  if (scopes.length === 0) {
    return <Empty title={live ? t`Nothing is planned yet` : t`No scope was read`}>{live ? t`The plugin is finding out what there is to read.` : t`The run ended before its plan was known.`}</Empty>
  }
  const rows = [...new Set(scopes.map((s) => s.kind))]
  const columns = [...new Set(scopes.map((s) => partition(s.partition)))].sort()
  const cells = new Map(scopes.map((s) => [keyOf(s), s]))
  const open = chosen ?? (worst && !['complete', 'unsupported'].includes(worst.outcome.status) && !live ? keyOf(worst) : null)
  const shown = open ? cells.get(open) : undefined
  return (
    <>
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t`Coverage matrix`}>
        <table className={css.matrix}>
          <thead>
            <tr>
              <th scope="col"><span className="hidden-visually"><Trans>Kind</Trans></span></th>
              {columns.map((c) => <th key={c} scope="col"><Foreign text={c} max={36} /></th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map((k) => (
              <tr key={k}>
                <th scope="row">{kinds.find((i) => i.name === k)?.plural ?? k}</th>
                {columns.map((c) => {
                  const s = cells.get(`${k} ${c}`)
                  return (
                    <td key={c}>
                      {s ? (
                        <button type="button" aria-pressed={open === keyOf(s)} onClick={() => setChosen(open === keyOf(s) ? '' : keyOf(s))}>
                          <State state={live && s.outcome.status === 'not_tried' ? 'queued' : s.outcome.status} word={live && s.outcome.status === 'not_tried' ? t`to be read` : stateWord(s.outcome.status)} />
                          <span className="num muted">{count(s.outcome.listed)}</span>
                        </button>
                      ) : (
                        <span className="muted" title={t`Not in the plan`}>·</span>
                      )}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more ? <p className={css.more}><Trans>The first {count(scopes.length)} scopes.</Trans></p> : null}
      {shown ? <ScopeDetail s={shown} kinds={kinds} /> : null}
    </>
  )
}

function ScopeDetail({ s, kinds }: { s: RunScope; kinds: KindInfo[] }) {
  const o = s.outcome
  const facts: [string, string][] = [
    ['read', count(o.listed)],
    ['pages', o.pages ? count(o.pages) : ''],
    ['repeated calls', o.retries ? count(o.retries) : ''],
    ['with unread details', o.items_incomplete ? count(o.items_incomplete) : ''],
    ['repeated ids dropped', o.duplicates ? count(o.duplicates) : ''],
    ['took', o.duration_ms ? duration(o.duration_ms) : ''],
    ['collector', s.verdict ? stateWord(s.verdict) : s.changed ? 'changed' : 'unchanged'],
  ]
  return (
    <div className={css.detail} data-testid="scope-detail">
      <div className="row">
        <strong>{kinds.find((k) => k.name === s.kind)?.plural ?? s.kind}</strong>
        <Foreign text={partition(s.partition)} />
        <State state={o.status} pill />
      </div>
      <dl className={css.facts}>{facts.filter(([, v]) => v).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
      {o.error ? <><span className="muted"><Trans>The provider’s own words:</Trans></span><Quote text={o.error} tone={o.status === 'denied' ? 'held' : 'bad'} /></> : null}
      {o.advice ? <p><strong><Trans>What to do:</Trans></strong> <Foreign text={o.advice} max={2000} /></p> : null}
      {o.warnings?.length ? <><span className="muted"><Trans>Warnings:</Trans></span>{o.warnings.map((w, i) => <Quote key={i} text={w} tone="warn" />)}</> : null}
      {s.rejected?.length ? (
        <>
          <span className="muted"><Trans>Not taken:</Trans></span>
          <ul className="stack-s">{s.rejected.map((x) => <li key={x.external_id}><Copy text={x.external_id} label={t`the external id`} /> <Foreign text={x.reason} max={400} /></li>)}</ul>
        </>
      ) : null}
    </div>
  )
}
