// Where in a long list one is, and the ways to elsewhere: its ends, a row by its number, or where a name would stand.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, TextInput } from '@mantine/core'
import { useState, useSyncExternalStore, type ReactNode } from 'react'

import { api } from '../../api/client'
import type { Resource } from '../../api/types'
import { count } from '../../format/units'
import { narrowed } from '../../kinds/filter'
import type { Pager } from './pager'
import css from '../Inventory.module.css'

interface Props {
  pager: Pager<Resource>
  kind: string
  filter: string
  order: { by: string; desc: boolean } | undefined
  /** What the list is ordered by, as people call it; absent where nothing can be looked up by it. */
  by: string | undefined
  rows: number
  total: number
  over: boolean
  error: unknown
  onJump: (row: number) => void
}

export function Place({ pager, kind, filter, order, by, rows, total, over, error, onJump }: Props) {
  const [first, last] = useSyncExternalStore(pager.subscribe, pager.seen)
  const [to, setTo] = useState('')
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState('')
  const end = Math.min(last + 1, rows)
  const toRow = async (row: number) => {
    setBusy(true)
    const length = await pager.measure()
    setBusy(false)
    onJump(Math.max(0, Math.min(row, length - 1)))
  }
  const jump = async () => {
    const text = to.trim()
    if (!text) return
    setWrong('')
    if (/^\d[\d,. ]*$/.test(text)) {
      await toRow(Number(text.replace(/[,. ]/g, '')) - 1)
      return
    }
    if (!order || !by) {
      setWrong(t`Give the number of a row.`)
      return
    }
    setBusy(true)
    try {
      const before = narrowed(filter, `${order.by} ${order.desc ? '>' : '<'} ${JSON.stringify(text)}`)
      const list = await api.get('/api/v1/resources/{kind}', { path: { kind }, query: { filter: before, count: 'exact', page_size: 1, fields: 'id' } })
      await toRow(list.total_size)
    } catch (err) {
      setWrong(err instanceof Error ? err.message : t`It was not found.`)
    }
    setBusy(false)
  }
  const found: ReactNode = <>{over ? t`over ` : ''}{count(total)}</>
  return (
    <>
      <span role="status">{rows > 0 && end > 0 ? <><Trans>{count(Math.min(first + 1, end))} to {count(end)} of {found}</Trans></> : <>{found}</>}</span>
      {rows < total ? <span><Trans>The bar holds the first {count(rows)}; a filter, or the other order, shows the rest.</Trans></span> : null}
      {error ? <span role="alert"><Trans>Some rows could not be read: {error instanceof Error ? error.message : t`no answer`} <button type="button" className="link" onClick={() => pager.retry()}>Try again</button></Trans></span> : null}
      <span className="grow" />
      {rows > 100 ? (
        <form className={css.jump} onSubmit={(e) => { e.preventDefault(); void jump() }}>
          <TextInput size="xs" aria-label={t`Go to`} placeholder={by ? t`Row or ${by.toLowerCase()}` : t`Row`} value={to} onChange={(e) => setTo(e.currentTarget.value)} error={wrong || undefined} rightSectionPointerEvents="none" rightSection={busy ? '…' : null} />
          <Button size="compact-sm" type="submit"><Trans>Go</Trans></Button>
          <Button size="compact-sm" onClick={() => onJump(0)}><Trans>Top</Trans></Button>
          <Button size="compact-sm" onClick={() => void toRow(Infinity)}><Trans>End</Trans></Button>
        </form>
      ) : null}
    </>
  )
}
