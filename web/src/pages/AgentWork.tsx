// What an agent did lately with what it logged, and taking work from it before it is stopped.
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Agent, Run } from '../api/types'
import { plain } from '../format/text'
import { counted } from '../format/units'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Agents.module.css'
import { writeOf } from './Connection'
import { resultWords } from './RunResult'

export function LastRuns({ id }: { id: string }) {
  const runs = useQuery(q.runs(`agent = "${id}"`, 8))
  return (
    <Panel title="Its last runs" actions={<Link to={`/runs?filter=${encodeURIComponent(`agent = "${id}"`)}`}>All its runs</Link>} flush>
      {runs.error && !runs.data ? <ProblemPanel error={runs.error} compact retry={() => void runs.refetch()} /> : !runs.data ? <Loading what="its runs" lines={3} /> : runs.data.items.length === 0 ? <Empty title="It has run nothing yet" /> : (
        <ul className={css.list}>{runs.data.items.map((r) => <LastRun key={r.id} r={r} />)}</ul>
      )}
    </Panel>
  )
}

function LastRun({ r }: { r: Run }) {
  const [open, setOpen] = useState(false)
  // Lists leave the log out; it is asked for when somebody wants to see it.
  const one = useQuery({ ...q.run(r.id), enabled: open })
  return (
    <li>
      <Link to={`/runs/${r.id}`}><State state={r.state} /></Link>
      <span className="grow"><Foreign text={r.connection.name || r.connection.id} max={40} /> <span className="muted">{resultWords(r)}</span></span>
      <span className="muted"><When at={r.started_at ?? r.queued_at} /></span>
      <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Hide the log' : 'Log'}<span className="hidden-visually"> of the run of {plain(r.connection.name || r.connection.id)}</span></button>
      {open ? (
        <div className={css.log}>
          {one.error && !one.data ? <ProblemPanel error={one.error} compact /> : !one.data ? <Loading what="the log" lines={2} /> : one.data.log?.length ? <pre tabIndex={0} aria-label="Log of the run">{plain(one.data.log.join('\n'))}</pre> : <p className="muted">It logged nothing.</p>}
        </div>
      ) : null}
    </li>
  )
}

/** Pauses all that the agent runs, so that it can be stopped without a hole in anybody's schedule going unnoticed. */
export function Drain({ a }: { a: Agent }) {
  const client = useQueryClient()
  const connections = useQuery(q.connections())
  const [asking, setAsking] = useState(false)
  const own = (connections.data?.items ?? []).filter((c) => c.agent?.id === a.id)
  const busy = own.filter((c) => !c.paused)
  if (own.length === 0) return null
  if (busy.length === 0) {
    return <State state={a.spool.captures ? 'running' : 'paused'} pill word={a.spool.captures ? 'drained but for what waits to be sent' : 'drained: all it runs is paused'} />
  }
  return (
    <>
      <Button onClick={() => setAsking(true)}>Drain …</Button>
      {asking ? (
        <Confirm
          title={`Drain the agent ${a.name}`}
          verb="Drain it"
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            try {
              // One after the other: the second attempt goes on where the first was refused.
              for (const c of busy) {
                const now = await api.get('/api/v1/connections/{id}', { path: { id: c.id } })
                if (!now.paused) await api.put('/api/v1/connections/{id}', { path: { id: c.id }, body: { ...writeOf(now), paused: true }, ifMatch: now.version })
              }
            } finally {
              void client.invalidateQueries({ queryKey: ['connections'] })
            }
            say(`${a.name} takes no new run`)
          }}
        >
          <p>Pauses {counted(busy.length, 'connection')} of it, so that it takes no new run: {busy.slice(0, 5).map((c) => plain(c.name)).join(', ')}{busy.length > 5 ? ' …' : ''}.</p>
          <p>A run that goes on ends, and what was read is still sent. When nothing waits to be sent any more, the agent can be stopped. Each connection goes on from its own page, also with another agent.</p>
        </Confirm>
      ) : null}
    </>
  )
}
