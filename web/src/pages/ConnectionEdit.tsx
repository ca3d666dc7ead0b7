// A connection's form. Everything about the provider is made from the plugin's own settings schema.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, NumberInput, Select, Switch, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconLock } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Agent, Connection, ConnectionWrite, KindSchedule, MappingRule, Plugin } from '../api/types'
import { defaultsOf, inputsOf, problemOf, type SchemaNode } from '../forms/schema'
import { SchemaForm } from '../forms/SchemaForm'
import { useMay, useMaySomewhere } from '../frame/session'
import { ManagedNote } from '../parts/Managed'
import { copyText } from '../parts/clipboard'
import { Conflict } from '../parts/Conflict'
import { useLeaving } from '../parts/leaving'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { writeOf } from './Connection'
import css from './ConnectionEdit.module.css'

export default function ConnectionEdit() {
  const { id } = useParams()
  const may = useMay('connection.manage')
  const somewhere = useMaySomewhere('connection.edit')
  const install = useMay('agent.manage')
  const plugins = useQuery(q.plugins())
  const agents = useQuery(q.agents())
  const existing = useQuery({ ...q.connection(id ?? ''), enabled: !!id, refetchInterval: false, refetchOnWindowFocus: false })
  const error = [plugins, agents, existing].find((asked) => asked.error && !asked.data)?.error
  const title = id ? t`Edit the connection` : t`Add a connection`
  if (error) return <Page title={title}><ProblemPanel error={error} /></Page>
  if (!plugins.data || !agents.data || (id && !existing.data)) return <Page title={title}><Loading what={t`the plugins`} /></Page>
  // Who was given a right on this one is told what its plugin asks for; who was not, is not.
  const edits = id ? somewhere && plugins.data.items.some((p) => p.provider === existing.data?.provider) : false
  if (!may && !edits) {
    return (
      <Page title={title} trail={[{ to: '/connections', label: t`Connections` }]}>
        <Empty icon={<IconLock size={26} stroke={1.4} aria-hidden />} title={id ? t`You may not edit this connection` : t`You may not add connections`}><Trans>Ask an administrator of this tenant for the right to do it.</Trans></Empty>
      </Page>
    )
  }
  if (plugins.data.items.length === 0) {
    return (
      <Page title={title} trail={[{ to: '/connections', label: t`Connections` }]}>
        <Empty title={t`No agent has reported a plugin yet`} action={install ? <Button component={Link} to="/agents?join=1" variant="filled"><Trans>Install an agent</Trans></Button> : null}><Trans>A connection is run by an agent, with one of the plugins it has. Both report themselves here.</Trans></Empty>
      </Page>
    )
  }
  return <Form key={id ?? 'new'} places={may} existing={existing.data} plugins={plugins.data.items} agents={agents.data.items} />
}

export const usual = (plugin: Plugin): KindSchedule[] => plugin.kinds.map((k) => ({ kind: k.major > 1 ? `${k.kind}.v${k.major}` : k.kind, enabled: true, interval_seconds: k.interval_seconds || 3600 }))

function Form({ places, existing, plugins, agents }: { places: boolean; existing: Connection | undefined; plugins: Plugin[]; agents: Agent[] }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const datacenters = useQuery(q.datacenters())
  const [doc, setDoc] = useState<ConnectionWrite>(() => (existing ? writeOf(existing) : { name: '', provider: '', settings: {}, kinds: [], rules: [] }))
  const [version, setVersion] = useState(existing?.version ?? 0)
  const [dirty, setDirty] = useState(false)
  const [tried, setTried] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Problem | null>(null)
  const [theirs, setTheirs] = useState<Connection | null>(null)
  const plugin = plugins.find((p) => p.provider === doc.provider)
  const inputs = plugin?.settings ? inputsOf(plugin.settings as SchemaNode) : []
  const able = agents.filter((a) => a.status !== 'revoked' && (!plugin || a.plugins?.some((p) => p.provider === plugin.provider)))
  const agent = agents.find((a) => a.id === doc.agent)
  const credentials = (agent?.credentials ?? []).filter((c) => !c.providers?.length || c.providers.includes(doc.provider))
  const leaving = useLeaving(dirty && !busy)

  const change = (part: Partial<ConnectionWrite>) => {
    setDoc({ ...doc, ...part })
    setDirty(true)
  }
  const choose = (provider: string) => {
    const p = plugins.find((x) => x.provider === provider)!
    const only = agents.filter((a) => a.status !== 'revoked' && a.plugins?.some((x) => x.provider === provider))
    const { credential: _c, agent: _a, ...rest } = doc
    setDoc({ ...rest, provider, settings: defaultsOf(inputsOf(p.settings as SchemaNode)), kinds: usual(p), ...(only.length === 1 ? { agent: only[0]!.id } : {}) })
    setDirty(true)
  }
  const wrong = !doc.name.trim() || inputs.some((i) => problemOf(i, doc.settings))
  const save = async (onVersion = version) => {
    setTried(true)
    if (wrong) return
    setBusy(true)
    setError(null)
    try {
      const body = { ...doc, name: doc.name.trim() }
      const saved = existing
        ? await api.put('/api/v1/connections/{id}', { path: { id: existing.id }, body, ifMatch: onVersion })
        : await api.post('/api/v1/connections', { body })
      client.setQueryData(q.connection(saved.id).queryKey, saved)
      void client.invalidateQueries({ queryKey: ['connections'] })
      void client.invalidateQueries({ queryKey: ['summary'] })
      setDirty(false)
      say(existing ? t`${saved.name} saved` : t`${saved.name} added`)
      void navigate(`/connections/${saved.id}`)
    } catch (err) {
      // Both versions are shown before anything is overwritten.
      if (existing && err instanceof Problem && err.stale) setTheirs(await client.fetchQuery({ ...q.connection(existing.id), staleTime: 0 }).catch(() => null))
      setBusy(false)
      setError(err as Problem)
    }
  }
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  return (
    <Page narrow title={existing ? t`Edit ${existing.name}` : t`Add a connection`} trail={[{ to: '/connections', label: t`Connections` }]}>
      <form className="stack" noValidate onSubmit={(e) => { e.preventDefault(); void save() }}>
        <ManagedNote by={existing?.managed_by} />
        {existing ? null : <Choice plugins={plugins} value={doc.provider} onChange={choose} />}
        {doc.provider && !plugin ? <p className="muted"><Trans>No agent reports the plugin “<Foreign text={doc.provider} />” now, so its settings cannot be shown as a form.</Trans></p> : null}
        {plugin ? (
          <>
            <Panel title={t`Where and by whom`}>
              <div className={css.grid}>
                <TextInput label={t`Name`} required value={doc.name} onChange={(e) => change({ name: e.currentTarget.value })} error={fields.get('/name') ?? (tried && !doc.name.trim() ? t`This is needed.` : undefined)} />
                {places ? (
                  <>
                    <Select label={t`Agent`} description={t`The one that can reach the provider.`} placeholder={t`None for now`} clearable data={able.map((a) => ({ value: a.id, label: `${a.name}${a.site ? ` (${a.site})` : ''}${a.status === 'online' ? '' : ', offline'}` }))} value={doc.agent ?? null} onChange={(v) => change(v ? { agent: v } : { agent: '' })} error={fields.get('/agent')} />
                    <Select label={t`Datacenter`} description={t`Where what it reads belongs, unless a rule says otherwise.`} placeholder={t`None`} clearable data={(datacenters.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))} value={doc.datacenter ?? null} onChange={(v) => change({ datacenter: v ?? '' })} error={fields.get('/datacenter')} />
                    <Credential plugin={plugin} agent={agent} names={credentials.map((c) => c.name)} value={doc.credential ?? ''} onChange={(v) => change({ credential: v })} error={fields.get('/credential')} />
                  </>
                ) : null}
              </div>
              {places || !existing ? null : <Kept c={existing} />}
            </Panel>
            {inputs.length ? (
              <Panel title={t`${plugin.title} settings`}>
                <SchemaForm inputs={inputs} value={doc.settings} onChange={(settings) => change({ settings })} errors={fields} tried={tried} prefix="/settings" by={plugin.choices && places ? { provider: plugin.provider, settings: plugin.choices, agent: doc.agent ?? '', connection: existing?.id ?? '', credential: doc.credential ?? '' } : undefined} />
              </Panel>
            ) : null}
            <Panel title={t`What is read, and how often`}>
              <KindRows plugin={plugin} value={doc.kinds ?? []} onChange={(kinds) => change({ kinds })} />
              <Policy plugin={plugin} enabled={(doc.kinds ?? []).filter((k) => k.enabled).map((k) => k.kind)} />
            </Panel>
            {places ? <Panel title={t`Where sources differ`}>
              <div className={css.grid}>
                <NumberInput label={t`Precedence`} description={t`1 to 1000; of what several connections say the lowest is shown. Empty is 500, and among equals the older connection leads. One that has been silent for long gives way.`} min={1} max={1000} allowDecimal={false} value={doc.precedence || ''} onChange={(n) => change({ precedence: Number(n) || 0 })} error={fields.get('/precedence')} />
              </div>
            </Panel> : null}
            <Panel title={t`Sparing the provider`}><Sparing value={doc} onChange={change} errors={fields} /></Panel>
          </>
        ) : null}
        {plugin && places ? (
          <Panel title={t`Rules`}>
            <Rules value={doc.rules ?? []} onChange={(rules) => change({ rules })} datacenters={(datacenters.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))} />
          </Panel>
        ) : null}
        {error?.stale && theirs ? (
          <Conflict what={t`this connection`} mine={doc} theirs={writeOf(theirs)} busy={busy} onMine={() => { setVersion(theirs.version); void save(theirs.version) }} onTheirs={() => { setDoc(writeOf(theirs)); setVersion(theirs.version); setError(null); setDirty(false) }} />
        ) : error ? <ProblemPanel error={error} compact /> : null}
        {tried && wrong ? <p role="alert" className={css.wrong}><Trans>Something above still needs your attention.</Trans></p> : null}
        {plugin ? (
          <div className="row">
            <Button type="submit" variant="filled" loading={busy}>{existing ? t`Save` : t`Add the connection`}</Button>
            <Button component={Link} to={existing ? `/connections/${existing.id}` : '/connections'}><Trans>Cancel</Trans></Button>
            {existing ? <span className="muted"><Trans>A changed filter makes what it leaves out unwatched, not gone.</Trans></span> : null}
          </div>
        ) : null}
      </form>
      {leaving.dialog}
    </Page>
  )
}

/** What stays as it is when somebody edits the connection who does not manage connections: said, not offered. */
function Kept({ c }: { c: Connection }) {
  return (
    <p className="muted">
      <Trans>It runs on {c.agent ? <Foreign text={c.agent.name || c.agent.id} max={60} /> : t`no agent`}, belongs to {c.datacenter ? <Foreign text={c.datacenter.name || c.datacenter.id} max={60} /> : t`no datacenter`} and uses {c.credential ? <Foreign text={c.credential} max={60} /> : t`no named credential`}. Who manages connections in the whole tenant changes these, its precedence and its rules.</Trans>
    </p>
  )
}

export function Choice({ plugins, value, onChange }: { plugins: Plugin[]; value: string; onChange: (provider: string) => void }) {
  return (
    <fieldset className={css.choice}>
      <legend><Trans>Provider</Trans></legend>
      {plugins.map((p) => (
        <label key={p.provider} data-checked={p.provider === value || undefined}>
          <input type="radio" name="provider" value={p.provider} checked={p.provider === value} onChange={() => onChange(p.provider)} />
          <strong><Foreign text={p.title || p.provider} /></strong>
          {p.summary ? <span className="muted"><Foreign text={p.summary} max={160} /></span> : null}
          <span className="muted"><Trans>{p.agents.length === 1 ? t`on one agent` : t`on ${p.agents.length} agents`}, version {p.version}</Trans></span>
        </label>
      ))}
    </fieldset>
  )
}

export function Credential({ plugin, agent, names, value, onChange, error }: { plugin: Plugin; agent: Agent | undefined; names: string[]; value: string; onChange: (v: string) => void; error: string | undefined }) {
  const wanted = plugin.credential_env ?? []
  const help = wanted.length ? t`A name from the agent’s own file; it sets ${wanted.map((e) => e.name).join(', ')}.` : t`A name from the agent’s own file.`
  if (!agent) return <TextInput label={t`Credential`} description={t`Choose an agent first: the names are its own.`} value={value} disabled />
  const data = value && !names.includes(value) ? [...names, value] : names
  return <Select label={t`Credential`} description={names.length ? help : t`${agent.name} reports no credential for this provider. ${help}`} placeholder={t`None`} clearable data={data} value={value || null} onChange={(v) => onChange(v ?? '')} error={error} />
}

/** What to paste at the provider: the plugin's own text, for all kinds or for the few that are read. */
export function Policy({ plugin, enabled }: { plugin: Plugin; enabled: string[] }) {
  const some = plugin.kinds.filter((k) => enabled.includes(k.kind) && k.policy)
  const texts = plugin.policy && enabled.length >= plugin.kinds.length ? [{ title: t`all kinds`, text: plugin.policy }] : some.map((k) => ({ title: k.kind, text: k.policy ?? '' }))
  if (texts.length === 0) return null
  return (
    <details className={css.policy}>
      <summary><Trans>Permissions to paste at the provider</Trans></summary>
      <p className="muted"><Trans>Read-only, and no more than these kinds need.</Trans></p>
      {texts.map((x) => (
        <div key={x.title} className="stack-s">
          <div className="row"><strong>{x.title}</strong><span className="grow" /><Button onClick={() => void copyText(x.text).then((ok) => say(ok ? t`Policy copied` : t`The browser refused to copy`))}><Trans>Copy</Trans></Button></div>
          <pre tabIndex={0} aria-label={t`Policy for ${x.title}`}>{x.text}</pre>
        </div>
      ))}
    </details>
  )
}

/** How hard the provider may be asked, and when not at all. */
function Sparing({ value, onChange, errors }: { value: ConnectionWrite; onChange: (part: Partial<ConnectionWrite>) => void; errors: Map<string, string> }) {
  const [quiet, setQuiet] = useState((value.quiet_hours ?? []).join(', '))
  const bad = [...errors].find(([at]) => at.startsWith('/quiet_hours'))?.[1]
  const lines = (text: string) => text.split(/,\s+|;|\n/).map((x) => x.trim()).filter(Boolean)
  return (
    <div className={css.grid}>
      <NumberInput label={t`Requests per second, at most`} description={t`Empty is without limit.`} min={0} decimalScale={2} value={value.max_requests_per_second || ''} onChange={(n) => onChange({ max_requests_per_second: Number(n) || 0 })} error={errors.get('/max_requests_per_second')} />
      <NumberInput label={t`Requests at a time, at most`} description={t`Empty is without limit.`} min={0} allowDecimal={false} value={value.max_parallel_requests || ''} onChange={(n) => onChange({ max_parallel_requests: Number(n) || 0 })} error={errors.get('/max_parallel_requests')} />
      <TextInput label={t`Quiet hours`} description={t`Nothing is read by schedule then: 22:00-06:00, or mon-fri 08:00-18:00; several with a comma and a space.`} value={quiet} onChange={(e) => { setQuiet(e.currentTarget.value); onChange({ quiet_hours: lines(e.currentTarget.value) }) }} error={bad} />
      <TextInput label={t`Time zone`} description={t`Of quiet hours and cron expressions. Empty is UTC.`} placeholder={t`Europe/Lisbon`} value={value.time_zone ?? ''} onChange={(e) => onChange({ time_zone: e.currentTarget.value.trim() })} error={errors.get('/time_zone')} />
    </div>
  )
}

function Rules({ value, onChange, datacenters }: { value: MappingRule[]; onChange: (v: MappingRule[]) => void; datacenters: { value: string; label: string }[] }) {
  const set = (i: number, part: Partial<MappingRule>) => onChange(value.map((r, n) => (n === i ? { ...r, ...part } : r)))
  return (
    <div className="stack-s">
      <p className="muted"><Trans>What is read under a partition’s label can belong elsewhere than to the datacenter above. The first rule that fits decides.</Trans></p>
      {value.map((r, i) => (
        <div key={i} className={css.rule}>
          <TextInput label={t`Label`} placeholder={t`account`} value={r.label} onChange={(e) => set(i, { label: e.currentTarget.value })} />
          <TextInput label={t`is`} placeholder="1234" value={r.value} onChange={(e) => set(i, { value: e.currentTarget.value })} />
          <Select label={t`Datacenter`} clearable data={datacenters} value={r.datacenter ?? null} onChange={(v) => set(i, { datacenter: v ?? '' })} />
          <TextInput label={t`Client`} value={r.client ?? ''} onChange={(e) => set(i, { client: e.currentTarget.value })} />
          <Button onClick={() => onChange(value.filter((_, n) => n !== i))} aria-label={t`Remove rule ${i + 1}`}><Trans>Remove</Trans></Button>
        </div>
      ))}
      <div><Button onClick={() => onChange([...value, { label: '', value: '' }])}><Trans>Add a rule</Trans></Button></div>
    </div>
  )
}

const units = [{ value: '60', label: t`minutes` }, { value: '3600', label: t`hours` }, { value: '86400', label: t`days` }]
const unitOf = (seconds: number) => (seconds % 86400 === 0 ? 86400 : seconds % 3600 === 0 ? 3600 : 60)

export function KindRows({ plugin, value, onChange }: { plugin: Plugin; value: KindSchedule[]; onChange: (v: KindSchedule[]) => void }) {
  const kinds = useQuery(q.kinds())
  const all = [...new Set([...usual(plugin).map((k) => k.kind), ...value.map((k) => k.kind)])]
  const of = (kind: string): KindSchedule => value.find((k) => k.kind === kind) ?? { kind, enabled: false, interval_seconds: usual(plugin).find((k) => k.kind === kind)?.interval_seconds ?? 3600 }
  const set = (next: KindSchedule) => onChange(all.map((k) => (k === next.kind ? next : of(k))))
  return (
    <ul className={css.kinds}>
      {all.map((kind) => {
        const k = of(kind)
        const label = kinds.data?.find((i) => i.name === kind)?.plural ?? kind
        const seconds = k.interval_seconds ?? 3600
        const unit = unitOf(seconds)
        const needs = plugin.kinds.find((x) => x.kind === kind)?.permissions ?? []
        return (
          <li key={kind}>
            <div className="grow">
              <Switch label={label} checked={k.enabled} onChange={(e) => set({ ...k, enabled: e.currentTarget.checked })} />
              {needs.length ? <p className={css.needs} title={needs.join('\n')}><Trans>needs {needs.slice(0, 3).join(', ')}{needs.length > 3 ? t` and ${needs.length - 3} more` : ''}</Trans></p> : null}
            </div>
            {k.enabled ? (
              k.cron ? <code>{k.cron}</code> : (
                <div className="row-n">
                  <span className="muted"><Trans>every</Trans></span>
                  <NumberInput aria-label={t`Interval of ${label}`} value={seconds / unit} min={1} max={999} w={70} allowDecimal={false} onChange={(n) => { if (Number(n) > 0) set({ ...k, interval_seconds: Number(n) * unit }) }} />
                  <Select aria-label={t`Unit of the interval of ${label}`} data={units} value={String(unit)} w={100} allowDeselect={false} onChange={(u) => { if (u) set({ ...k, interval_seconds: (seconds / unit) * Number(u) }) }} />
                  <NumberInput aria-label={t`Precedence of ${label}`} title={t`Precedence for this kind, instead of the connection’s: 1 to 1000, the lowest is shown`} placeholder={t`precedence`} value={k.precedence || ''} min={1} max={1000} w={100} allowDecimal={false} onChange={(n) => { const { precedence: _p, ...rest } = k; set(Number(n) > 0 ? { ...rest, precedence: Number(n) } : rest) }} />
                </div>
              )
            ) : (
              <span className="muted"><Trans>not read; what was known becomes unwatched</Trans></span>
            )}
          </li>
        )
      })}
    </ul>
  )
}
