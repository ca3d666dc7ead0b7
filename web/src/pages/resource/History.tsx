import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../../api/client'
import type { Change, KindInfo } from '../../api/types'
import { ActorText, actionWord, FieldDiff } from '../../parts/Diff'
import { Mark } from '../../parts/marks'
import { SideBySide } from '../../parts/SideBySide'
import { Empty, Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { When } from '../../parts/When'
import css from './Resource.module.css'
import { Then } from './Then'

/** Asked for by the page beside the resource, since the first comparison hangs on it. */
export const historyOf = (kind: string, id: string) => infiniteQueryOptions({
  queryKey: ['history', id],
  queryFn: ({ pageParam, signal }) => api.get('/api/v1/resources/{kind}/{id}/history', { path: { kind, id }, query: { page_size: 50, page_token: pageParam }, signal }),
  initialPageParam: '',
  getNextPageParam: (last) => last.next_page_token || undefined,
})

export function History({ kind, id, info }: { kind: string; id: string; info: KindInfo | undefined }) {
  const [params] = useSearchParams()
  const list = useInfiniteQuery(historyOf(kind, id))
  if (list.error && !list.data) return <ProblemPanel error={list.error} retry={() => void list.refetch()} />
  if (!list.data) return <Loading what={t`the history`} />
  const changes = list.data.pages.flatMap((p) => p.items)
  if (changes.length === 0) return <Empty title={t`Nothing has changed yet`} />
  const pastOf = (at: string) => {
    const next = new URLSearchParams(params)
    next.delete('tab')
    next.set('as_of', at)
    return `?${next.toString()}`
  }
  return (
    <div className="stack">
      {changes.length > 1 ? <Then kind={kind} id={id} changes={changes} info={info} /> : null}
      <ol className={css.timeline} aria-label={t`Its changes`}>
        {changes.map((c) => <Entry key={c.id} c={c} info={info} past={pastOf(c.at)} />)}
      </ol>
      {list.hasNextPage ? <div><Button onClick={() => void list.fetchNextPage()} loading={list.isFetchingNextPage}><Trans>Show older</Trans></Button></div> : null}
    </div>
  )
}

function Entry({ c, info, past }: { c: Change; info: KindInfo | undefined; past: string }) {
  const [beside, setBeside] = useState(false)
  const diff = c.action === 'created' ? [] : (c.diff ?? [])
  return (
    <li>
      <span className={css.beat}><Mark state={c.action} /></span>
      <div className="stack-s">
        <div className="row">
          <strong>{actionWord(c.action)}</strong>
          <When at={c.at} />
          <span className="muted"><Trans>by <ActorText change={c} /></Trans></span>
          <Link to={past} className={css.version}><Trans>version {c.version}</Trans></Link>
          {diff.length ? <button type="button" className="link" aria-expanded={beside} onClick={() => setBeside(!beside)}>{beside ? t`In lines` : t`Side by side`}</button> : null}
        </div>
        {c.reason ? <p><span className="muted"><Trans>because </Trans></span><Foreign text={c.reason} max={400} /></p> : null}
        {beside ? (
          <SideBySide label={t`What version ${c.version} changed`} diff={diff} kind={info} before="before" after="after" />
        ) : (
          <ul className={css.diffs}>{diff.map((d) => <li key={d.pointer}><FieldDiff change={d} kind={info} /></li>)}</ul>
        )}
        {c.action === 'created' && c.diff?.length ? <span className="muted"><Trans>with {c.diff.length} facts</Trans></span> : null}
      </div>
    </li>
  )
}
