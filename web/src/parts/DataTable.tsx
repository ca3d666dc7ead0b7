// The one table: dense rows, a header and a first column that stay, rows drawn only while they are in view, cards
// where the window is narrow. Every row is led by a link, so that keyboard, middle click and screen readers work.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Skeleton } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react'
import { getCoreRowModel, useReactTable, type ColumnDef, type Row } from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useEffectEvent, useMemo, useRef, useState, type MouseEvent, type ReactNode } from 'react'
import { useNavigate } from 'react-router'

import { typing } from '../frame/keys'
import { useRowKeys } from './rowKeys'
import { Waiting } from './States'
import css from './DataTable.module.css'
import { say } from './toast'

export interface Col<T> {
  id: string
  label: string
  cell: (row: T) => ReactNode
  width?: number
  right?: boolean
  /** The name to order by. */
  orderBy?: string | undefined
  /** Left out of cards. */
  wide?: boolean
  /** What can be done with the row: its label is read to those who do not see the buttons. */
  act?: boolean
}

interface Props<T> {
  label: string
  rows: readonly T[]
  cols: Col<T>[]
  rowKey: (row: T) => string
  /** Where a row leads; its first cell must hold that link. */
  to?: (row: T) => string
  order?: { by: string; desc: boolean } | undefined
  onOrder?: (by: string, desc: boolean) => void
  /** Fills the space it is given and scrolls inside. */
  fill?: boolean
  loading?: boolean
  faded?: (row: T) => boolean
  footer?: ReactNode
  /** The reader came near the last row. */
  onEnd?: () => void
  /** Of a long list rows is only what is held: places says where in the list each of them is, onRange hears what is in sight. */
  window?: { count: number; places: readonly number[]; onRange: (first: number, last: number) => void; between: (from: number, to: number) => Promise<string[]>; page: number } | undefined
  /** Brings a row into sight; another object, another jump. */
  jump?: { row: number } | undefined
  /** What is ticked, by the rows' keys; x ticks the row that has the focus, Shift all rows since the last one. */
  ticked?: ReadonlySet<string> | undefined
  onTick?: ((ids: Set<string>) => void) | undefined
  /** How many columns after the first stay in sight. */
  pinned?: number
}

const rowHeight = 32

export const useNarrow = () => useMediaQuery('(max-width: 640px)', undefined, { getInitialValueInEffect: false }) ?? false

export function DataTable<T>(props: Props<T>) {
  const narrow = useNarrow()
  const scroller = useRef<HTMLDivElement>(null)
  const table = useReactTable<T>({
    data: props.rows as T[],
    columns: props.cols.map((c): ColumnDef<T> => ({ id: c.id, header: c.label, size: c.width ?? 150, cell: (x) => c.cell(x.row.original) })),
    getCoreRowModel: getCoreRowModel(),
    getRowId: (r) => props.rowKey(r),
    manualSorting: true,
  })
  const rows = table.getRowModel().rows
  const places = props.window?.places
  const placed = useMemo(() => (places ? new Map(places.map((p, i) => [p, rows[i]!])) : undefined), [places, rows])
  const held: Held<T> = { count: props.window?.count ?? rows.length, at: (i) => (placed ? placed.get(i) : rows[i]) }
  const tick = useTicks(props, held)
  if (narrow) return <Cards {...props} rowsModel={rows} held={held} tick={tick} />
  return <Grid {...props} rowsModel={rows} held={held} tick={tick} scroller={scroller} />
}

/** The rows of a list, of which some may not be held. */
interface Held<T> {
  count: number
  at: (index: number) => Row<T> | undefined
}
type Tick = ((index: number, range: boolean) => void) | undefined
type Model<T> = Props<T> & { rowsModel: Row<T>[]; held: Held<T>; tick: Tick }

const tickWidth = 30

function useTicks<T>(p: Props<T>, rows: Held<T>): Tick {
  const last = useRef(-1)
  const { ticked, onTick } = p
  const tick = ticked && onTick ? (index: number, range: boolean) => {
    const row = rows.at(index)
    if (!row) return
    const on = !ticked.has(row.id)
    const from = range && last.current >= 0 ? Math.min(last.current, index) : index
    const to = range && last.current >= 0 ? Math.max(last.current, index) : index
    last.current = index
    const set = (ids: (string | undefined)[]) => {
      const next = new Set(ticked)
      for (const id of ids) {
        if (id === undefined) continue
        if (on) next.add(id)
        else next.delete(id)
      }
      onTick(next)
    }
    const ids = Array.from({ length: to - from + 1 }, (_, i) => rows.at(from + i)?.id)
    // Rows on the way that are not held are asked for.
    if (p.window && ids.includes(undefined)) p.window.between(from, to).then(set, (err: unknown) => say(err instanceof Error ? err.message : t`The rows in between could not be read`))
    else set(ids)
  } : undefined
  const onKey = useEffectEvent((e: KeyboardEvent) => {
    if (!tick || e.ctrlKey || e.metaKey || e.altKey || e.key.toLowerCase() !== 'x' || typing(e.target) || document.querySelector('[role="dialog"]')) return
    const row = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>('[data-row]')
    if (!row) return
    e.preventDefault()
    tick(Number(row.dataset['row']), e.shiftKey)
  })
  useEffect(() => {
    const key = (e: KeyboardEvent) => onKey(e)
    window.addEventListener('keydown', key)
    return () => window.removeEventListener('keydown', key)
  }, [])
  return tick
}

function Ticker({ index, name, on, tick }: { index: number; name: string; on: boolean; tick: NonNullable<Tick> }) {
  return (
    <label className={css.tick}>
      <input type="checkbox" checked={on} aria-label={t`Select ${name}`} onChange={() => undefined} onClick={(e) => tick(index, e.shiftKey)} />
    </label>
  )
}

const nameOf = (row: unknown, id: string) => {
  const name = (row as { name?: unknown }).name
  return typeof name === 'string' && name ? name : id
}

function Grid<T>(p: Model<T> & { scroller: React.RefObject<HTMLDivElement | null> }) {
  const navigate = useNavigate()
  const virtual = useVirtualizer({
    count: p.held.count,
    getScrollElement: () => p.scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    enabled: p.fill ?? false,
  })
  const seen = p.fill ? virtual.range : null
  const range = useEffectEvent((first: number, last: number) => {
    p.window?.onRange(first, last)
    if (p.fill && p.held.count > 0 && last >= p.held.count - 20) p.onEnd?.()
  })
  const from = seen?.startIndex ?? 0
  const to = seen?.endIndex ?? 0
  useEffect(() => range(from, to), [from, to, p.held.count])
  const { jump } = p
  useEffect(() => { if (jump) virtual.scrollToIndex(jump.row, { align: 'start' }) }, [jump, virtual])
  useRowKeys(p.scroller, p.fill ? (i) => virtual.scrollToIndex(i) : undefined, p.held.count)
  const items = p.fill ? virtual.getVirtualItems() : p.rowsModel.map((_, index) => ({ index, start: 0, end: 0 }))
  const before = p.fill ? (items[0]?.start ?? 0) : 0
  const after = p.fill ? virtual.getTotalSize() - (items.at(-1)?.end ?? 0) : 0
  const widthOf = (c: Col<T>, i: number) => (c.width ?? 150) + (i === 0 && p.tick ? tickWidth : 0)
  const width = p.cols.reduce((sum, c, i) => sum + widthOf(c, i), 0)
  // Where the columns that stay are; the first one stays by itself.
  const left = p.cols.map((_, i) => (i > 0 && i <= (p.pinned ?? 0) ? p.cols.slice(0, i).reduce((sum, c, j) => sum + widthOf(c, j), 0) : undefined))
  const all = p.ticked && p.rowsModel.length > 0 && p.rowsModel.every((r) => p.ticked!.has(r.id))
  const open = (e: MouseEvent, row: T) => {
    const on = e.target as HTMLElement
    if (!p.to || on.closest('a,button,input,label') || window.getSelection()?.toString()) return
    const where = p.to(row)
    if (e.metaKey || e.ctrlKey || e.button === 1) window.open(where, '_blank')
    else void navigate(where)
  }
  // Where no row is a link, the region itself must be reachable to be scrolled by keyboard.
  const reach = p.to ? {} : { tabIndex: 0, role: 'region', 'aria-label': p.label }
  return (
    <div ref={p.scroller} className={`${css.scroller} ${p.fill ? css.fill : ''}`} data-testid="table" aria-busy={awaited(p) || undefined} {...reach}>
      <table className={css.table} style={{ minWidth: width }} aria-label={p.label} aria-rowcount={p.held.count + 1}>
        <colgroup>{p.cols.map((c, i) => <col key={c.id} style={{ width: widthOf(c, i) }} />)}</colgroup>
        <thead>
          <tr>
            {p.cols.map((c, i) => (
              <Head key={c.id} col={c} order={p.order} onOrder={p.onOrder} left={left[i]}>
                {i === 0 && p.tick ? (
                  <label className={css.tick}>
                    <input type="checkbox" checked={all ?? false} aria-label={t`Select all rows that are loaded`} onChange={() => p.onTick?.(all ? new Set() : new Set(p.rowsModel.map((r) => r.id)))} />
                  </label>
                ) : null}
              </Head>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 ? <tr aria-hidden style={{ height: before }}><td colSpan={p.cols.length} /></tr> : null}
          {items.map(({ index }) => {
            const row = p.held.at(index)
            if (!row) return <Unread key={index} cols={p.cols.length} index={index} />
            return (
              <tr
                key={p.window ? index : row.id}
                data-row={index}
                aria-rowindex={index + 2}
                data-faded={p.faded?.(row.original) || undefined}
                data-ticked={p.ticked?.has(row.id) || undefined}
                data-opens={p.to ? true : undefined}
                onClick={(e) => open(e, row.original)}
              >
                {p.cols.map((c, i) => {
                  const content = c.cell(row.original)
                  return i === 0 ? (
                    <th key={c.id} scope="row">
                      <div className={css.cell}>
                        {p.tick ? <Ticker index={index} name={nameOf(row.original, row.id)} on={p.ticked?.has(row.id) ?? false} tick={p.tick} /> : null}
                        {content}
                      </div>
                    </th>
                  ) : (
                    <td key={c.id} data-right={c.right || undefined} data-pinned={left[i] !== undefined || undefined} style={left[i] !== undefined ? { left: left[i] } : undefined}><div className={css.cell}>{content}</div></td>
                  )
                })}
              </tr>
            )
          })}
          {after > 0 ? <tr aria-hidden style={{ height: after }}><td colSpan={p.cols.length} /></tr> : null}
          {p.loading ? <Bones cols={p.cols.length} rows={p.rowsModel.length ? 2 : 12} /> : null}
        </tbody>
      </table>
      {awaited(p) ? <div className={css.awaited}><Waiting what={p.label} /></div> : null}
      {p.footer ? <div className={css.footer}>{p.footer}</div> : null}
    </div>
  )
}

/** Nothing is there yet to look at. */
const awaited = <T,>(p: Model<T>) => !!p.loading && p.rowsModel.length === 0

function Bones({ cols, rows }: { cols: number; rows: number }) {
  return Array.from({ length: rows }, (_, r) => (
    <tr key={r} aria-hidden>
      {Array.from({ length: cols }, (_, c) => (
        <td key={c}><Skeleton height={11} width={`${[70, 50, 60, 40, 55][(r + c) % 5]}%`} radius="sm" /></td>
      ))}
    </tr>
  ))
}

/** A row on its way. */
function Unread({ cols, index }: { cols: number; index: number }) {
  return (
    <tr data-row={index} aria-rowindex={index + 2} aria-busy="true">
      {Array.from({ length: cols }, (_, c) => <td key={c}><span className={css.unread} /></td>)}
    </tr>
  )
}

function Head<T>({ col, order, onOrder, left, children }: { col: Col<T>; order: Props<T>['order']; onOrder: Props<T>['onOrder']; left: number | undefined; children?: ReactNode }) {
  const by = col.orderBy
  const active = by !== undefined && order?.by === by
  const sort = active ? (order.desc ? 'descending' : 'ascending') : undefined
  return (
    <th scope="col" aria-sort={sort} data-right={col.right || undefined} data-pinned={left !== undefined || undefined} style={left !== undefined ? { left } : undefined}>
      <div className={css.headCell}>
      {children}
      {by && onOrder ? (
        <button type="button" onClick={() => onOrder(by, active ? !order.desc : false)} title={t`Sort by ${col.label.toLowerCase()}`}>
          <span className="clip">{col.label}</span>
          {active ? order.desc ? <IconArrowDown size={13} aria-hidden /> : <IconArrowUp size={13} aria-hidden /> : null}
        </button>
      ) : (
        <span className={col.act ? 'hidden-visually' : 'clip'}>{col.label}</span>
      )}
      </div>
    </th>
  )
}

function Cards<T>(p: Model<T>) {
  const root = useRef<HTMLDivElement>(null)
  const { jump } = p
  const size = p.window?.page ?? p.rowsModel.length
  const [turned, setTurned] = useState<{ jump: typeof jump; first: number }>({ jump, first: 0 })
  const wanted = turned.jump === jump ? turned.first : Math.floor((jump?.row ?? 0) / size) * size
  const first = wanted < p.held.count ? wanted : 0
  const last = Math.min(first + size, p.held.count)
  const range = useEffectEvent((first: number, last: number) => p.window?.onRange(first, last))
  useEffect(() => { if (last > first) range(first, last - 1) }, [first, last])
  useRowKeys(root, undefined, p.held.count)
  const turn = (first: number) => {
    setTurned({ jump, first })
    root.current?.scrollIntoView({ block: 'start' })
  }
  const cards = Array.from({ length: last - first }, (_, i) => [p.held.at(first + i), first + i] as const)
  return (
    <div ref={root} data-testid="table" className={css.cardList} aria-busy={awaited(p) || undefined}>
      <ul className={css.cards} aria-label={p.label}>
        {cards.map(([row, index]) => !row ? <li key={index} data-row={index} aria-busy="true"><span className={css.unread} /></li> : (
          <li key={p.window ? index : row.id} data-row={index} data-faded={p.faded?.(row.original) || undefined}>
            <div className={css.title}>
              {p.tick ? <Ticker index={index} name={nameOf(row.original, row.id)} on={p.ticked?.has(row.id) ?? false} tick={p.tick} /> : null}
              {p.cols[0]?.cell(row.original)}
            </div>
            <dl>
              {p.cols.slice(1).filter((c) => !c.wide).slice(0, 6).map((c) => {
                const content = c.cell(row.original)
                return content === null ? null : (
                  <div key={c.id} className={css.pair}>
                    <dt className={c.act ? 'hidden-visually' : undefined}>{c.label}</dt>
                    <dd>{content}</dd>
                  </div>
                )
              })}
            </dl>
          </li>
        ))}
      </ul>
      {p.held.count > size ? (
        <div className={css.turn}>
          <Button disabled={first === 0} onClick={() => turn(Math.max(0, first - size))}><Trans>Earlier</Trans></Button>
          <Button disabled={last >= p.held.count} onClick={() => turn(first + size)}><Trans>Later</Trans></Button>
        </div>
      ) : null}
      {awaited(p) ? <div className={css.awaited}><Waiting what={p.label} /></div> : null}
      {p.loading ? <div className={css.cards}>{Array.from({ length: 4 }, (_, i) => <Skeleton key={i} height={84} radius="sm" />)}</div> : null}
      {p.footer ? <div className={css.footer}>{p.footer}</div> : null}
    </div>
  )
}
