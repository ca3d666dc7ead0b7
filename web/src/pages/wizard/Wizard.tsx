// From nothing to a first run, one question at a time. The connection is saved, paused, as soon as its settings are there: a credential
// can only be sealed for a connection that exists, and only its agent can say what it may read.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, type ReactNode } from 'react'
import { Link, useNavigate, useSearchParams } from 'react-router'

import { api } from '../../api/client'
import { Problem, asProblem } from '../../api/problem'
import { q } from '../../api/queries'
import type { Agent, Connection, ConnectionWrite, Plugin } from '../../api/types'
import { useMay, useSession } from '../../frame/session'
import { Confirm } from '../../parts/Confirm'
import { Conflict } from '../../parts/Conflict'
import { Page, Panel } from '../../parts/Page'
import { Empty, Loading, ProblemPanel } from '../../parts/States'
import { say } from '../../parts/toast'
import { writeOf } from '../Connection'
import { after, before, blank, forget, keep, keyOf, reachable, recall, shown, steps, titles, type Step } from './draft'
import { CheckStep, CredentialStep, KindsStep, PlaceStep, ProviderStep, SettingsStep, wrongSettings } from './Steps'
import { RunStep } from './RunStep'
import css from './Wizard.module.css'

export default function Wizard() {
  const [params] = useSearchParams()
  const id = params.get('connection') ?? ''
  const session = useSession()
  const may = useMay('connection.manage')
  const plugins = useQuery(q.plugins())
  const agents = useQuery(q.agents())
  const existing = useQuery({ ...q.connection(id), enabled: id !== '' })
  const trail = [{ to: '/connections', label: t`Connections` }]
  const title = t`Set up a connection`
  const failed = [plugins, agents, existing].find((asked) => asked.error && !asked.data)
  if (!may) return <Page title={title} trail={trail}><Empty title={t`You may not set up connections`}><Trans>Who manages connections in this tenant can, or can give you the right to.</Trans></Empty></Page>
  if (failed && failed === existing && asProblem(failed.error).status === 404) {
    return <Page title={title} trail={trail}><Empty title={t`This connection is gone`} action={<Button component={Link} to="/connections/setup" variant="filled"><Trans>Begin anew</Trans></Button>}><Trans>Somebody deleted it meanwhile, or it never was.</Trans></Empty></Page>
  }
  if (failed) return <Page title={title} trail={trail}><ProblemPanel error={failed.error} retry={() => void failed.refetch()} /></Page>
  if (!session || !plugins.data || !agents.data || (id && !existing.data)) return <Page title={title} trail={trail}><Loading what={t`the plugins`} /></Page>
  if (plugins.data.items.length === 0 && !id) {
    return (
      <Page title={title} trail={trail}>
        <Empty title={t`No agent has reported a plugin yet`} action={<Button component={Link} to="/agents?join=1" variant="filled"><Trans>Install an agent</Trans></Button>}><Trans>A connection is run by an agent, with one of the plugins it has. Both report themselves here.</Trans></Empty>
      </Page>
    )
  }
  return <Walk key={id} storeKey={keyOf(session.tenant, session.username)} existing={id ? existing.data : undefined} plugins={plugins.data.items} agents={agents.data.items} />
}

export interface StepProps {
  doc: ConnectionWrite
  change: (part: Partial<ConnectionWrite>) => void
  plugin: Plugin | undefined
  plugins: Plugin[]
  agents: Agent[]
  existing: Connection | undefined
  fields: Map<string, string>
  tried: boolean
}

function Walk({ storeKey, existing, plugins, agents }: { storeKey: string; existing: Connection | undefined; plugins: Plugin[]; agents: Agent[] }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [params, setParams] = useSearchParams()
  const id = existing?.id ?? ''
  const [kept] = useState(() => recall(sessionStorage, storeKey, id))
  const [resumed, setResumed] = useState(kept !== null && !existing)
  const [doc, setDoc] = useState<ConnectionWrite>(() => kept ?? (existing ? writeOf(existing) : { ...blank(), ...(params.get('datacenter') ? { datacenter: params.get('datacenter')! } : {}) }))
  const [tried, setTried] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [theirs, setTheirs] = useState<Connection | null>(null)
  const [version, setVersion] = useState(existing?.version ?? 0)
  const [discarding, setDiscarding] = useState(false)
  const step = shown(params.get('step'), doc, !!existing)
  const plugin = plugins.find((p) => p.provider === doc.provider)
  // An address that asks for more than is there yet must not jump ahead by itself once it is.
  const early = params.get('step') !== null && params.get('step') !== step
  useEffect(() => {
    if (early) setParams((old) => { old.set('step', step); return old }, { replace: true })
  }, [early, step, setParams])
  const change = (part: Partial<ConnectionWrite>) => {
    const next = { ...doc, ...part }
    setDoc(next)
    keep(sessionStorage, storeKey, id, next)
  }
  const to = (next: Step, connection = id) => {
    setTried(false)
    setError(null)
    setTheirs(null)
    setParams({ step: next, ...(connection ? { connection } : {}) })
    window.scrollTo(0, 0)
  }
  const wrong = step === 'provider' ? !doc.provider || !doc.agent : step === 'settings' ? wrongSettings(doc, plugin) : false
  /** Saves what differs from what the collector has, and answers the connection. */
  const save = async (onVersion = version, what = doc): Promise<Connection | null> => {
    const body: ConnectionWrite = { ...what, name: what.name.trim() }
    try {
      const saved = existing
        ? JSON.stringify(body) === JSON.stringify(writeOf(existing)) ? existing : await api.put('/api/v1/connections/{id}', { path: { id }, body, ifMatch: onVersion })
        : await api.post('/api/v1/connections', { body: { ...body, paused: true } })
      client.setQueryData(q.connection(saved.id).queryKey, saved)
      void client.invalidateQueries({ queryKey: ['connections'] })
      void client.invalidateQueries({ queryKey: ['sealed', saved.id] })
      const mine = writeOf(saved)
      setDoc(mine)
      setVersion(saved.version)
      keep(sessionStorage, storeKey, saved.id, mine)
      return saved
    } catch (err) {
      // Both versions are shown before anything is overwritten.
      if (existing && err instanceof Problem && err.stale) setTheirs(await client.fetchQuery({ ...q.connection(id), staleTime: 0 }).catch(() => null))
      setError(err)
      return null
    }
  }
  const next = async (onVersion = version) => {
    setTried(true)
    if (wrong) return
    if (!existing && step !== 'settings') return to(after(step))
    setBusy(true)
    setError(null)
    const saved = await save(onVersion)
    setBusy(false)
    if (saved) to(after(step), saved.id)
  }
  const trust = async (settings: unknown) => {
    setError(null)
    await save(version, { ...doc, settings })
  }
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const props: StepProps = { doc, change, plugin, plugins, agents, existing, fields, tried }
  const back = before(step)
  return (
    <Page narrow title={t`Set up a connection`} trail={[{ to: '/connections', label: t`Connections` }]} facts={<span>{existing ? t`It is saved and paused: nothing is read before the last step.` : t`What you enter stays in this tab until the settings are saved.`}</span>} actions={<Button component={Link} to={existing ? `/connections/${id}/edit` : '/connections/new'}><Trans>All on one page</Trans></Button>}>
      <Steps step={step} doc={doc} saved={!!existing} id={id} />
      {resumed ? <p className="muted" role="status"><Trans>You began this earlier in this tab. <button type="button" className="link" onClick={() => { forget(sessionStorage, storeKey); setDoc(blank()); setResumed(false); to('place') }}>Start over</button></Trans></p> : null}
      <Entry plain={step === 'credential'} onNext={() => void next()}>
        <Panel title={titles[step]}>
          {step === 'place' ? <PlaceStep {...props} /> : null}
          {step === 'provider' ? <ProviderStep {...props} /> : null}
          {step === 'settings' ? <SettingsStep {...props} /> : null}
          {step === 'kinds' ? <KindsStep {...props} /> : null}
          {step === 'check' && existing ? <CheckStep key={existing.version} {...props} existing={existing} onStep={to} onTrust={trust} /> : null}
          {step === 'run' && existing ? <RunStep c={existing} onStarted={() => forget(sessionStorage, storeKey)} /> : null}
          {step === 'credential' && existing ? <CredentialStep {...props} existing={existing} onTrust={trust} /> : null}
        </Panel>
        {theirs ? (
          <Conflict what={t`this connection`} mine={doc} theirs={writeOf(theirs)} busy={busy} onMine={() => { setTheirs(null); void next(theirs.version) }} onTheirs={() => { change(writeOf(theirs)); setVersion(theirs.version); setTheirs(null); setError(null) }} />
        ) : error ? <ProblemPanel error={error} compact /> : null}
        {tried && wrong ? <p role="alert" className={css.wrong}><Trans>Something above still needs your attention.</Trans></p> : null}
        <div className="row">
          {back ? <Button onClick={() => to(back)}><Trans>Back</Trans></Button> : null}
          {step === 'run' ? null : <Button type={step === 'credential' ? 'button' : 'submit'} {...(step === 'credential' ? { onClick: () => void next() } : {})} variant="filled" loading={busy}>{step === 'settings' && !existing ? t`Save and go on` : t`Next`}</Button>}
          <span className="grow" />
          {existing && !existing.last_run ? <Button onClick={() => setDiscarding(true)}><Trans>Discard …</Trans></Button> : null}
        </div>
      </Entry>
      {discarding && existing ? (
        <Confirm
          title={t`Discard ${existing.name}`}
          verb={t`Discard it`}
          danger
          onClose={() => setDiscarding(false)}
          onConfirm={async () => {
            await api.delete('/api/v1/connections/{id}', { path: { id } })
            forget(sessionStorage, storeKey)
            void client.invalidateQueries({ queryKey: ['connections'] })
            say(t`${existing.name} discarded`)
            void navigate('/connections')
          }}
        >
          <p><Trans>It has read nothing yet. What was entered for it, its sealed credential too, is deleted.</Trans></p>
        </Confirm>
      ) : null}
    </Page>
  )
}

function Steps({ step, doc, saved, id }: { step: Step; doc: ConnectionWrite; saved: boolean; id: string }) {
  const at = steps.indexOf(step)
  return (
    <nav aria-label={t`Steps`}>
      <ol className={css.steps}>
        {steps.map((s, i) => (
          <li key={s} data-state={i === at ? 'now' : i < at ? 'done' : undefined}>
            {i === at ? <span aria-current="step"><b>{i + 1}</b><span className={css.word}>{titles[s]}</span></span>
              : reachable(s, doc, saved) ? <Link to={{ search: new URLSearchParams({ step: s, ...(id ? { connection: id } : {}) }).toString() }}><b>{i + 1}</b><span className={css.word}>{titles[s]}</span></Link>
                : <span><b>{i + 1}</b><span className={css.word}>{titles[s]}</span></span>}
          </li>
        ))}
      </ol>
    </nav>
  )
}

/** The step with a form of its own is in no other. */
function Entry({ plain, onNext, children }: { plain: boolean; onNext: () => void; children: ReactNode }) {
  if (plain) return <div className="stack">{children}</div>
  return <form className="stack" noValidate onSubmit={(e) => { e.preventDefault(); onNext() }}>{children}</form>
}
