// Pairs that may be one thing: a person says whether they are, and no rule says otherwise afterwards.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, SegmentedControl } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconCircleCheck } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { ReviewItem } from '../api/types'
import { actor } from '../format/text'
import { useMaySomewhere } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { TwoSides } from '../parts/TwoSides'
import { When } from '../parts/When'

const titles: Record<ReviewItem['type'], string> = {
  bridge: t`One identifier, two resources`,
  quarantine: t`One identity at two machines`,
  conflict: t`Joined, but contradictory`,
  duplicate: t`Possibly the same`,
}

export default function Reviews() {
  const [params, setParams] = useSearchParams()
  const show = params.get('show') ?? 'open'
  const list = useQuery(q.reviews(`state = ${show === 'merged' || show === 'apart' ? show : 'open'}`))
  return (
    <Page
      title={t`Same or not`}
      facts={<span><Trans>What the rules do not decide alone. A decision is kept whatever later readings say.</Trans></span>}
      actions={
        <SegmentedControl size="xs" value={show} onChange={(v) => setParams(v === 'open' ? {} : { show: v })}
          data={[{ value: 'open', label: t`To decide` }, { value: 'merged', label: t`Merged` }, { value: 'apart', label: t`Kept apart` }]} />
      }
    >
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : !list.data ? <Loading what={t`the review items`} /> : list.data.items.length === 0 ? (
        <Empty icon={<IconCircleCheck size={28} stroke={1.4} aria-hidden />} title={show === 'open' ? t`Nothing waits for a decision` : t`None was decided so`}>{show === 'open' ? t`Two records that may be one thing, and that no rule joins or keeps apart, are listed here side by side.` : null}</Empty>
      ) : (
        list.data.items.map((r) => <Item key={r.id} r={r} />)
      )}
    </Page>
  )
}

function Item({ r }: { r: ReviewItem }) {
  const client = useQueryClient()
  const may = useMaySomewhere('resource.edit')
  const [deciding, setDeciding] = useState<'merge' | 'apart' | null>(null)
  const alone = r.type === 'conflict'
  const both = r.resources.length === 2 ? [r.resources[0]!, r.resources[1]!] as const : null
  const decide = async (reason: string) => {
    const call = { path: { id: r.id }, body: reason ? { reason } : {} }
    const is = deciding === 'merge' ? await api.post('/api/v1/review-items/{id}/merge', call) : await api.post('/api/v1/review-items/{id}/keep-apart', call)
    for (const key of ['reviews', 'resources', 'resource', 'changes', 'summary', 'approvals']) void client.invalidateQueries({ queryKey: [key] })
    say(is.approval ? t`It waits for somebody to approve it; nothing is done until then` : deciding === 'merge' ? t`They are one` : t`They are kept apart`)
  }
  return (
    <Panel
      title={titles[r.type]}
      actions={may && r.state === 'open' ? <><Button variant="filled" onClick={() => setDeciding('merge')}>{alone ? t`It is one` : t`They are one`}</Button><Button onClick={() => setDeciding('apart')}>{alone ? t`Split it` : t`Keep them apart`}</Button></> : null}
    >
      <div className="stack-s">
        {both && r.state === 'open' ? <TwoSides left={both[0]} right={both[1]} /> : (
          <p className="row">
            {r.resources.map((x) => (
              <span key={x.id} className="row"><State state={x.state} /> <Link to={`/inventory/${x.kind}/${x.id}?tab=sources`}><Foreign text={x.name || x.id} max={60} /></Link></span>
            ))}
          </p>
        )}
        <p>
          {r.detail ? <Foreign text={r.detail} max={300} /> : r.identifier ? <><Trans>Both have the {r.identifier.type} <Foreign text={r.identifier.value} max={80} />, which is too weak to join them by itself.</Trans></> : null}
        </p>
        <p className="muted">
          {r.connection
            ? <Trans>Brought up by the connection <Link to={`/connections/${r.connection.id}`}><Foreign text={r.connection.name || r.connection.id} /></Link> <When at={r.at} /></Trans>
            : r.type === 'duplicate' ? <Trans>Found by the collector’s own look for names and addresses that two have in common, <When at={r.at} /></Trans>
              : <Trans>Brought up by a source that you may not see, <When at={r.at} /></Trans>}
        </p>
        {r.decided_by ? <p><Trans>{r.state === 'merged' ? t`Merged` : t`Kept apart`} by <Foreign text={actor(r.decided_by).name} /> <When at={r.decided_at} />{r.reason ? <>: <Foreign text={r.reason} max={300} /></> : null}</Trans></p> : null}
      </div>
      {deciding ? (
        <Confirm
          title={deciding === 'merge' ? t`Say that it is one thing` : t`Say that they are two things`}
          verb={deciding === 'merge' ? t`One thing` : t`Two things`}
          reason="optional"
          onClose={() => setDeciding(null)}
          onConfirm={decide}
        >
          {deciding === 'merge'
            ? <p><Trans>The older one stays and takes over what the other consists of. It can be split again on its page.</Trans></p>
            : <p><Trans>No rule joins them from now on, and an identifier that both have joins nothing.</Trans></p>}
        </Confirm>
      ) : null}
    </Panel>
  )
}
