// The rows of a list: its first page as every other question of the cache, the rest by a window that follows the reader.
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'

import { api } from '../../api/client'
import { firstPage, pageSize } from '../../api/early'
import { live } from '../../api/live'
import { Problem } from '../../api/problem'
import type { List, Resource } from '../../api/types'
import { Pager } from './pager'
import { wholePage } from './whole'

/** Who has read so far does not want the list to be read again by itself: it would jump under him. */
const farRow = 300

export function useRows(kind: string, filter: string, orderBy: string, asOf: string | undefined) {
  const asked = JSON.stringify([kind, filter, orderBy, asOf ?? ''])
  /** What was found so far where a page of a past moment takes several answers. */
  const [slow, setSlow] = useState<{ of: string; first: boolean; list: List<Resource> }>()
  const pager = useMemo(() => {
    const [kind, filter, orderBy, asOf] = JSON.parse(asked) as [string, string, string, string]
    return new Pager<Resource>({
      page: async (token, signal) => {
        const ask = (token: string, size: number) => api.get('/api/v1/resources/{kind}', { path: { kind }, query: { filter, order_by: orderBy, page_size: size, page_token: token, ...(asOf ? { as_of: asOf } : {}) }, signal })
        try {
          return await wholePage<Resource>(ask, token, pageSize, (list) => { setSlow({ of: asked, first: false, list }) })
        } finally {
          setSlow(undefined)
        }
      },
      ...(asOf ? {} : { marks: (signal: AbortSignal) => api.get('/api/v1/resources/{kind}/marks', { path: { kind }, query: { filter, order_by: orderBy, page_size: pageSize }, signal }) }),
    }, pageSize)
  }, [asked])
  const [farIn, setFarIn] = useState('')
  const far = farIn === asked
  const head = useQuery({
    queryKey: ['resources', kind, filter, orderBy, asOf ?? ''],
    queryFn: async ({ signal }) => {
      const ask = (token: string, size: number) => api.get('/api/v1/resources/{kind}', { path: { kind }, query: { ...firstPage(filter, orderBy, asOf), ...(token ? { page_token: token, page_size: size } : {}) }, signal })
      try {
        return await wholePage<Resource>(ask, '', pageSize, (list) => { setSlow({ of: asked, first: true, list }) })
      } finally {
        setSlow(undefined)
      }
    },
    placeholderData: keepPreviousData,
    meta: { quiet: far || !!asOf },
    refetchOnWindowFocus: !far,
    refetchInterval: () => (far || asOf ? false : live.stands() ? 120_000 : 15_000),
    retry: (n, err) => n < 2 && err instanceof Problem && err.status === 0,
  })
  const fresh = head.isPlaceholderData || head.error ? undefined : head.data
  useEffect(() => { if (fresh) pager.begin(fresh) }, [pager, fresh])
  useEffect(() => () => pager.stop(), [pager])
  const shot = useSyncExternalStore(pager.subscribe, pager.snapshot)
  const looking = slow?.of === asked ? slow : undefined
  const sofar = looking?.first ? looking.list : undefined
  const window = useMemo(() => {
    if (sofar) return { rows: sofar.items, places: sofar.items.map((_, i) => i) }
    const pages: [number, readonly Resource[]][] = shot.pages.size ? [...shot.pages].sort(([a], [b]) => a - b) : [[0, head.data?.items ?? []]]
    return { rows: pages.flatMap(([, items]) => [...items]), places: pages.flatMap(([p, items]) => items.map((_, i) => p * pageSize + i)) }
  }, [shot.pages, head.data, sofar])
  const count = sofar ? sofar.items.length : shot.pages.size ? shot.count : (head.data?.items.length ?? 0)
  return {
    head, pager, ...window, count, pageSize,
    total: sofar ? sofar.items.length : shot.pages.size ? shot.total : (head.data?.total_size ?? 0),
    over: sofar ? true : shot.pages.size ? shot.over : !!head.data?.total_size_is_lower_bound,
    /** How many were looked through for a page that is not there yet. */
    looked: looking?.list.looked_through,
    error: shot.error,
    long: far,
    onRange: (first: number, last: number) => {
      pager.look(first, last)
      if (first > farRow !== far) setFarIn(first > farRow ? asked : '')
    },
    /** The ids of the rows from one place to another, for those that are not held too. */
    between: (from: number, to: number) => idsBetween(JSON.parse(asked) as [string, string, string, string], pager, from, to),
  }
}

async function idsBetween([kind, filter, orderBy, asOf]: [string, string, string, string], pager: Pager<Resource>, from: number, to: number): Promise<string[]> {
  const start = pager.before(from)
  const ids: string[] = []
  let at = start.row
  let token: string | undefined = start.token
  while (token !== undefined && at <= to) {
    const list: { items: { id: string }[]; next_page_token?: string } = await api.get('/api/v1/resources/{kind}', {
      path: { kind }, query: { filter, order_by: orderBy, page_size: 1000, page_token: token, fields: 'id', ...(asOf ? { as_of: asOf } : {}) },
    })
    for (const r of list.items) {
      if (at >= from && at <= to) ids.push(r.id)
      at++
    }
    token = list.next_page_token
  }
  return ids
}
