// The first run: what is about to happen, then the run as it goes, told by the collector's events.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconPlayerPlay } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../../api/client'
import { moving, q } from '../../api/queries'
import type { Connection } from '../../api/types'
import { State } from '../../parts/marks'
import { Loading, ProblemPanel } from '../../parts/States'
import { Foreign, Quote } from '../../parts/Text'
import { say } from '../../parts/toast'
import { writeOf } from '../Connection'
import conn from '../Connection.module.css'
import { Live, Matrix, Totals } from '../Run'
import { resultWords } from '../RunResult'
import { Away } from './Steps'

export function RunStep({ c, onStarted }: { c: Connection; onStarted: () => void }) {
  const client = useQueryClient()
  const [params, setParams] = useSearchParams()
  const agent = useQuery({ ...q.agent(c.agent?.id ?? ''), enabled: !!c.agent }).data
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const id = params.get('run') ?? c.last_run?.id ?? ''
  const start = async () => {
    setBusy(true)
    setError(null)
    try {
      const live = c.paused ? await api.put('/api/v1/connections/{id}', { path: { id: c.id }, body: { ...writeOf(c), paused: false }, ifMatch: c.version }) : c
      client.setQueryData(q.connection(c.id).queryKey, live)
      const run = await api.post('/api/v1/connections/{id}/runs', { path: { id: c.id }, body: {} })
      onStarted()
      say(t`${c.name} reads from now on`)
      const next = new URLSearchParams(params)
      next.set('run', run.id)
      setParams(next, { replace: true })
    } catch (err) {
      setError(err)
    }
    setBusy(false)
    void client.invalidateQueries({ queryKey: ['connections'] })
  }
  const on = c.kinds.filter((k) => k.enabled)
  return (
    <div className="stack">
      {id ? <Progress id={id} c={c} again={() => void start()} busy={busy} /> : (
        <>
          <dl className={conn.facts}>
            <div><dt><Trans>Connection</Trans></dt><dd><Foreign text={c.name} max={120} /></dd></div>
            <div><dt><Trans>Into</Trans></dt><dd>{c.datacenter ? <Foreign text={c.datacenter.name || c.datacenter.id} /> : t`no datacenter`}</dd></div>
            <div><dt><Trans>Read by</Trans></dt><dd>{c.agent ? <Foreign text={c.agent.name || c.agent.id} /> : t`no agent`}</dd></div>
            <div><dt><Trans>Reads</Trans></dt><dd>{on.length ? plural(on.length, { one: '# kind', other: '# kinds' }) : t`nothing: every kind is off`}</dd></div>
          </dl>
          {agent && agent.status !== 'online' ? <Away agent={agent} /> : null}
          <p className="muted"><Trans>It leaves its pause, reads once now, and then as often as its kinds say.</Trans></p>
          <div><Button variant="filled" leftSection={<IconPlayerPlay size={15} aria-hidden />} loading={busy} disabled={!c.agent || on.length === 0} onClick={() => void start()}><Trans>Start reading</Trans></Button></div>
        </>
      )}
      {error ? <ProblemPanel error={error} compact /> : null}
    </div>
  )
}

function Progress({ id, c, again, busy }: { id: string; c: Connection; again: () => void; busy: boolean }) {
  const run = useQuery(q.run(id))
  const live = run.data ? moving(run.data) : false
  const scopes = useQuery({ ...q.runScopes(id, live), enabled: !!run.data })
  const kinds = useQuery(q.kinds())
  if (run.error && !run.data) return <ProblemPanel error={run.error} compact retry={() => void run.refetch()} />
  if (!run.data) return <Loading what={t`the run`} lines={3} />
  const r = run.data
  return (
    <div className="stack" data-testid="first-run">
      {live ? <Live r={r} /> : <p className="row" role="status"><State state={r.state} pill /> <span>{resultWords(r)}</span></p>}
      {r.error ? <Quote text={r.error} tone="bad" /> : null}
      <Totals r={r} />
      {scopes.error && !scopes.data ? <ProblemPanel error={scopes.error} compact /> : scopes.data ? <Matrix scopes={scopes.data.items} kinds={kinds.data ?? []} live={live} more={!!scopes.data.next_page_token} /> : <Loading what={t`the scopes`} lines={3} />}
      {live ? <p className="muted"><Trans>You can leave this page: the run goes on.</Trans></p> : (
        <div className="row">
          <Button component={Link} to={`/connections/${c.id}`} variant={r.state === 'succeeded' ? 'filled' : 'default'}><Trans>To the connection</Trans></Button>
          <Button component={Link} to={`/runs/${r.id}`}><Trans>The run in full</Trans></Button>
          <Button component={Link} to="/connections/setup"><Trans>Set up another</Trans></Button>
          {r.state === 'succeeded' ? null : <Button onClick={again} loading={busy}><Trans>Run again</Trans></Button>}
        </div>
      )}
    </div>
  )
}
