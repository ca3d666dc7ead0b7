// What waits for somebody to decide it: held removals, plugins' kinds, large edits, merges, new agents. Each says what it does and who has decided.
import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button, SegmentedControl } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconCircleCheck } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Approval } from '../api/types'
import { actor } from '../format/text'
import { count } from '../format/units'
import { useSession } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import agent from './Agents.module.css'
import { EditChanges, EditWords } from './ApprovalEdit'
import css from './Removals.module.css'

const sections: Record<string, string> = { removal: t`Removal`, plugin_kind: t`Kind of a plugin`, bulk_edit: t`Bulk edit`, merge: t`Merge or split`, agent_enrolment: t`New agent` }

export const sectionName = (kind: string) => sections[kind] ?? kind

export default function Approvals() {
  const [params, setParams] = useSearchParams()
  const ended = params.get('show') === 'ended'
  const pending = useQuery({ ...q.approvals('state = pending'), enabled: !ended })
  const all = useQuery({ ...q.approvals(''), enabled: ended })
  const list = ended ? all : pending
  const items = ended ? all.data?.items.filter((a) => a.state !== 'pending') : pending.data?.items
  return (
    <Page
      title={t`Approvals`}
      facts={<span><Trans>What is hard to take back is decided before it is done. Settings say what, and by whom.</Trans></span>}
      actions={<SegmentedControl size="xs" value={ended ? 'ended' : 'pending'} onChange={(v) => setParams(v === 'pending' ? {} : { show: v })} data={[{ value: 'pending', label: t`To decide` }, { value: 'ended', label: t`Decided` }]} />}
    >
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : !items ? <Loading what={t`the approvals`} /> : items.length === 0 ? (
        <Empty icon={<IconCircleCheck size={28} stroke={1.4} aria-hidden />} title={ended ? t`Nothing was decided yet` : t`Nothing waits for a decision`}>
          {ended ? null : t`Removals that are too large to be believed, kinds that plugins bring and, if the settings say so, large edits, merges, splits and new agents appear here.`}
        </Empty>
      ) : items.map((a) => <One key={a.id} a={a} />)}
    </Page>
  )
}

type Doing = 'approve' | 'refuse' | 'withdraw'

/** One approval; alone on its own page. */
export function One({ a, alone }: { a: Approval; alone?: boolean }) {
  const client = useQueryClient()
  const me = useSession()?.username
  const [open, setOpen] = useState(alone ?? false)
  const [doing, setDoing] = useState<Doing | null>(null)
  const pending = a.state === 'pending'
  const mine = a.requested_by === `user:${me ?? ''}`
  const decide = async (reason: string) => {
    const call = { path: { id: a.id }, body: reason ? { reason } : {} }
    const is = doing === 'approve' ? await api.post('/api/v1/approvals/{id}/approve', call) : doing === 'refuse' ? await api.post('/api/v1/approvals/{id}/refuse', call) : await api.post('/api/v1/approvals/{id}/withdraw', call)
    for (const key of ['approvals', 'removals', 'kinds', 'summary', 'coverage', 'resources', 'changes', 'operations', 'agents', 'join-tokens']) void client.invalidateQueries({ queryKey: [key] })
    say(is.state === 'pending' ? t`Noted: ${is.approvals} of ${is.needed} have approved` : is.state === 'approved' ? t`Approved` : is.state === 'failed' ? t`It could not be carried out` : is.state === 'withdrawn' ? t`Withdrawn` : t`Refused`)
  }
  return (
    <Panel
      title={<span className="row"><State state={a.state === 'pending' ? 'held' : a.state} word={words[a.state]} pill /> {alone ? <Foreign text={a.title} max={120} /> : <Link to={`/approvals/${a.id}`}><Foreign text={a.title} max={120} /></Link>} {alone ? null : <span className="muted">{sectionName(a.kind)}</span>}</span>}
      actions={pending ? (
        <>
          {a.may_decide ? <><Button variant="filled" onClick={() => setDoing('approve')}><Trans>Approve</Trans></Button><Button onClick={() => setDoing('refuse')}><Trans>Refuse</Trans></Button></> : null}
          {mine ? <Button onClick={() => setDoing('withdraw')}><Trans>Withdraw</Trans></Button> : null}
        </>
      ) : null}
    >
      <div className="stack-s">
        <p>
          {a.requested_by === 'system' ? <Trans>It waits since <When at={a.requested_at} />.</Trans> : <Trans><Foreign text={actor(a.requested_by).name} /> asked for it <When at={a.requested_at} />{a.reason ? <>: <Foreign text={a.reason} max={300} /></> : null}.</Trans>}
          {pending && a.expires_at ? <> {a.kind === 'agent_enrolment' ? <Trans>It expires <When at={a.expires_at} />; the agent is then refused.</Trans> : <Trans>It expires <When at={a.expires_at} />; everything then stays as it is.</Trans>}</> : null}
        </p>
        {a.enrolment ? <Newcomer e={a.enrolment} /> : null}
        {a.edit ? <EditWords edit={a.edit} changed={a.count} /> : null}
        {pending ? (
          <p>
            <strong>{plural(a.needed, { one: `${a.approvals} of # person has approved.`, other: `${a.approvals} of # people have approved.` })}</strong>{' '}
            {a.deciders?.length ? <Trans>Decided by: <Foreign text={a.deciders.map((d) => d.name || d.id).join(', ')} max={200} />.</Trans> : null}{' '}
            {a.may_decide ? null : <span className="muted"><Foreign text={a.why_not ?? ''} max={300} /></span>}
          </p>
        ) : null}
        {a.decisions?.length ? (
          <ul aria-label={t`Who has decided`}>
            {a.decisions.map((d, i) => <li key={i}>{d.verdict === 'approve' ? t`Approved` : t`Refused`} <Trans>by <Foreign text={actor(d.by).name} /> <When at={d.at} /></Trans>{d.reason ? <>: <Foreign text={d.reason} max={300} /></> : null}</li>)}
          </ul>
        ) : null}
        {a.problem ? <p><Foreign text={a.problem} max={400} /></p> : null}
        {a.state === 'approved' && !a.settled ? <p role="status"><Trans>It is being carried out.</Trans></p> : null}
        {a.kind === 'removal' && pending ? <p><Link to="/removals"><Trans>See which resources it is about</Trans></Link></p> : null}
        {a.kind === 'plugin_kind' ? <p><Link to="/kinds"><Trans>See the kind</Trans></Link></p> : null}
        {a.kind === 'bulk_edit' || a.kind === 'merge' ? <div><button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? t`Hide what it is about` : t`Show what it is about`}</button></div> : null}
        {!open ? null : a.kind === 'merge' ? <Effect a={a} /> : a.kind === 'bulk_edit' ? <EditChanges a={a} /> : null}
      </div>
      {doing ? (
        <Confirm title={titles[doing]} verb={verbs[doing]} danger={doing === 'approve'} reason="optional" onClose={() => setDoing(null)} onConfirm={decide}>
          <p><Foreign text={a.title} max={200} /></p>
          {doing !== 'approve' ? a.kind === 'agent_enrolment' ? <p><Trans>The agent is told so and ends. It needs another join token to ask again.</Trans></p> : <p><Trans>Everything stays as it is.</Trans></p> : a.approvals + 1 < a.needed ? <p><Trans>Another person has to approve it too; until then nothing is done.</Trans></p> : <p><Trans>It is carried out at once.</Trans></p>}
        </Confirm>
      ) : null}
    </Panel>
  )
}

// What the agent says of itself is its own word; that it holds the key is proven.
function Newcomer({ e }: { e: NonNullable<Approval['enrolment']> }) {
  return (
    <>
      <dl className={agent.facts}>
        <div><dt><Trans>Agent</Trans></dt><dd><Foreign text={e.name} max={60} /></dd></div>
        {e.site ? <div><dt><Trans>Site</Trans></dt><dd><Foreign text={e.site} max={60} /></dd></div> : null}
        <div><dt><Trans>Host</Trans></dt><dd><Foreign text={[e.hostname, e.os && `${e.os}/${e.arch ?? ''}`].filter(Boolean).join(', ')} max={120} /></dd></div>
        <div><dt><Trans>Version</Trans></dt><dd><Foreign text={e.version ?? ''} max={40} /></dd></div>
        <div><dt><Trans>Came from</Trans></dt><dd><Foreign text={e.address ?? ''} max={60} /></dd></div>
      </dl>
      <p><Trans>Fingerprint of its key: <code style={{ overflowWrap: 'anywhere' }}><Foreign text={e.fingerprint} max={90} /></code>. The agent’s own log and <code>maestro-agent status</code> show the same one.</Trans></p>
    </>
  )
}

const words: Record<string, string> = { pending: t`To decide`, approved: t`Approved`, refused: t`Refused`, expired: t`Expired`, withdrawn: t`Withdrawn`, failed: t`Failed` }
const titles: Record<Doing, string> = { approve: t`Approve this`, refuse: t`Refuse this`, withdraw: t`Withdraw this` }
const verbs: Record<Doing, string> = { approve: t`Approve`, refuse: t`Refuse`, withdraw: t`Withdraw` }

function Effect({ a }: { a: Approval }) {
  const refs = a.refs ?? []
  return (
    <>
      <ul className={css.items}>{refs.map((r) => <li key={r.id}><Link to={`/inventory/${r.kind}/${r.id}`}><Foreign text={r.name || r.id} max={40} /></Link></li>)}</ul>
      {refs.length < a.count ? <p className="muted"><Trans>The first {count(refs.length)} of <Plural value={a.count} one="# resource" other="# resources" />.</Trans></p> : null}
    </>
  )
}
