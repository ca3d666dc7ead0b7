import { Button } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'

import { api } from '../../api/client'
import type { KindInfo } from '../../api/types'
import { ActorText, actionWord, FieldDiff } from '../../parts/Diff'
import { Mark } from '../../parts/marks'
import { Empty, Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { When } from '../../parts/When'
import css from './Resource.module.css'

export function History({ kind, id, info }: { kind: string; id: string; info: KindInfo | undefined }) {
  const [params] = useSearchParams()
  const list = useInfiniteQuery({
    queryKey: ['history', id],
    queryFn: ({ pageParam, signal }) => api.get('/api/v1/resources/{kind}/{id}/history', { path: { kind, id }, query: { page_size: 50, page_token: pageParam }, signal }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
  })
  if (list.error) return <ProblemPanel error={list.error} retry={() => void list.refetch()} />
  if (!list.data) return <Loading what="the history" />
  const changes = list.data.pages.flatMap((p) => p.items)
  if (changes.length === 0) return <Empty title="Nothing has changed yet" />
  const pastOf = (at: string) => {
    const next = new URLSearchParams(params)
    next.delete('tab')
    next.set('as_of', at)
    return `?${next.toString()}`
  }
  return (
    <div className="stack-s">
      <ol className={css.timeline}>
        {changes.map((c) => (
          <li key={c.id}>
            <span className={css.beat}><Mark state={c.action} /></span>
            <div className="stack-s">
              <div className="row">
                <strong>{actionWord(c.action)}</strong>
                <When at={c.at} />
                <span className="muted">by <ActorText change={c} /></span>
                <Link to={pastOf(c.at)} className={css.version}>version {c.version}</Link>
              </div>
              {c.reason ? <p><span className="muted">because </span><Foreign text={c.reason} max={400} /></p> : null}
              <ul className={css.diffs}>{(c.action === 'created' ? [] : (c.diff ?? [])).map((d) => <li key={d.pointer}><FieldDiff change={d} kind={info} /></li>)}</ul>
              {c.action === 'created' && c.diff?.length ? <span className="muted">with {c.diff.length} facts</span> : null}
            </div>
          </li>
        ))}
      </ol>
      {list.hasNextPage ? <div><Button onClick={() => void list.fetchNextPage()} loading={list.isFetchingNextPage}>Show older</Button></div> : null}
    </div>
  )
}
