// Removals too large to be believed at once: a person looks at the list and approves or refuses.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, SegmentedControl } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconCircleCheck } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { HeldRemoval, KindInfo } from '../api/types'
import { partition } from '../format/text'
import { count, counted } from '../format/units'
import { actor } from '../format/text'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Removals.module.css'

export default function Removals() {
  const [params, setParams] = useSearchParams()
  const decided = params.get('show') === 'decided'
  const list = useQuery(q.removals(decided ? 'state != held' : 'state = held'))
  const kinds = useQuery(q.kinds())
  return (
    <Page
      title={t`Removals`}
      facts={<span><Trans>When a run suddenly no longer lists much of what was there, nothing is called gone before a person says so.</Trans></span>}
      actions={<SegmentedControl size="xs" value={decided ? 'decided' : 'held'} onChange={(v) => setParams(v === 'held' ? {} : { show: v })} data={[{ value: 'held', label: t`To decide` }, { value: 'decided', label: t`Decided` }]} />}
    >
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : !list.data ? <Loading what={t`the removals`} /> : list.data.items.length === 0 ? (
        <Empty icon={<IconCircleCheck size={28} stroke={1.4} aria-hidden />} title={decided ? t`None was decided yet` : t`Nothing waits for a decision`}>
          {decided ? null : t`By default a removal is held when it concerns more than 20 resources and more than a fifth of its scope.`}
        </Empty>
      ) : (
        list.data.items.map((r) => <Removal key={r.id} r={r} kind={kinds.data?.find((k) => k.name === r.kind)} />)
      )}
    </Page>
  )
}

function Removal({ r, kind }: { r: HeldRemoval; kind: KindInfo | undefined }) {
  const client = useQueryClient()
  const may = useMay('removal.decide')
  const [open, setOpen] = useState(false)
  const [deciding, setDeciding] = useState<'approve' | 'refuse' | null>(null)
  const what = counted(r.count, kind?.label.toLowerCase() ?? r.kind, kind?.plural.toLowerCase())
  const share = r.scope_size ? Math.round((100 * r.count) / r.scope_size) : 0
  const decide = async (reason: string) => {
    const call = { path: { id: r.id }, body: reason ? { reason } : {} }
    if (deciding === 'approve') await api.post('/api/v1/removals/{id}/approve', call)
    else await api.post('/api/v1/removals/{id}/refuse', call)
    for (const key of ['removals', 'summary', 'coverage', 'resources', 'changes']) void client.invalidateQueries({ queryKey: [key] })
    say(deciding === 'approve' ? t`${what} marked as gone` : t`${what} kept`)
  }
  return (
    <Panel
      title={<span className="row"><State state={r.state} pill /> {what} <span className="muted"><Trans>of {count(r.scope_size)} ({share} %)</Trans></span></span>}
      actions={may && r.state === 'held' ? <><Button variant="filled" onClick={() => setDeciding('approve')}><Trans>They are gone</Trans></Button><Button onClick={() => setDeciding('refuse')}><Trans>Keep them</Trans></Button></> : null}
    >
      <div className="stack-s">
        <p>
          <Trans><Link to={`/connections/${r.connection.id}`}><Foreign text={r.connection.name || r.connection.id} /></Link> no longer lists them{r.partition?.length ? <><Trans> in <Foreign text={partition(r.partition)} /></Trans></> : null}.{' '}
          <Link to={`/runs/${r.run_id}`}>The run</Link> was <When at={r.held_at} />.</Trans>
        </p>
        {r.decided_by ? <p><Trans>{r.state === 'approved' ? t`Approved` : r.state === 'refused' ? t`Refused` : t`Released`} by <Foreign text={actor(r.decided_by).name} /> <When at={r.decided_at} />{r.reason ? <>: <Foreign text={r.reason} max={300} /></> : null}</Trans></p> : null}
        <div><button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? t`Hide them` : t`Show them`}</button></div>
        {open ? <Items id={r.id} kind={r.kind} /> : null}
      </div>
      {deciding ? (
        <Confirm
          title={deciding === 'approve' ? t`Mark ${what} as gone` : t`Keep ${what}`}
          verb={deciding === 'approve' ? t`They are gone` : t`Keep them`}
          danger={deciding === 'approve'}
          reason="optional"
          onClose={() => setDeciding(null)}
          onConfirm={decide}
        >
          {deciding === 'approve'
            ? <p><Trans>They leave every list, keep their history, and come back by themselves when a run sees them again.</Trans></p>
            : <p><Trans>They stay as they are until a run sees them again. The same removal is not asked about once more.</Trans></p>}
        </Confirm>
      ) : null}
    </Panel>
  )
}

function Items({ id, kind }: { id: string; kind: string }) {
  const { data, error } = useQuery(q.removal(id))
  if (error && !data) return <ProblemPanel error={error} compact />
  if (!data) return <Loading what={t`the resources`} lines={3} />
  return (
    <>
      <ul className={css.items}>{(data.items ?? []).map((i) => <li key={i.id}><Link to={`/inventory/${kind}/${i.id}`}><Foreign text={i.name || i.id} max={40} /></Link></li>)}</ul>
      {(data.items?.length ?? 0) < data.count ? <p className="muted"><Trans>The first {count(data.items?.length ?? 0)}.</Trans></p> : null}
    </>
  )
}
