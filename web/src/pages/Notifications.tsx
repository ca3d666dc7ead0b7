// What one was told of, and what one wants to be told.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Select } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconBell, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Notification, NotificationItem, Subscription } from '../api/types'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { TabBar } from '../parts/TabBar'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Notifications.module.css'
import { blank, describe, events, SubscriptionForm } from './SubscriptionForm'

const tabs = [{ id: 'told', label: t`Notifications` }, { id: 'subscriptions', label: t`Subscriptions` }]
const step = 50

export default function Notifications() {
  const [params, setParams] = useSearchParams()
  const tab = params.get('tab') === 'subscriptions' ? 'subscriptions' : 'told'
  const fresh = () => setParams({ tab: 'subscriptions', new: 'yes' })
  return (
    <Page
      title={t`Notifications`}
      facts={<span><Trans>What happened that you asked to be told of. Only you see these.</Trans></span>}
      actions={<Button variant="filled" leftSection={<IconPlus size={15} aria-hidden />} onClick={fresh}><Trans>Subscribe</Trans></Button>}
    >
      <TabBar label={t`What is listed`} value={tab} tabs={tabs} onChange={(it) => setParams(it === 'told' ? {} : { tab: it })} />
      {tab === 'told' ? <Told onSubscribe={fresh} /> : <Subscriptions onSubscribe={fresh} />}
    </Page>
  )
}

function Told({ onSubscribe }: { onSubscribe: () => void }) {
  const client = useQueryClient()
  const [params, setParams] = useSearchParams()
  const [page, setPage] = useState(step)
  const unread = params.get('unread') === 'yes'
  const event = params.get('event') ?? ''
  const subscription = params.get('subscription') ?? ''
  const filter = [event ? `event = ${JSON.stringify(event)}` : '', subscription ? `subscription = ${JSON.stringify(subscription)}` : ''].filter(Boolean).join(' AND ')
  const list = useQuery(q.notifications({ filter, unread, page }))
  const subscriptions = useQuery(q.subscriptions())
  const items = list.data?.items ?? []
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(params)
    if (value) next.set(name, value)
    else next.delete(name)
    setParams(next, { replace: true })
  }
  const read = async (ids?: string[], back?: boolean) => {
    try {
      await api.post('/api/v1/notifications/read', { body: { ...(ids ? { ids } : {}), ...(back ? { unread: true } : {}) } })
      await client.invalidateQueries({ queryKey: ['notifications'] })
    } catch (err) {
      say(t`Could not mark it: ${err instanceof Error ? err.message : String(err)}`)
    }
  }
  const narrowed = unread || event || subscription
  return (
    <>
      <div className={css.tools}>
        <Select aria-label={t`Which event`} placeholder={t`Every event`} clearable w={210} data={events.map((e) => ({ value: e.id, label: e.label }))} value={event || null} onChange={(v) => set('event', v ?? '')} />
        <Select aria-label={t`Which subscription`} placeholder={t`Every subscription`} clearable searchable w={210} data={(subscriptions.data?.items ?? []).map((s) => ({ value: s.id, label: s.name }))} value={subscription || null} onChange={(v) => set('subscription', v ?? '')} />
        <Button aria-pressed={unread} variant={unread ? 'filled' : 'default'} onClick={() => set('unread', unread ? '' : 'yes')}><Trans>Not read</Trans></Button>
        <span className="grow" />
        {items.some((n) => !n.read) ? <Button onClick={() => void read()}><Trans>Mark all as read</Trans></Button> : null}
      </div>
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.isPending ? <Loading what={t`notifications`} /> : items.length === 0 ? (
        narrowed ? <Empty title={t`Nothing of that kind`}><Trans>Other events, other subscriptions or read ones may have some.</Trans></Empty> : (
          <Empty icon={<IconBell size={26} stroke={1.4} aria-hidden />} title={subscriptions.data?.items.length ? t`Nothing has happened yet` : t`You asked to be told of nothing yet`} action={subscriptions.data?.items.length ? null : <Button variant="filled" onClick={onSubscribe}><Trans>Subscribe</Trans></Button>}>
            {subscriptions.data?.items.length ? t`What your subscriptions find appears here about a minute after it happened.` : t`Subscribe to new or gone machines by a filter, failed runs, approvals that wait for you, silent agents, or dates that come near.`}
          </Empty>
        )
      ) : (
        <ol className={css.list} aria-label={t`Notifications`}>
          {items.map((n) => <One key={n.id} n={n} onRead={read} onAgain={() => void client.invalidateQueries({ queryKey: ['notifications'] })} />)}
        </ol>
      )}
      {list.data?.next_page_token ? <div className="row"><Button loading={list.isFetching} onClick={() => setPage(Math.min(page + 200, 1000))} disabled={page >= 1000}>{page >= 1000 ? t`Narrow it to see older ones` : t`Show older ones`}</Button></div> : null}
    </>
  )
}

const shownAtFirst = 6

function One({ n, onRead, onAgain }: { n: Notification; onRead: (ids: string[], back?: boolean) => Promise<void>; onAgain: () => void }) {
  const [open, setOpen] = useState(false)
  const shown = open ? n.items : n.items.slice(0, shownAtFirst)
  const rest = n.count - shown.length
  const failed = (n.deliveries ?? []).filter((d) => d.state === 'failed')
  const again = async () => {
    try {
      await api.post('/api/v1/notifications/{id}/deliver', { path: { id: n.id } })
      say(t`It is tried again`)
      onAgain()
    } catch (err) {
      say(t`Could not try again: ${err instanceof Error ? err.message : String(err)}`)
    }
  }
  return (
    <li className={css.one} data-unread={!n.read || undefined}>
      <div className={css.head}>
        <h2><Foreign text={n.title} max={160} />{n.read ? null : <span className="hidden-visually"><Trans> (not read)</Trans></span>}</h2>
        <span className="muted"><When at={n.at} /></span>
        <button type="button" className="link" aria-label={`${n.read ? t`Mark as not read` : t`Mark as read`}: ${n.title.slice(0, 100)}`} onClick={() => void onRead([n.id], n.read)}>{n.read ? t`Mark as not read` : t`Mark as read`}</button>
      </div>
      {shown.length ? <ul className={css.items}>{shown.map((it) => <li key={it.id + it.action + it.at}><Item it={it} /></li>)}</ul> : null}
      {rest > 0 ? (
        <p className="muted">{!open && n.items.length > shownAtFirst ? <button type="button" className="link" onClick={() => setOpen(true)}>{t`Show ${n.items.length - shownAtFirst} more`}</button> : t`and ${plural(rest, { one: '# other', other: '# others' })} that ${plural(rest, { one: 'is', other: 'are' })} not named here`}</p>
      ) : null}
      {(n.deliveries ?? []).map((d) => (
        <p key={d.channel} className={css.way}>
          <State state={d.state === 'sent' ? 'done' : d.state === 'failed' ? 'failed' : 'queued'} word={`${d.channel === 'mail' ? t`E-mail` : t`Webhook`} ${d.state === 'sent' ? t`sent` : d.state === 'failed' ? t`given up` : t`waits`}`} />
          {d.error ? <span className="muted"><Foreign text={d.error} max={200} />{d.next_at ? <><Trans>; tried again <When at={d.next_at} /></Trans></> : null}</span> : null}
        </p>
      ))}
      {failed.length ? <div className="row"><Button onClick={() => void again()}><Trans>Try again</Trans></Button></div> : null}
    </li>
  )
}

const words: Record<string, string> = {
  created: t`new`, updated: t`changed`, gone: t`gone`, returned: t`returned`, unwatched: t`unwatched`, merged: t`merged`, split: t`split`, offline: t`silent`, online: t`back`, failed: t`failed`, partial: t`incomplete`,
  due: t`due`, held: t`held`, asked: t`to decide`, approved: t`approved`, refused: t`refused`, expired: t`expired`, withdrawn: t`withdrawn`,
}
const things: Record<string, string> = { run: t`run`, removal: t`removal`, approval: t`approval`, agent: t`agent`, connection: t`connection`, collector: t`collector` }

function Item({ it }: { it: NotificationItem }) {
  const kinds = useQuery(q.kinds()).data
  const to = it.kind === 'run' ? `/runs/${it.id}` : it.kind === 'removal' ? '/removals' : it.kind === 'approval' ? `/approvals/${it.id}` : it.kind === 'agent' ? `/agents/${it.id}` : it.kind === 'collector' ? '/settings' : it.kind === 'connection' ? `/connections/${it.id}` : `/inventory/${encodeURIComponent(it.kind)}/${it.id}`
  const moment = it.action === 'due' || it.action === 'offline'
  return (
    <span className={css.item}>
      <State state={it.action === 'due' || it.action === 'asked' ? 'pending' : it.action} word={words[it.action] ?? it.action} />
      <Link to={to}><Foreign text={it.kind === 'collector' ? t`the web UI` : it.name || it.id} max={80} /></Link>
      <span className="muted"><Foreign text={things[it.kind] ?? kinds?.find((k) => k.name === it.kind)?.label ?? it.kind} max={40} />{it.detail ? <>, {moment ? <When at={it.detail} /> : <Foreign text={it.detail} max={160} />}</> : null}</span>
    </span>
  )
}

function Subscriptions({ onSubscribe }: { onSubscribe: () => void }) {
  const client = useQueryClient()
  const list = useQuery(q.subscriptions())
  const kinds = useQuery(q.kinds())
  const connections = useQuery(q.connections())
  const [params, setParams] = useSearchParams()
  const [editing, setEditing] = useState<Subscription | null>(null)
  const [deleting, setDeleting] = useState<Subscription | null>(null)
  const refresh = () => void client.invalidateQueries({ queryKey: ['subscriptions'] })
  const items = list.data?.items ?? []
  const fresh = params.get('new') ? { ...blank, ...(params.get('kind') ? { kind: params.get('kind')!, filter: params.get('filter') ?? '' } : {}) } : null
  const test = async (s: Subscription) => {
    try {
      await api.post('/api/v1/subscriptions/{id}/test', { path: { id: s.id } })
      say(t`A test is on its way`)
      void client.invalidateQueries({ queryKey: ['notifications'] })
    } catch (err) {
      say(t`Could not test it: ${err instanceof Error ? err.message : String(err)}`)
    }
  }
  return (
    <>
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.isPending ? <Loading what={t`subscriptions`} /> : items.length === 0 ? (
        <Empty icon={<IconBell size={26} stroke={1.4} aria-hidden />} title={t`No subscriptions yet`} action={<Button variant="filled" onClick={onSubscribe}><Trans>Subscribe</Trans></Button>}><Trans>A subscription tells you of new or gone machines by a filter, of failed runs, of approvals that wait for your decision, of agents that went silent, or of dates that come near: here, by e-mail, or to a chat by a webhook.</Trans></Empty>
      ) : (
        <div className="stack">
          {items.map((s) => (
            <Panel key={s.id} title={<Foreign text={s.name} max={80} />} actions={<div className="row">
              <button type="button" className="link" aria-label={t`Test ${s.name}`} onClick={() => void test(s)}><Trans>Test</Trans></button>
              <button type="button" className="link" aria-label={t`Edit ${s.name}`} onClick={() => setEditing(s)}><Trans>Edit</Trans></button>
              <button type="button" className="link" aria-label={t`Delete ${s.name}`} onClick={() => setDeleting(s)}><Trans>Delete</Trans></button>
            </div>}>
              <div className="stack-s">
                <p>{describe(s, kinds.data ?? [], connections.data?.items ?? [])}{s.paused ? <strong><Trans> Paused.</Trans></strong> : null}</p>
                {s.filter ? <p><code className="break">{s.filter}</code></p> : null}
                <p className="muted"><Trans>Told here{s.mail ? t`, by e-mail` : ''}{s.webhook ? <><Trans>, to <span className="break">{hostOf(s.webhook)}</span></Trans></> : ''}. <Link to={`/notifications?subscription=${s.id}`} aria-label={t`What it told: ${s.name}`}>What it told</Link></Trans></p>
                {s.problem ? <p role="alert"><State state="failing" word={t`Tells nothing`} /> <Foreign text={s.problem} max={300} /></p> : null}
              </div>
            </Panel>
          ))}
        </div>
      )}
      {fresh ? <SubscriptionForm start={fresh} onClose={() => { setParams({ tab: 'subscriptions' }); refresh() }} /> : null}
      {editing ? <SubscriptionForm key={editing.id} of={editing} start={editing} onClose={() => { setEditing(null); refresh() }} /> : null}
      {deleting ? (
        <Confirm title={t`Delete the subscription ${deleting.name}`} verb={t`Delete the subscription`} danger onClose={() => setDeleting(null)} onConfirm={async () => {
          await api.delete('/api/v1/subscriptions/{id}', { path: { id: deleting.id } })
          refresh()
          say(t`${deleting.name} deleted`)
        }}>
          <p><Trans>You are told of it no more. What it told stays in the list.</Trans></p>
        </Confirm>
      ) : null}
    </>
  )
}

/** The address of a webhook often holds a token, so its host is enough to know it by. */
const hostOf = (address: string) => {
  try {
    return new URL(address).host
  } catch {
    return t`a webhook`
  }
}
