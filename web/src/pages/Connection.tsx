import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { ActionIcon, Button, Menu } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconDots, IconPlayerPlay, IconShieldCheck } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'

import { api } from '../api/client'
import { asProblem } from '../api/problem'
import { moving, q } from '../api/queries'
import type { Connection as Document, ConnectionWrite, KindInfo } from '../api/types'
import { at } from '../format/pointer'
import { every } from '../format/time'
import { inputsOf, type SchemaNode } from '../forms/schema'
import { useMay, useMaySomewhere } from '../frame/session'
import { usePageKey } from '../frame/usePageKey'
import { absent, valueText } from '../kinds/value'
import { Managed } from '../parts/Managed'
import { Confirm } from '../parts/Confirm'
import { Mark, State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Beats } from '../parts/Score'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Copy, Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Connection.module.css'
import { SealPanel } from '../sealing/SealPanel'
import { RejectedPanel } from './Rejected'
import { Files } from './ConnectionFiles'
import { PermissionPanel, usePermissionCheck } from './PermissionCheck'
import { MoveAccount } from './MoveAccount'
import { RunTable } from './Runs'

/** What a connection document says, as it is written back. */
export const writeOf = (c: Document): ConnectionWrite => ({
  name: c.name,
  provider: c.provider,
  settings: c.settings,
  kinds: c.kinds,
  rules: c.rules ?? [],
  paused: c.paused,
  ...(c.agent ? { agent: c.agent.id } : {}),
  ...(c.datacenter ? { datacenter: c.datacenter.id } : {}),
  ...(c.credential ? { credential: c.credential } : {}),
  ...(c.max_requests_per_second ? { max_requests_per_second: c.max_requests_per_second } : {}),
  ...(c.max_parallel_requests ? { max_parallel_requests: c.max_parallel_requests } : {}),
  ...(c.quiet_hours?.length ? { quiet_hours: c.quiet_hours } : {}),
  ...(c.time_zone ? { time_zone: c.time_zone } : {}),
  ...(c.precedence ? { precedence: c.precedence } : {}),
})

export default function Connection() {
  const { id = '' } = useParams()
  const connection = useQuery(q.connection(id))
  if (connection.error && !connection.data) {
    return (
      <Page title={t`Connection`} trail={[{ to: '/connections', label: t`Connections` }]}>
        {asProblem(connection.error).status === 404 ? <Empty title={t`There is no such connection`}><Trans>It may have been deleted; what it read is then unwatched, not gone.</Trans></Empty> : <ProblemPanel error={connection.error} retry={() => void connection.refetch()} />}
      </Page>
    )
  }
  if (!connection.data) return <Page title={t`Connection`}><Loading what={t`this connection`} /></Page>
  return <One key={id} c={connection.data} />
}

function One({ c }: { c: Document }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const may = useMay('connection.manage')
  const mayEdit = useMaySomewhere('connection.edit')
  const mayRun = useMaySomewhere('run.request')
  const mayGrant = useMaySomewhere('grant.manage')
  const kinds = useQuery(q.kinds())
  const runs = useQuery(q.runs(`connection = "${c.id}"`))
  const [dialog, setDialog] = useState<'delete' | 'resend' | 'move' | null>(null)
  const [error, setError] = useState<unknown>(null)
  const permissions = usePermissionCheck(c.id)
  const plugins = useQuery({ ...q.plugins(), enabled: permissions.check !== null })
  usePageKey('e', mayEdit ? () => void navigate(`/connections/${c.id}/edit`) : null)
  const live = c.last_run ? moving(c.last_run) : false

  const refresh = () => {
    void client.invalidateQueries({ queryKey: ['connections'] })
    void client.invalidateQueries({ queryKey: ['runs'] })
  }
  const attempt = async (work: () => Promise<unknown>) => {
    setError(null)
    try {
      await work()
    } catch (err) {
      setError(err)
    }
    refresh()
  }
  const runNow = () => attempt(async () => {
    const run = await api.post('/api/v1/connections/{id}/runs', { path: { id: c.id }, body: {} })
    void navigate(`/runs/${run.id}`)
  })
  const pause = () => attempt(async () => {
    await api.put('/api/v1/connections/{id}', { path: { id: c.id }, body: { ...writeOf(c), paused: !c.paused }, ifMatch: c.version })
    say(c.paused ? t`${c.name} goes on` : t`${c.name} is paused`)
  })
  const trust = async (settings: unknown) => {
    const saved = await api.put('/api/v1/connections/{id}', { path: { id: c.id }, body: { ...writeOf(c), settings }, ifMatch: c.version })
    client.setQueryData(q.connection(c.id).queryKey, saved)
    void client.invalidateQueries({ queryKey: ['sealed', c.id] })
    refresh()
    void permissions.run()
  }
  return (
    <Page
      title={c.name}
      heading={<Foreign text={c.name} max={120} />}
      trail={[{ to: '/connections', label: t`Connections` }]}
      facts={
        <>
          <State state={c.health} pill />
          <span><Foreign text={c.provider} /></span>
          {c.agent ? <span><Trans>on <Link to={`/agents/${c.agent.id}`}><Foreign text={c.agent.name || c.agent.id} /></Link></Trans></span> : <span className="row-n"><Trans><Mark state="degraded" /> no agent runs it</Trans></span>}
          {c.datacenter ? <span className="muted"><Trans>into <Foreign text={c.datacenter.name || c.datacenter.id} /></Trans></span> : null}
          {c.client ? <span className="muted"><Trans>serves <Link to={`/inventory/client/${c.client.id}`}><Foreign text={c.client.name || c.client.id} max={60} /></Link></Trans></span> : null}
          <Managed by={c.managed_by} />
          <span className="muted"><Trans>last run <When at={c.last_run?.finished_at ?? c.last_run?.started_at} /></Trans></span>
        </>
      }
      actions={
        <>
          {mayRun ? <Button variant="filled" leftSection={<IconPlayerPlay size={15} aria-hidden />} onClick={() => void runNow()} disabled={c.paused || live || !c.agent}>{live ? t`Running` : t`Run now`}</Button> : null}
          {mayRun ? <Button leftSection={<IconShieldCheck size={15} aria-hidden />} onClick={() => void permissions.run()} loading={permissions.check?.busy ?? false} disabled={!c.agent}><Trans>Check permissions</Trans></Button> : null}
          <Button component={Link} to={`/connections/${c.id}/access`}><Trans>Access</Trans></Button>
          {mayEdit ? <Button component={Link} to={`/connections/${c.id}/edit`}><Trans>Edit</Trans></Button> : null}
          {may ? <Menu position="bottom-end">
            <Menu.Target><ActionIcon variant="default" size={30} aria-label={t`More actions`}><IconDots size={16} /></ActionIcon></Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => void pause()}>{c.paused ? t`Go on` : t`Pause`}</Menu.Item>
              <Menu.Item disabled={!c.agent} onClick={() => setDialog('resend')}><Trans>Send everything again …</Trans></Menu.Item>
              {mayGrant && (c.own_client || !c.client) ? <Menu.Item onClick={() => setDialog('move')}>{c.client ? t`Move to another client …` : t`Serve a client …`}</Menu.Item> : null}
              <Menu.Item color="danger" onClick={() => setDialog('delete')}><Trans>Delete …</Trans></Menu.Item>
            </Menu.Dropdown>
          </Menu> : null}
        </>
      }
    >
      {error ? <ProblemPanel error={error} compact /> : null}
      {permissions.check ? <PermissionPanel check={permissions.check} onClose={permissions.close} kinds={kinds.data ?? []} trusting={{ plugin: plugins.data?.items.find((x) => x.provider === c.provider), settings: c.settings, onTrust: mayEdit ? trust : undefined }} /> : null}
      <div className={css.columns}>
        <Panel title={t`What it reads`} flush><Kinds c={c} kinds={kinds.data ?? []} /></Panel>
        <Settings c={c} />
      </div>
      <SealPanel c={c} />
      <RejectedPanel id={c.id} may={may} />
      <Files c={c} />
      <Panel title={t`Runs`} actions={<Link to={`/runs?filter=${encodeURIComponent(`connection = "${c.id}"`)}`}><Trans>All its runs</Trans></Link>} flush>
        <div className={css.staff}><Beats runs={(runs.data?.items ?? []).slice(0, 40)} /></div>
        {runs.error && !runs.data ? <ProblemPanel error={runs.error} compact /> : runs.data?.items.length === 0 ? <Empty title={t`It has not run yet`} /> : <div className={css.runs}><RunTable rows={(runs.data?.items ?? []).slice(0, 12)} withoutConnection loading={runs.isPending} /></div>}
      </Panel>
      {dialog === 'move' ? <MoveAccount kind="connection" account={c} onClose={() => setDialog(null)} /> : null}
      {dialog === 'resend' ? (
        <Confirm
          title={t`Have ${c.name} sent again`}
          verb={t`Send everything again`}
          reason="optional"
          onClose={() => setDialog(null)}
          onConfirm={async (reason) => {
            await api.post('/api/v1/connections/{id}/resend', { path: { id: c.id }, body: reason ? { reason } : {} })
            refresh()
            say(t`The next run sends everything`)
          }}
        >
          <p><Trans>The agent forgets what the collector is known to have and sends all of it with the next run. Use it when the two seem to disagree; nothing is lost and nothing is called gone by it.</Trans></p>
        </Confirm>
      ) : null}
      {dialog === 'delete' ? (
        <Confirm
          title={t`Delete the connection ${c.name}`}
          verb={t`Delete the connection`}
          danger
          onClose={() => setDialog(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/connections/{id}', { path: { id: c.id } })
            refresh()
            say(t`${c.name} deleted`)
            void navigate('/connections')
          }}
        >
          <p><Trans>Nothing is read through it any more. What only it saw becomes <strong>unwatched</strong>, not gone, and keeps its history.</Trans></p>
          <p><Trans>A new connection to the same place finds its resources again.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

function Kinds({ c, kinds }: { c: Document; kinds: KindInfo[] }) {
  const coverage = useQuery(q.coverage())
  const trouble = (coverage.data?.exceptions ?? []).filter((e) => e.connection.id === c.id)
  return (
    <ul className={css.kinds}>
      {c.kinds.map((k) => {
        const bad = trouble.filter((e) => e.kind === k.kind)
        return (
          <li key={k.kind} data-off={!k.enabled || undefined}>
            <Link to={`/inventory/${k.kind}`} className="grow">{kinds.find((i) => i.name === k.kind)?.plural ?? k.kind}</Link>
            {bad.length ? <Link to={`/runs/${bad[0]!.run_id}`}><State state={bad[0]!.status} word={`${bad[0]!.status.replace('_', ' ')}${bad.length > 1 ? t` in ${bad.length} scopes` : ''}`} /></Link> : null}
            <span className="muted">{k.enabled ? (k.cron ? <code>{k.cron}</code> : every(k.interval_seconds ?? 3600)) : t`not read`}</span>
          </li>
        )
      })}
    </ul>
  )
}

function Settings({ c }: { c: Document }) {
  const plugins = useQuery(q.plugins())
  const plugin = plugins.data?.items.find((p) => p.provider === c.provider)
  const inputs = plugin?.settings ? inputsOf(plugin.settings as SchemaNode) : []
  const shown = inputs.filter((i) => !absent(at(c.settings, i.pointer)))
  return (
    <Panel title={t`Settings`}>
      <dl className={css.facts}>
        {shown.map((i) => <div key={i.pointer}><dt>{i.label}</dt><dd><Foreign text={i.secret ? t`(kept secret)` : valueText(at(c.settings, i.pointer))} max={120} /></dd></div>)}
        {plugin ? null : <div><dt><Trans>As written</Trans></dt><dd><code className="break">{JSON.stringify(c.settings)}</code></dd></div>}
        <div><dt><Trans>Credential</Trans></dt><dd>{c.credential ? <><Foreign text={c.credential} mono /> <span className="muted"><Trans>(a name; its value stays with the agent)</Trans></span></> : <span className="muted"><Trans>none</Trans></span>}</dd></div>
        {(c.rules ?? []).map((r, i) => <div key={i}><dt><Trans>Rule</Trans></dt><dd><Foreign text={`${r.label} = ${r.value}`} /> <span className="muted"><Trans>goes to</Trans></span> <Foreign text={[r.datacenter, r.client].filter(Boolean).join(', ')} /></dd></div>)}
        {c.max_requests_per_second || c.max_parallel_requests ? <div><dt><Trans>At most</Trans></dt><dd>{[c.max_requests_per_second ? `${c.max_requests_per_second} requests per second` : '', c.max_parallel_requests ? `${c.max_parallel_requests} at a time` : ''].filter(Boolean).join(', ')}</dd></div> : null}
        {c.quiet_hours?.length ? <div><dt><Trans>Quiet hours</Trans></dt><dd>{c.quiet_hours.join(', ')} <span className="muted">{c.time_zone || 'UTC'}</span></dd></div> : null}
        <div><dt><Trans>Precedence</Trans></dt><dd>{c.precedence || 500} <span className="muted"><Trans>where sources differ the lowest is shown; {c.precedence ? t`500 is usual` : t`the usual`}</Trans></span></dd></div>
        <div><dt><Trans>Epoch</Trans></dt><dd>{c.epoch} <span className="muted"><Trans>version {c.version}, changed <When at={c.updated_at} /></Trans></span></dd></div>
        <div><dt>id</dt><dd><Copy text={c.id} label={t`the id`} /></dd></div>
      </dl>
    </Panel>
  )
}
