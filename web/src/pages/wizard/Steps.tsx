// The questions of the wizard that are answered before anything is read.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Link } from 'react-router'

import { api } from '../../api/client'
import { q } from '../../api/queries'
import type { Connection, ConnectionWrite, Plugin } from '../../api/types'
import { defaultsOf, inputsOf, problemOf, type SchemaNode } from '../../forms/schema'
import { SchemaForm } from '../../forms/SchemaForm'
import { useMay } from '../../frame/session'
import { State } from '../../parts/marks'
import { Loading, ProblemPanel } from '../../parts/States'
import { Foreign, Quote } from '../../parts/Text'
import { When } from '../../parts/When'
import { SealForm } from '../../sealing/SealForm'
import { stateOf, wordOf } from '../../sealing/words'
import { Choice, KindRows, Policy, usual } from '../ConnectionEdit'
import { CertificateOffer, pinsCertificates } from '../CertificateOffer'
import { PermissionList, usePermissionCheck } from '../PermissionCheck'
import type { Step } from './draft'
import type { StepProps } from './Wizard'
import css from './Wizard.module.css'

const inputsFor = (plugin: Plugin | undefined) => (plugin?.settings ? inputsOf(plugin.settings as SchemaNode) : [])

export const wrongSettings = (doc: ConnectionWrite, plugin: Plugin | undefined) => !doc.name.trim() || inputsFor(plugin).some((i) => problemOf(i, doc.settings))

export function PlaceStep({ doc, change, fields }: StepProps) {
  const client = useQueryClient()
  const may = useMay('datacenter.manage')
  const datacenters = useQuery(q.datacenters())
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const add = async () => {
    setBusy(true)
    setError(null)
    try {
      const made = await api.post('/api/v1/datacenters', { body: { name: name.trim() } })
      await client.invalidateQueries({ queryKey: ['datacenters'] })
      change({ datacenter: made.id })
      setName('')
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  if (datacenters.error && !datacenters.data) return <ProblemPanel error={datacenters.error} compact retry={() => void datacenters.refetch()} />
  return (
    <div className="stack">
      <Select label={t`Where does what it reads belong?`} description={t`A cloud account, a building, a private site. It can be changed later, and rules can divide what is read among several.`} placeholder={t`None`} clearable searchable nothingFoundMessage={t`No datacenter is called so.`} data={(datacenters.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))} value={doc.datacenter || null} onChange={(v) => change({ datacenter: v ?? '' })} error={fields.get('/datacenter')} />
      {may ? (
        <div className={css.new}>
          <TextInput label={t`Or a new datacenter`} placeholder={t`Its name`} value={name} onChange={(e) => setName(e.currentTarget.value)} onKeyDown={(e) => { if (e.key === 'Enter' && name.trim()) { e.preventDefault(); void add() } }} />
          <Button disabled={!name.trim()} loading={busy} onClick={() => void add()}><Trans>Add it</Trans></Button>
        </div>
      ) : null}
      {error ? <ProblemPanel error={error} compact /> : null}
    </div>
  )
}

export function ProviderStep({ doc, change, plugin, plugins, agents, existing, tried, fields }: StepProps) {
  const having = (provider: string) => agents.filter((a) => a.status !== 'revoked' && a.plugins?.some((p) => p.provider === provider))
  const able = plugin ? having(plugin.provider) : []
  const choose = (provider: string) => {
    const p = plugins.find((x) => x.provider === provider)!
    const only = having(provider)
    change({ provider, agent: only.length === 1 ? only[0]!.id : '', credential: '', settings: defaultsOf(inputsOf(p.settings as SchemaNode)), kinds: usual(p) })
  }
  const agent = agents.find((a) => a.id === doc.agent)
  return (
    <div className="stack">
      {existing ? <p><Trans>The provider is <strong><Foreign text={plugin?.title || doc.provider} /></strong>. It stays: what is read belongs to it.</Trans></p> : <Choice plugins={plugins} value={doc.provider} onChange={choose} />}
      {tried && !doc.provider ? <p role="alert" className={css.wrong}><Trans>Choose the provider that is to be read.</Trans></p> : null}
      {doc.provider ? (
        <Select label={t`Agent`} description={t`The one that can reach the provider. Only agents that have the plugin are offered.`} required placeholder={t`Choose one`} data={able.map((a) => ({ value: a.id, label: `${a.name}${a.site ? ` (${a.site})` : ''}${a.status === 'online' ? '' : ', offline'}` }))} value={doc.agent || null} onChange={(v) => change({ agent: v ?? '', credential: '' })} error={fields.get('/agent') ?? (tried && !doc.agent ? t`This is needed.` : undefined)} />
      ) : null}
      {agent && agent.status !== 'online' ? <Away agent={agent} /> : null}
      <p className="muted"><Trans>A provider that is not here needs an agent with its plugin: <Link to="/agents?join=1">install an agent</Link>, or put the plugin into the agent’s plugin folder.</Trans></p>
    </div>
  )
}

/** What it means that the agent is not there, in every step that would ask it. */
export function Away({ agent }: { agent: { id: string; name: string; last_contact?: string | undefined; status: string } }) {
  return <p role="status"><Trans><State state="offline" word={t`The agent is away.`} /> <Link to={`/agents/${agent.id}`}><Foreign text={agent.name} /></Link> was last heard of <When at={agent.last_contact} />. The form can be filled in; what the agent has to say comes when it is back.</Trans></p>
}

export function SettingsStep({ doc, change, plugin, existing, fields, tried }: StepProps) {
  const inputs = inputsFor(plugin)
  return (
    <div className="stack">
      <TextInput label={t`Name`} description={t`What people call this connection.`} required value={doc.name} onChange={(e) => change({ name: e.currentTarget.value })} error={fields.get('/name') ?? (tried && !doc.name.trim() ? t`This is needed.` : undefined)} />
      {inputs.length ? <SchemaForm inputs={inputs} value={doc.settings} onChange={(settings) => change({ settings })} errors={fields} tried={tried} prefix="/settings" by={plugin?.choices ? { provider: plugin.provider, settings: plugin.choices, agent: doc.agent ?? '', connection: existing?.id ?? '', credential: doc.credential ?? '' } : undefined} /> : <p className="muted"><Trans>This provider has no settings.</Trans></p>}
    </div>
  )
}

type Way = 'sealed' | 'named' | 'none'

/** Before anything is entered for it: whether the server is the one that is meant. Silent unless its certificate is in the way. */
function Met({ existing, doc, plugin, onTrust }: { existing: Connection; doc: ConnectionWrite; plugin: Plugin | undefined; onTrust: (settings: unknown) => Promise<unknown> }) {
  const { check, run } = usePermissionCheck(existing.id)
  const asked = useRef(false)
  useEffect(() => {
    if (asked.current) return
    asked.current = true
    void run()
  }, [run])
  const met = check?.result?.report?.items.find((i) => i.certificate)?.certificate
  return met ? <CertificateOffer certificate={met} plugin={plugin} settings={doc.settings} onTrust={onTrust} /> : null
}

export function CredentialStep({ doc, change, agents, plugin, existing, fields, onTrust }: StepProps & { existing: Connection; onTrust: (settings: unknown) => Promise<unknown> }) {
  const sealed = useQuery(q.sealedOf(existing.id))
  const agent = agents.find((a) => a.id === doc.agent)
  const names = (agent?.credentials ?? []).filter((c) => !c.providers?.length || c.providers.includes(doc.provider)).map((c) => c.name)
  const [picked, setPicked] = useState<Way | null>(null)
  if (sealed.error && !sealed.data) return <ProblemPanel error={sealed.error} compact retry={() => void sealed.refetch()} />
  if (!sealed.data) return <Loading what={t`how its credential stands`} lines={3} />
  const x = sealed.data
  const takes = (x.wanted ?? []).length > 0
  const way = picked ?? (doc.credential ? 'named' : x.state !== 'none' || (takes && names.length === 0) ? 'sealed' : names.length ? 'named' : 'none')
  const pick = (next: Way) => {
    setPicked(next)
    if (next !== 'named' && doc.credential) change({ credential: '' })
  }
  return (
    <div className="stack">
      <fieldset className={css.ways}>
        <legend><Trans>How does the agent sign in?</Trans></legend>
        {takes ? <label><input type="radio" name="way" checked={way === 'sealed'} onChange={() => pick('sealed')} /><span><Trans>With what I enter here. <span className="muted">It is encrypted in this browser for the agents of the site; the collector cannot read it.</span></Trans></span></label> : null}
        <label><input type="radio" name="way" checked={way === 'named'} onChange={() => pick('named')} /><span><Trans>With a credential of the agent’s own file. <span className="muted">The collector knows its name alone.</span></Trans></span></label>
        <label><input type="radio" name="way" checked={way === 'none'} onChange={() => pick('none')} /><span><Trans>With none. <span className="muted">The provider asks for nothing, or the agent’s machine has a role of its own.</span></Trans></span></label>
      </fieldset>
      {way === 'named' ? (
        <div className={css.inset}>
          <Select label={t`Credential`} description={names.length ? t`A name from the agent’s own file.` : t`${agent?.name ?? t`The agent`} reports no credential for this provider. Add one to its credentials file (docs/agent.md), and it appears here.`} placeholder={t`Choose one`} data={doc.credential && !names.includes(doc.credential) ? [...names, doc.credential] : names} value={doc.credential || null} onChange={(v) => change({ credential: v ?? '' })} error={fields.get('/credential')} />
        </div>
      ) : null}
      {agent?.status === 'online' && x.state === 'none' && pinsCertificates(plugin) ? <Met key={existing.version} existing={existing} doc={doc} plugin={plugin} onTrust={onTrust} /> : null}
      {way === 'sealed' ? (
        <div className={css.inset}>
          {x.state === 'none' ? null : <p className="row"><State state={stateOf(x.state)} word={wordOf(x.state)} /> <span className="muted"><Trans>sealed <When at={x.sealed_at} /> by <Foreign text={x.sealed_by ?? ''} max={60} />. Entering it again replaces it.</Trans></span></p>}
          {x.reason && x.state !== 'none' ? <Quote text={[x.reason, x.advice].filter(Boolean).join(' ')} tone={x.state === 'reenter' ? 'bad' : undefined} /> : null}
          <SealForm key={x.sealed_at ?? ''} of={[x]} atOnce onDone={() => void sealed.refetch()} />
        </div>
      ) : null}
    </div>
  )
}

export function CheckStep({ doc, change, agents, plugin, existing, onStep, onTrust }: StepProps & { existing: Connection; onStep: (s: Step) => void; onTrust: (settings: unknown) => Promise<unknown> }) {
  const sealed = useQuery(q.sealedOf(existing.id))
  const kinds = useQuery(q.kinds())
  const { check, run } = usePermissionCheck(existing.id)
  const agent = agents.find((a) => a.id === doc.agent)
  const online = agent?.status === 'online'
  const asked = useRef(false)
  useEffect(() => {
    if (!online || asked.current) return
    asked.current = true
    void run()
  }, [online, run])
  const items = check?.result?.report?.items ?? []
  const lacking = [...new Set(items.filter((i) => !i.ok && i.kind).map((i) => i.kind!))]
  const still = (doc.kinds ?? []).filter((k) => k.enabled && lacking.includes(k.kind))
  const broken = !!check && !check.busy && (!!check.error || check.result?.state !== 'done' || items.some((i) => !i.ok && !i.kind))
  return (
    <div className="stack">
      {agent && !online ? <Away agent={agent} /> : null}
      {sealed.data?.state === 'reenter' ? <p role="status"><Trans>What was entered is encrypted for the settings as they were, this certificate among them. <button type="button" className="link" onClick={() => onStep('credential')}>Enter it again</button> for those of now.</Trans></p> : null}
      {check ? <PermissionList check={check} kinds={kinds.data ?? []} trusting={{ plugin, settings: doc.settings, onTrust }} /> : online ? <Loading what={t`the agent’s answer`} lines={3} /> : null}
      {broken ? <p><Trans>Mostly it is one of two: <button type="button" className="link" onClick={() => onStep('settings')}>the settings</button> lead elsewhere, or <button type="button" className="link" onClick={() => onStep('credential')}>the credential</button> is another. Mend it and come back.</Trans></p> : null}
      {still.length ? (
        <p><Trans>Grant what is missing and check again, or <button type="button" className="link" onClick={() => change({ kinds: (doc.kinds ?? []).map((k) => (lacking.includes(k.kind) ? { ...k, enabled: false } : k)) })}>leave out the kinds that may not be read</button>. Otherwise their scopes end as denied, which is said everywhere and calls nothing gone.</Trans></p>
      ) : null}
      <div><Button onClick={() => void run()} loading={check?.busy ?? false}><Trans>Check again</Trans></Button></div>
    </div>
  )
}

export function KindsStep({ doc, change, plugin, tried }: StepProps) {
  if (!plugin) return <p className="muted"><Trans>No agent reports the plugin “<Foreign text={doc.provider} />” now.</Trans></p>
  const on = (doc.kinds ?? []).filter((k) => k.enabled)
  return (
    <div className="stack">
      <KindRows plugin={plugin} value={doc.kinds ?? []} onChange={(kinds) => change({ kinds })} />
      {tried && on.length === 0 ? <p className={css.wrong}><Trans>Nothing is read while every kind is off.</Trans></p> : null}
      <Policy plugin={plugin} enabled={on.map((k) => k.kind)} />
    </div>
  )
}
