// What is different between two moments: of everything, a kind or a datacenter. What changed and changed back is not.
import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button, Select, TextInput } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Difference, KindInfo } from '../api/types'
import { momentOf, moments } from '../format/moments'
import { plain } from '../format/text'
import { localInput } from '../format/time'
import { count } from '../format/units'
import { KindIcon } from '../frame/icons'
import { CoverageStrip } from '../parts/Coverage'
import { actionWord, DiffLine } from '../parts/Diff'
import { State, stateWord } from '../parts/marks'
import { SideBySide } from '../parts/SideBySide'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import css from './Compare.module.css'

export function Compare() {
  const [params, setParams] = useSearchParams()
  // The moments are fixed once for the page, so that "a week ago" does not wander between two requests.
  const [opened] = useState(() => new Date())
  const kinds = useQuery(q.kinds())
  const datacenters = useQuery(q.datacenters())
  const word = params.get('since') ?? 'monday'
  const since = momentOf(word, opened)
  const until = momentOf(params.get('until'), opened)
  const kind = params.get('kind') ?? ''
  const datacenter = params.get('datacenter') ?? ''
  const set = (part: Record<string, string>) => {
    const next = new URLSearchParams(params)
    for (const [k, v] of Object.entries(part)) {
      if (v) next.set(k, v)
      else next.delete(k)
    }
    setParams(next)
  }
  const list = useInfiniteQuery({
    queryKey: ['changes', 'compare', since?.toISOString(), until?.toISOString(), kind, datacenter],
    queryFn: ({ pageParam, signal }) => api.get('/api/v1/changes/compare', {
      query: { since: since!.toISOString(), ...(until ? { until: until.toISOString() } : {}), kind, datacenter, page_size: 100, page_token: pageParam }, signal,
    }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_page_token || undefined,
    placeholderData: keepPreviousData,
    enabled: since !== null,
  })
  const rows = (list.data?.pages.flatMap((p) => p.items) ?? []).filter((d) => d.action !== 'none')
  return (
    <>
      <CoverageStrip kind={kinds.data?.find((k) => k.name === kind)} />
      <div className={css.form}>
        <div className={css.words} role="group" aria-label={t`Compared with`}>
          <span className="muted"><Trans>Now, compared with</Trans></span>
          {moments.map((m) => <Button key={m.id} size="compact-sm" variant={m.id === word ? 'filled' : 'default'} aria-pressed={m.id === word} onClick={() => set({ since: m.id })}>{m.label}</Button>)}
        </div>
        <div className={css.fields}>
          <TextInput type="datetime-local" label={t`From`} value={since ? localInput(since) : ''} max={localInput(opened)} onChange={(e) => { const at = momentOf(e.currentTarget.value, opened); if (at) set({ since: at.toISOString() }) }} />
          <TextInput type="datetime-local" label={t`To`} value={until ? localInput(until) : ''} max={localInput(opened)} onChange={(e) => set({ until: momentOf(e.currentTarget.value, opened)?.toISOString() ?? '' })} />
          <Select label={t`Kind`} placeholder={t`All kinds`} clearable searchable value={kind || null} onChange={(v) => set({ kind: v ?? '' })} data={(kinds.data ?? []).map((k) => ({ value: k.name, label: k.plural }))} />
          <Select label={t`Datacenter`} placeholder={t`All datacenters`} clearable searchable value={datacenter || null} onChange={(v) => set({ datacenter: v ?? '' })} data={(datacenters.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))} />
        </div>
      </div>
      {since === null ? <Empty title={t`That is no moment`}><Trans>Choose one of the moments above, or type a date and a time.</Trans></Empty> : list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : !list.data ? <Loading what={t`the comparison`} /> : rows.length === 0 ? (
        <Empty title={t`Nothing is different`} action={word === 'month' ? null : <Button variant="filled" onClick={() => set({ since: 'month', until: '' })}><Trans>Look 30 days back</Trans></Button>}>
          <Trans>Between the two moments nothing that you may see changed, or it changed back.</Trans>
        </Empty>
      ) : (
        <div className={`panel ${css.list}`}>
          <Tally rows={rows} more={list.hasNextPage} />
          <ul aria-label={t`Differences`}>{rows.map((d) => <Row key={d.id} d={d} kind={kinds.data?.find((k) => k.name === d.kind)} since={since} until={until} />)}</ul>
          {list.hasNextPage ? <div className={css.more}><Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}><Trans>Show more</Trans></Button></div> : null}
        </div>
      )}
    </>
  )
}

function Tally({ rows, more }: { rows: Difference[]; more: boolean }) {
  const by = new Map<string, number>()
  for (const d of rows) by.set(d.action, (by.get(d.action) ?? 0) + 1)
  return (
    <p className={css.tally} role="status">
      <strong>{plural(rows.length, { one: '# difference', other: '# differences' })}{more ? t` so far` : ''}</strong>
      {[...by].map(([action, n]) => <State key={action} state={action} word={`${count(n)} ${actionWord(action)}`} />)}
    </p>
  )
}

function Row({ d, kind, since, until }: { d: Difference; kind: KindInfo | undefined; since: Date; until: Date | null }) {
  const [open, setOpen] = useState(false)
  const moved = d.state_before && d.state_after && d.state_before !== d.state_after
  return (
    <li>
      <div className={css.row}>
        <State state={d.action} word={actionWord(d.action)} />
        <span className={css.what}>
          <KindIcon kind={kind ?? { name: d.kind }} size={15} />
          <Link to={`/inventory/${d.kind}/${d.id}`}><Foreign text={d.name || d.id} max={60} /></Link>
        </span>
        <span className={css.short}>
          {d.action === 'created' ? <span className="muted"><Trans>was not there{d.diff?.length ? <><Trans>, has <Plural value={d.diff.length} one="# fact" other="# facts" /></Trans></> : null}</Trans></span> : open ? null : moved ? <span>{stateWord(d.state_before!)} → {stateWord(d.state_after!)}</span> : <DiffLine diff={d.diff} kind={kind} max={2} />}
        </span>
        <span className="muted"><When at={d.at} /></span>
        {d.diff?.length ? <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? t`Hide` : t`Side by side`}<span className="hidden-visually"><Trans> the differences of {plain(d.name || d.id)}</Trans></span></button> : <Link to={`/inventory/${d.kind}/${d.id}?tab=history`}><Trans>History</Trans></Link>}
      </div>
      {open ? (
        <div className={css.detail}>
          <SideBySide label={t`${d.name || d.id}, then and now`} diff={d.diff} kind={kind}
            before={d.version_before ? <When at={since.toISOString()} clock /> : 'was not there'}
            after={until ? <When at={until.toISOString()} clock /> : 'now'} />
          <p className="muted">
            <Trans><Plural value={d.changes} one="# change" other="# changes" /> between the two{d.version_before ? <><Trans>, version {d.version_before} to {d.version_after}</Trans></> : null}. <Link to={`/inventory/${d.kind}/${d.id}?tab=history`}>Its history</Link></Trans>
          </p>
        </div>
      ) : null}
    </li>
  )
}
