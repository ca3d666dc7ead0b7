// What an agent did lately with what it logged, and taking work from it before it is stopped.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Agent, Run } from '../api/types'
import { plain } from '../format/text'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Agents.module.css'
import { resultWords } from './RunResult'

export function LastRuns({ id }: { id: string }) {
  const runs = useQuery(q.runs(`agent = "${id}"`, 8))
  return (
    <Panel title={t`Its last runs`} actions={<Link to={`/runs?filter=${encodeURIComponent(`agent = "${id}"`)}`}><Trans>All its runs</Trans></Link>} flush>
      {runs.error && !runs.data ? <ProblemPanel error={runs.error} compact retry={() => void runs.refetch()} /> : !runs.data ? <Loading what={t`its runs`} lines={3} /> : runs.data.items.length === 0 ? <Empty title={t`It has run nothing yet`} /> : (
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
      <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? t`Hide the log` : t`Log`}<span className="hidden-visually"><Trans> of the run of {plain(r.connection.name || r.connection.id)}</Trans></span></button>
      {open ? (
        <div className={css.log}>
          {one.error && !one.data ? <ProblemPanel error={one.error} compact /> : !one.data ? <Loading what={t`the log`} lines={2} /> : one.data.log?.length ? <pre tabIndex={0} aria-label={t`Log of the run`}>{plain(one.data.log.join('\n'))}</pre> : <p className="muted"><Trans>It logged nothing.</Trans></p>}
        </div>
      ) : null}
    </li>
  )
}

/** Has the agent take no new work, says how far it is with it, and takes that back. */
export function Drain({ a }: { a: Agent }) {
  const client = useQueryClient()
  const [asking, setAsking] = useState(false)
  const heard = () => void client.invalidateQueries({ queryKey: ['agents'] })
  if (a.drain) {
    const drained = a.drain.state === 'drained'
    return (
      <>
        <State state={drained ? 'paused' : 'running'} pill word={drained ? t`drained: it can be stopped` : t`draining: waits ${plain(a.drain.waits ?? '')}`} />
        <Button variant="default" onClick={() => setAsking(true)}><Trans>Resume …</Trans></Button>
        {asking ? (
          <Confirm
            title={t`Have the agent ${a.name} take work again`}
            verb={t`Resume it`}
            onClose={() => setAsking(false)}
            onConfirm={async () => {
              await api.post('/api/v1/agents/{id}/resume', { path: { id: a.id }, body: {} })
              heard()
              say(t`${a.name} takes work again`)
            }}
          >
            <p><Trans>What was due meanwhile is made up for once.</Trans></p>
          </Confirm>
        ) : null}
      </>
    )
  }
  return (
    <>
      <Button onClick={() => setAsking(true)}><Trans>Drain …</Trans></Button>
      {asking ? (
        <Confirm
          title={t`Drain the agent ${a.name}`}
          verb={t`Drain it`}
          reason="optional"
          onClose={() => setAsking(false)}
          onConfirm={async (reason) => {
            await api.post('/api/v1/agents/{id}/drain', { path: { id: a.id }, body: reason ? { reason } : {} })
            heard()
            say(t`${a.name} takes no new run`)
          }}
        >
          <p><Trans>It takes no new run; {a.connections?.length ? t`${plural(a.connections.length, { one: '# connection', other: '# connections' })} of it wait until it is resumed or they get another agent.` : t`it runs no connection.`}</Trans></p>
          <p><Trans>A run that goes on ends, and what was read is still sent. This page says when it is drained; then it can be stopped.</Trans></p>
        </Confirm>
      ) : null}
    </>
  )
}
