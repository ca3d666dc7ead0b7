// Has a datacenter or a connection serve another client: who loses it, who gains it and which grants go is shown before anything is done.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Modal, Textarea } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'

import { api } from '../api/client'
import type { AccessShift, AccountGrant, AccountMove, AccountMoved } from '../api/types'
import { count } from '../format/units'
import { ClientSelect } from '../parts/ClientSelect'
import { Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import css from './MoveAccount.module.css'

interface Account {
  id: string
  name: string
  version: number
  client?: { id: string; name?: string }
}

interface Props {
  kind: 'datacenter' | 'connection'
  account: Account
  onClose: () => void
}

export function MoveAccount({ kind, account, onClose }: Props) {
  const queries = useQueryClient()
  const [to, setTo] = useState<string | null>(null)
  const [nobody, setNobody] = useState(false)
  const [keep, setKeep] = useState<string[]>([])
  const [reason, setReason] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const body: AccountMove = { ...(nobody || !to ? {} : { client: to }), keep }
  const ask = (more: Partial<AccountMove>) => {
    const request = { path: { id: account.id }, body: { ...body, ...more }, ifMatch: account.version }
    return kind === 'datacenter' ? api.post('/api/v1/datacenters/{id}/move', request) : api.post('/api/v1/connections/{id}/move', request)
  }
  const chosen = nobody || !!to
  const plan = useQuery({ queryKey: ['move', kind, account.id, account.version, body], queryFn: () => ask({ dry_run: true }), enabled: chosen, retry: false, placeholderData: (before) => (chosen ? before : undefined), gcTime: 0 })
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      const done = await ask(reason.trim() ? { reason: reason.trim() } : {})
      await queries.invalidateQueries()
      const now = done.to?.name
      say(now ? t`${account.name} serves ${now} now` : t`${account.name} serves nobody in particular now`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  const now = account.client
  return (
    <Modal opened onClose={onClose} size="lg" title={t`Move ${account.name} to another client`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <p className="muted">{now ? <Trans>It serves <Foreign text={now.name || now.id} max={60} /> now. Whoever sees it through that client loses it at once, and its history stays with it.</Trans> : <Trans>It serves nobody in particular now. Whoever has a right on the client that you choose has it here from then on.</Trans>}</p>
        <ClientSelect label={t`Client`} value={to} onChange={(v) => { setTo(v); setKeep([]) }} except={now?.id} disabled={nobody} />
        {now ? <Checkbox label={t`It serves nobody in particular`} checked={nobody} onChange={(e) => { setNobody(e.currentTarget.checked); setKeep([]) }} /> : null}
        {!chosen ? null : plan.error ? <ProblemPanel error={plan.error} compact /> : plan.data ? <Plan plan={plan.data} keep={keep} onKeep={setKeep} /> : <Loading what={t`what that does`} lines={4} />}
        <Textarea label={t`Reason`} description={t`Kept in the audit trail.`} value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" color="danger" loading={busy} disabled={!chosen || !plan.data || !!plan.error || plan.isFetching}><Trans>Move it</Trans></Button>
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}

const who = (s: AccessShift['subject']) => s.name || s.id

function Plan({ plan, keep, onKeep }: { plan: AccountMoved; keep: string[]; onKeep: (ids: string[]) => void }) {
  const from = plan.from?.name || plan.from?.id || ''
  const resources = plan.more ? t`more than ${count(plan.resources)} resources` : plural(plan.resources, { one: '# resource', other: '# resources' })
  const connections = plural(plan.connections.length, { one: '# connection', other: '# connections' })
  const unnamed = plan.shifts - plan.loses.length - plan.gains.length
  return (
    <div className="stack-s" data-testid="move-plan">
      <p>{plan.account.kind === 'datacenter' ? <Trans>{resources} and {connections} go along.</Trans> : <Trans>{resources} go along.</Trans>}</p>
      <Part title={plan.loses.length ? plural(plan.loses.length, { one: '# person or token may do less', other: '# people and tokens may do less' }) : t`Nobody loses a right on it`}>
        {plan.loses.map((x) => <Shift key={`${x.subject.type}:${x.subject.id}`} x={x} />)}
      </Part>
      <Part title={plan.gains.length ? plural(plan.gains.length, { one: '# person or token may do more', other: '# people and tokens may do more' }) : t`Nobody gains a right on it`}>
        {plan.gains.map((x) => <Shift key={`${x.subject.type}:${x.subject.id}`} x={x} />)}
      </Part>
      {unnamed > 0 ? <p className="muted"><Trans>{count(unnamed)} more are not listed.</Trans></p> : null}
      {plan.grants.length ? (
        <>
          <Part title={t`Grants on it, or on what is in it, that go`}>
            {plan.grants.map((g) => (
              <li key={g.id}>
                <Foreign text={words(g)} max={120} />
                <Checkbox size="xs" label={t`Keep`} aria-label={t`Keep ${words(g)}`} checked={keep.includes(g.id)} onChange={(e) => onKeep(e.currentTarget.checked ? [...keep, g.id] : keep.filter((id) => id !== g.id))} />
              </li>
            ))}
          </Part>
          <p className="muted"><Trans>They are of people without a right on the new client, and would survive the move. Keep those of your own team.</Trans></p>
        </>
      ) : null}
      {plan.systems.length ? (
        <Part title={t`Stays seen by ${from}, as part of its systems`}>
          {plan.systems.map((s) => <li key={s.id}><Foreign text={s.name || s.id} max={60} /><span className="muted">{plural(s.parts, { one: '# part', other: '# parts' })}</span></li>)}
        </Part>
      ) : null}
    </div>
  )
}

const words = (g: AccountGrant) => t`${who(g.subject)}: ${g.right} on the ${`${g.target.kind} ${g.target.name ?? ''}`.trim()}`

function Part({ title, children }: { title: string; children: ReactNode[] }) {
  return (
    <section className="stack-s">
      <h3 className={css.head}>{title}</h3>
      {children.length ? <ul className={css.list} tabIndex={0} aria-label={title}>{children}</ul> : null}
    </section>
  )
}

function Shift({ x }: { x: AccessShift }) {
  return (
    <li>
      <Foreign text={x.subject.type === 'token' ? t`token ${who(x.subject)}` : who(x.subject)} max={60} />
      <span className="muted">{x.before} → {x.after}</span>
    </li>
  )
}
