// What somebody wants to be told, and how: one form for new subscriptions and for edits.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Modal, NumberInput, Select, Switch, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Connection, KindInfo, Subscription, SubscriptionWrite } from '../api/types'
import { ProblemPanel } from '../parts/States'
import { Copy } from '../parts/Text'
import { say } from '../parts/toast'
import css from './Notifications.module.css'

type Event = SubscriptionWrite['event']

export const events: { id: Event; label: string; about: string }[] = [
  { id: 'resources', label: t`Resources come, go or change`, about: t`All kinds or one, narrowed by a filter.` },
  { id: 'runs', label: t`Runs fail`, about: t`A connection could not be read, or not all of it.` },
  { id: 'removals', label: t`Removals wait`, about: t`So much went missing at once that a person has to believe it.` },
  { id: 'approvals', label: t`Approvals wait for me`, about: t`Something is asked that you may decide; if you want, also how that ended which you asked for.` },
  { id: 'agents', label: t`Agents go silent`, about: t`No contact for ten minutes; their return is told too.` },
  { id: 'dates', label: t`Dates come near`, about: t`Warranty, end of support, expiry of whatever holds a date.` },
  { id: 'certificates', label: t`Certificates end`, about: t`That of the web UI, and those of agents that do not renew them.` },
  { id: 'credentials', label: t`Credentials are old`, about: t`A sealed one is older than the settings want, or soon will be.` },
]

const actions: Partial<Record<Event, { id: string; label: string }[]>> = {
  resources: [['created', t`new`], ['gone', t`gone`], ['returned', t`returned`], ['updated', t`changed`], ['merged', t`merged`], ['split', t`split`]].map(([id, label]) => ({ id: id!, label: label! })),
  approvals: [['asked', t`to decide`], ['approved', t`approved`], ['refused', t`refused`], ['expired', t`expired`], ['withdrawn', t`withdrawn`], ['failed', t`failed`]].map(([id, label]) => ({ id: id!, label: label! })),
  runs: [{ id: 'failed', label: t`failed` }, { id: 'partial', label: t`incomplete` }],
}
const usual: Partial<Record<Event, string[]>> = { resources: ['created', 'gone'], runs: ['failed', 'partial'], approvals: ['asked'] }

export const blank: SubscriptionWrite = { name: '', event: 'resources' }

/** describe says a subscription in one sentence. */
export function describe(s: SubscriptionWrite, kinds: KindInfo[], connections: Connection[]): string {
  const kind = s.kind ? (kinds.find((k) => k.name === s.kind)?.plural ?? s.kind) : t`Anything`
  const of = s.connection ? t` of ${connections.find((c) => c.id === s.connection)?.name ?? s.connection}` : ''
  const which = (s.actions?.length ? s.actions : (usual[s.event] ?? [])).map((a) => actions[s.event]?.find((x) => x.id === a)?.label ?? a).join(t` or `)
  switch (s.event) {
    case 'resources':
      return `${kind}: ${which}${s.filter ? t`, as this filter finds them:` : '.'}`
    case 'runs':
      return t`Runs${of} that were ${which}.`
    case 'removals':
      return t`Removals${of} that wait for a decision.`
    case 'approvals':
      return t`Approvals: ${which}.`
    case 'agents':
      return t`Agents that went silent, and their return.`
    case 'certificates':
      return t`Certificates that end in ${plural(s.days || 30, { one: '# day', other: '# days' })} and are not renewed.`
    case 'credentials':
      return s.days ? t`Sealed credentials that are to be rotated in ${plural(s.days, { one: '# day', other: '# days' })}.` : t`Sealed credentials that are to be rotated.`
    default:
      return t`${kind} whose ${s.field ?? ''} is in ${plural(s.days ?? 0, { one: '# day', other: '# days' })}${s.filter ? t`, as this filter finds them:` : '.'}`
  }
}

interface Props {
  of?: Subscription
  start: SubscriptionWrite
  onClose: () => void
}

export function SubscriptionForm({ of, start, onClose }: Props) {
  const [w, setW] = useState<SubscriptionWrite>({
    name: start.name, event: start.event, kind: start.kind ?? '', filter: start.filter ?? '', actions: start.actions ?? usual[start.event] ?? [], connection: start.connection ?? '',
    field: start.field ?? '', days: start.days ?? 30, mail: start.mail ?? false, webhook: start.webhook ?? '', paused: start.paused ?? false,
  })
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const [secret, setSecret] = useState('')
  const put = (change: Partial<SubscriptionWrite>) => setW({ ...w, ...change })
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const inFilter = error instanceof Problem ? error.filter : undefined
  const save = async (renew?: boolean) => {
    setBusy(true)
    setError(null)
    try {
      const saved = renew && of
        ? await api.post('/api/v1/subscriptions/{id}/secret', { path: { id: of.id } })
        : of ? await api.put('/api/v1/subscriptions/{id}', { path: { id: of.id }, ifMatch: of.version, body: meant(w) }) : await api.post('/api/v1/subscriptions', { body: meant(w) })
      say(renew ? t`The secret is another one` : t`${saved.name} saved`)
      if (saved.webhook_secret) setSecret(saved.webhook_secret)
      else onClose()
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  if (secret) {
    return (
      <Modal opened onClose={onClose} title={t`The webhook’s secret`} closeButtonProps={{ 'aria-label': t`Close` }}>
        <div className={css.secret}>
          <p><Trans>Every call carries <code>X-Maestro-Signature</code>: <code>v1=</code> and the HMAC-SHA-256, by this secret, of <code>X-Maestro-Timestamp</code>, a dot and the body. It is shown this once.</Trans></p>
          <p className="break mono"><Copy text={secret} max={100} label={t`the secret`} /></p>
          <div className="row"><Button variant="filled" onClick={onClose}><Trans>I have it</Trans></Button></div>
        </div>
      </Modal>
    )
  }
  return (
    <Modal opened onClose={onClose} title={of ? t`Edit ${of.name}` : t`Subscribe`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void save() }}>
        <TextInput label={t`Name`} required data-autofocus autoComplete="off" maxLength={100} value={w.name} onChange={(e) => put({ name: e.currentTarget.value })} error={fields.get('/name')} />
        <Select label={t`Tell me when`} required allowDeselect={false} data={events.map((e) => ({ value: e.id, label: e.label }))} value={w.event} description={events.find((e) => e.id === w.event)?.about}
          onChange={(v) => v && put({ event: v as Event, actions: usual[v as Event] ?? [] })} />
        <What w={w} put={put} fields={fields} inFilter={inFilter?.message} />
        <fieldset className={`stack-s ${css.ways}`}>
          <legend><Trans>Besides here, tell me</Trans></legend>
          <Checkbox label={t`by e-mail, to the address in my profile`} checked={w.mail ?? false} onChange={(e) => put({ mail: e.currentTarget.checked })} error={fields.get('/mail')} />
          <TextInput label={t`by a webhook`} description={t`An https:// address that gets a signed POST: a chat, a ticket system, a script.`} placeholder="https://" type="url" autoComplete="off" value={w.webhook ?? ''} onChange={(e) => put({ webhook: e.currentTarget.value })} error={fields.get('/webhook')} />
          {of?.webhook ? <div><Button loading={busy} onClick={() => void save(true)}><Trans>Give it another secret</Trans></Button></div> : null}
        </fieldset>
        {of ? <Switch label={t`Paused`} checked={w.paused ?? false} onChange={(e) => put({ paused: e.currentTarget.checked })} /> : null}
        {error && fields.size === 0 && !inFilter ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}

/** What of the event: kind and filter, actions, connection, date. */
function What({ w, put, fields, inFilter }: { w: SubscriptionWrite; put: (change: Partial<SubscriptionWrite>) => void; fields: Map<string, string>; inFilter: string | undefined }) {
  const kinds = useQuery(q.kinds()).data ?? []
  const connections = useQuery(q.connections()).data?.items ?? []
  const ofResources = w.event === 'resources' || w.event === 'dates'
  const dates = kinds.find((k) => k.name === w.kind)?.filter_fields.filter((f) => f.type === 'time').map((f) => f.name) ?? []
  const choices = actions[w.event]
  return (
    <>
      {ofResources ? <Select label={t`Kind`} searchable clearable={w.event === 'resources'} required={w.event === 'dates'} placeholder={w.event === 'resources' ? t`Every kind` : t`Choose one`} data={kinds.map((k) => ({ value: k.name, label: k.plural }))} value={w.kind || null} onChange={(v) => put({ kind: v ?? '', filter: v ? w.filter ?? '' : '', field: '' })} error={fields.get('/kind')} /> : null}
      {ofResources && w.kind ? <TextInput label={t`Filter`} description={t`As in the list: only what it finds. Empty: everything.`} placeholder={'tags.env = "prod"'} className="mono" autoComplete="off" spellCheck={false} value={w.filter ?? ''} onChange={(e) => put({ filter: e.currentTarget.value })} error={inFilter ?? fields.get('/filter')} /> : null}
      {choices ? (
        <Checkbox.Group label={t`What happened`} value={w.actions ?? []} onChange={(v) => put({ actions: v })}>
          <div className="row">{choices.map((a) => <Checkbox key={a.id} value={a.id} label={a.label} />)}</div>
        </Checkbox.Group>
      ) : null}
      {w.event === 'runs' || w.event === 'removals' ? <Select label={t`Connection`} searchable clearable placeholder={t`Every connection`} data={connections.map((c) => ({ value: c.id, label: c.name }))} value={w.connection || null} onChange={(v) => put({ connection: v ?? '' })} /> : null}
      {w.event === 'certificates' ? <NumberInput label={t`Days before`} required min={1} max={3650} w={140} value={w.days || 30} onChange={(v) => put({ days: Number(v) || 30 })} error={fields.get('/days')} /> : null}
      {w.event === 'credentials' ? <NumberInput label={t`Days before`} required min={0} max={3650} w={140} value={w.days ?? 0} onChange={(v) => put({ days: Number(v) || 0 })} error={fields.get('/days')} /> : null}
      {w.event === 'dates' ? (
        <div className="row">
          <Select label={t`Date`} searchable required placeholder={w.kind ? t`Choose one` : t`Choose a kind first`} data={dates} value={w.field || null} onChange={(v) => put({ field: v ?? '' })} error={fields.get('/field')} />
          <NumberInput label={t`Days before`} required min={0} max={3650} w={140} value={w.days ?? 30} onChange={(v) => put({ days: Number(v) || 0 })} />
        </div>
      ) : null}
    </>
  )
}

/** meant leaves out what is of other events than the chosen one. */
function meant(w: SubscriptionWrite): SubscriptionWrite {
  const resources = w.event === 'resources' || w.event === 'dates'
  const whole = w.actions?.length === usual[w.event]?.length && usual[w.event]?.every((a) => w.actions?.includes(a))
  return {
    name: w.name.trim(), event: w.event,
    ...(resources && w.kind ? { kind: w.kind } : {}), ...(resources && w.kind && w.filter?.trim() ? { filter: w.filter.trim() } : {}),
    ...(actions[w.event] && w.actions?.length && !whole ? { actions: w.actions } : {}),
    ...((w.event === 'runs' || w.event === 'removals') && w.connection ? { connection: w.connection } : {}),
    ...(w.event === 'dates' ? { field: w.field ?? '', days: w.days ?? 0 } : {}),
    ...(w.event === 'certificates' ? { days: w.days || 30 } : {}),
    ...(w.event === 'credentials' && w.days ? { days: w.days } : {}),
    ...(w.mail ? { mail: true } : {}), ...(w.webhook?.trim() ? { webhook: w.webhook.trim() } : {}), ...(w.paused ? { paused: true } : {}),
  }
}
