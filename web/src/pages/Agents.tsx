import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconLock, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Agent, JoinToken } from '../api/types'
import { parseTime } from '../format/time'
import { bytes, count } from '../format/units'
import { useMay } from '../frame/session'
import { DataTable, type Col } from '../parts/DataTable'
import { Mark, State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign, Snippet } from '../parts/Text'
import { say } from '../parts/toast'
import { useNow, When } from '../parts/When'
import css from './Agents.module.css'
import { JoinCommands } from './JoinCommands'
import { PluginVersionsPanel } from './PluginVersions'

export default function Agents() {
  const list = useQuery(q.agents())
  const may = useMay('agent.manage')
  const reads = useMay('read')
  const [params, setParams] = useSearchParams()
  const join = <Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setParams({ join: '1' })}><Trans>Install an agent</Trans></Button>
  const cols: Col<Agent>[] = [
    { id: 'name', label: t`Name`, width: 155, cell: (a) => <Link to={`/agents/${a.id}`}><Foreign text={a.name} max={40} /></Link> },
    { id: 'status', label: t`Status`, width: 95, cell: (a) => <State state={a.status} /> },
    { id: 'site', label: t`Site`, width: 95, cell: (a) => (a.site ? <Foreign text={a.site} max={30} /> : null) },
    { id: 'group', label: t`Group`, width: 95, cell: (a) => (a.group ? <Foreign text={a.group} max={30} /> : null) },
    { id: 'contact', label: t`Last contact`, width: 110, cell: (a) => <When at={a.last_contact} /> },
    { id: 'version', label: t`Version`, width: 80, cell: (a) => <Foreign text={a.version ?? ''} max={18} /> },
    { id: 'plugins', label: t`Plugins`, width: 150, cell: (a) => (a.plugins?.length ? <Foreign text={[...new Set(a.plugins.map((p) => p.provider))].join(', ')} max={200} /> : null) },
    { id: 'spool', label: t`Waiting to be sent`, width: 150, right: true, cell: (a) => <Spool a={a} /> },
    { id: 'certificate', label: t`Certificate`, width: 105, cell: (a) => <Certificate at={a.certificate_not_after} /> },
    { id: 'connections', label: t`Connections`, width: 105, right: true, cell: (a) => count(a.connections?.length ?? 0) },
  ]
  return (
    <Page title={t`Agents`} facts={<span><Trans>The processes in your networks that read providers and send what they find. The connection is always opened from there outward.</Trans></span>} actions={may ? join : null}>
      <Waiting />
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data?.items.length === 0 && !reads ? (
        <Empty icon={<IconLock size={26} stroke={1.4} aria-hidden />} title={t`You may not see the agents of this tenant`}><Trans>They belong to no datacenter, so what was granted to you does not include them. An administrator can give you a role that reads everything.</Trans></Empty>
      ) : list.data?.items.length === 0 ? (
        <Empty title={t`No agent has joined yet`} action={may ? join : null}><Trans>An agent needs one command on a machine in the network it is to read, and no open port.</Trans></Empty>
      ) : (
        <DataTable label={t`Agents`} rows={list.data?.items ?? []} cols={cols} rowKey={(a) => a.id} to={(a) => `/agents/${a.id}`} loading={list.isPending} faded={(a) => a.status === 'revoked'} />
      )}
      <PluginVersionsPanel />
      {may ? <JoinTokens /> : null}
      {may && params.get('join') ? <JoinDialog onClose={() => setParams({})} /> : null}
    </Page>
  )
}

/** Agents that came with a join token and wait for somebody to let them in. */
function Waiting() {
  const found = useQuery(q.approvals('state = pending AND kind = agent_enrolment'))
  const items = found.data?.items ?? []
  if (items.length === 0) return null
  return (
    <Panel title={plural(items.length, { one: '# agent waits to be let in', other: '# agents wait to be let in' })}>
      <ul className="stack-s">
        {items.map((a) => (
          <li key={a.id} className="row">
            <Link to={`/approvals/${a.id}`}><Foreign text={a.enrolment?.name ?? a.title} max={60} /></Link>
            <span className="muted"><Foreign text={[a.enrolment?.hostname, a.enrolment?.address].filter(Boolean).join(', ')} max={120} /></span>
            <When at={a.requested_at} />
          </li>
        ))}
      </ul>
    </Panel>
  )
}

export function Spool({ a }: { a: Agent }) {
  return a.spool.captures ? <span>{count(a.spool.captures)} ({bytes(a.spool.bytes)})</span> : <span className="muted"><Trans>nothing</Trans></span>
}

/** A certificate that ends soon carries a mark: past its end the agent still reads but cannot send. */
export function Certificate({ at }: { at: string | undefined }) {
  const now = useNow()
  const end = parseTime(at)
  if (!end) return <span className="muted"><Trans>unknown</Trans></span>
  const left = end.getTime() - now
  return <span className="row-n">{left < 0 ? <Mark state="failing" title={t`ended`} /> : left < 6 * 3_600_000 ? <Mark state="degraded" title={t`ends soon`} /> : null}<When at={at} /></span>
}

const lives = [{ value: '3600', label: t`1 hour` }, { value: '86400', label: t`1 day` }, { value: '604800', label: t`7 days` }]

function JoinDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [site, setSite] = useState('')
  const [life, setLife] = useState('3600')
  const [made, setMade] = useState<JoinToken | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      setMade(await api.post('/api/v1/join-tokens', { body: { name: name.trim(), site: site.trim(), ttl_seconds: Number(life) } }))
      void client.invalidateQueries({ queryKey: ['join-tokens'] })
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Modal opened onClose={onClose} title={t`Install an agent`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      {made ? <Made token={made} onClose={onClose} /> : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
          <p><Trans>The agent makes its own key. A single-use token lets it in and tells it how to recognise this collector.</Trans></p>
          <TextInput label={t`Name`} description={t`What the agent is called here; its machine’s name if empty.`} value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
          <TextInput label={t`Site`} description={t`Agents of one network share a site.`} value={site} onChange={(e) => setSite(e.currentTarget.value)} />
          <Select label={t`The token is good for`} data={lives} value={life} onChange={(v) => setLife(v ?? '3600')} allowDeselect={false} />
          {error ? <ProblemPanel error={error} compact /> : null}
          <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Make the command</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
        </form>
      )}
    </Modal>
  )
}

function Made({ token, onClose }: { token: JoinToken; onClose: () => void }) {
  const tokens = useQuery({ ...q.joinTokens(), refetchInterval: 2000 })
  const used = tokens.data?.items.find((it) => it.id === token.id)?.used_by
  return (
    <div className="stack">
      <JoinCommands command={token.command ?? ''} />
      <p><Trans>The token is shown only now, works once, and ends <When at={token.expires_at} />.</Trans></p>
      <Snippet label={t`the token`} text={token.token ?? ''} />
      <p role="status" className="row-n">
        {used ? <><Trans><Mark state="online" /> Joined: <Link to={`/agents/${used.id}`} onClick={onClose}><Foreign text={used.name || used.id} /></Link></Trans></> : <><Trans><Mark state="running" /> Waiting for the agent to join</Trans></>}
      </p>
      <div><Button onClick={onClose}>{used ? t`Done` : t`Close`}</Button></div>
    </div>
  )
}

function JoinTokens() {
  const client = useQueryClient()
  const { data } = useQuery(q.joinTokens())
  const open = (data?.items ?? []).filter((it) => !parseTime(it.used_at))
  if (open.length === 0) return null
  const withdraw = async (it: JoinToken) => {
    await api.delete('/api/v1/join-tokens/{id}', { path: { id: it.id } }).catch(() => undefined)
    void client.invalidateQueries({ queryKey: ['join-tokens'] })
    say(t`The token was withdrawn`)
  }
  return (
    <Panel title={t`Join tokens not used yet`} flush>
      <ul className={css.tokens}>
        {open.map((it) => (
          <li key={it.id}>
            <span className="grow"><Foreign text={it.name || t`any name`} />{it.site ? <span className="muted"><Trans> at <Foreign text={it.site} /></Trans></span> : null}</span>
            <span className="muted"><Trans>ends <When at={it.expires_at} /></Trans></span>
            <Button onClick={() => void withdraw(it)}><Trans>Withdraw</Trans></Button>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
