import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useParams } from 'react-router'

import { api } from '../api/client'
import { asProblem } from '../api/problem'
import { q } from '../api/queries'
import type { Agent as Document } from '../api/types'
import { duration } from '../format/time'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { Mark, State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Copy, Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { AgentHold } from './AgentHold'
import { Certificate, Spool } from './Agents'
import { Drain, LastRuns } from './AgentWork'
import css from './Agents.module.css'

export default function Agent() {
  const { id = '' } = useParams()
  const agent = useQuery(q.agent(id))
  if (agent.error && !agent.data) {
    return (
      <Page title={t`Agent`} trail={[{ to: '/agents', label: t`Agents` }]}>
        {asProblem(agent.error).status === 404 ? <Empty title={t`There is no such agent`} /> : <ProblemPanel error={agent.error} retry={() => void agent.refetch()} />}
      </Page>
    )
  }
  if (!agent.data) return <Page title={t`Agent`}><Loading what={t`this agent`} /></Page>
  return <One a={agent.data} />
}

function One({ a }: { a: Document }) {
  const client = useQueryClient()
  const may = useMay('agent.manage')
  const mayConnect = useMay('connection.manage')
  const [revoking, setRevoking] = useState(false)
  const skew = Math.abs(a.clock_skew_ms)
  return (
    <Page
      title={a.name}
      heading={<Foreign text={a.name} max={100} />}
      trail={[{ to: '/agents', label: t`Agents` }]}
      facts={<><State state={a.status} pill />{a.site ? <span><Trans>site <Foreign text={a.site} /></Trans></span> : null}<span className="muted"><Trans>last contact <When at={a.last_contact} /></Trans></span></>}
      actions={may && a.status !== 'revoked' ? <><Drain a={a} /><Button color="danger" variant="outline" onClick={() => setRevoking(true)}><Trans>Revoke …</Trans></Button></> : null}
    >
      {(a.notices ?? []).map((n, i) => <p key={i} className={css.notice}><Mark state="degraded" /><Foreign text={n} max={600} /></p>)}
      <AgentHold a={a} />
      <div className={css.columns}>
        <div className="stack">
          <Panel title={t`The process`}>
            <dl className={css.facts}>
              <Fact name={t`Version`}>{a.version ? <Foreign text={a.version} /> : <span className="muted"><Trans>unknown</Trans></span>}</Fact>
              <Fact name={t`Machine`}><Foreign text={[a.hostname, [a.os, a.arch].filter(Boolean).join('/')].filter(Boolean).join(', ') || t`unknown`} /></Fact>
              <Fact name={t`Waiting to be sent`}><Spool a={a} /></Fact>
              <Fact name={t`Clock`}>{skew < 1000 ? t`in step` : <span className="row-n"><Mark state={skew > 60_000 ? 'failing' : 'degraded'} /> {duration(skew)} {a.clock_skew_ms > 0 ? t`ahead` : t`behind`}</span>}</Fact>
              <Fact name={t`Certificate ends`}><Certificate at={a.certificate_not_after} /></Fact>
              <Fact name={t`Joined`}><When at={a.enrolled_at} /></Fact>
              <Fact name="id"><Copy text={a.id} label={t`the id`} /></Fact>
            </dl>
          </Panel>
          <Panel title={<><Trans>Connections <span className="muted">{a.connections?.length ?? 0}</span></Trans></>} flush>
            {a.connections?.length ? (
              <ul className={css.list}>{a.connections.map((c) => <li key={c.id}><Link to={`/connections/${c.id}`}><Foreign text={c.name || c.id} /></Link></li>)}</ul>
            ) : (
              <Empty title={t`It runs no connection yet`} action={mayConnect ? <Button component={Link} to="/connections/setup"><Trans>Add a connection</Trans></Button> : null} />
            )}
          </Panel>
        </div>
        <div className="stack">
          <Panel title={t`Plugins`} flush>
            {a.plugins?.length ? (
              <ul className={css.list}>
                {a.plugins.map((p) => (
                  <li key={p.provider}>
                    <strong><Foreign text={p.title || p.provider} /></strong>
                    <span className="muted"><Foreign text={p.version} /></span>
                    {p.sha256 ? <span className="muted"><Trans>SHA-256 <Copy text={p.sha256} max={18} label={t`the plugin's hash`} /></Trans></span> : null}
                  </li>
                ))}
              </ul>
            ) : <Empty title={t`No plugins`}><Trans>Put plugin executables into its plugin directory.</Trans></Empty>}
          </Panel>
          <LastRuns id={a.id} />
          <Panel title={t`Credentials`}>
            {a.credentials?.length ? (
              <ul className="stack-s">{a.credentials.map((c) => <li key={c.name}><Foreign text={c.name} mono /> <span className="muted">{c.providers?.length ? t`for ${c.providers.join(', ')}` : t`for any provider`}</span></li>)}</ul>
            ) : <p className="muted"><Trans>It reports none.</Trans></p>}
            <p className="muted"><Trans>Only names are known here. The values stay in the agent’s own file.</Trans></p>
          </Panel>
          <Panel title={t`What the site withholds`}>
            {a.policy?.length ? <ul className="stack-s">{a.policy.map((p, i) => <li key={i}><Mark state="denied" /> <Foreign text={p} max={300} /></li>)}</ul> : <p className="muted"><Trans>Nothing: the site has no policy file.</Trans></p>}
          </Panel>
        </div>
      </div>
      {revoking ? (
        <Confirm
          title={t`Revoke the agent ${a.name}`}
          verb={t`Revoke the agent`}
          danger
          reason="optional"
          onClose={() => setRevoking(false)}
          onConfirm={async (reason) => {
            await api.post('/api/v1/agents/{id}/revoke', { path: { id: a.id }, body: reason ? { reason } : {} })
            void client.invalidateQueries({ queryKey: ['agents'] })
            say(t`${a.name} revoked`)
          }}
        >
          <p><Trans>The collector never speaks with it again; to come back it must join anew.</Trans></p>
          <p><Trans>{a.connections?.length ? t`${plural(a.connections.length, { one: '# connection', other: '# connections' })} no longer run until another agent is chosen for them.` : t`It runs no connection.`} What it discovered stays and becomes unwatched in time.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>
}
