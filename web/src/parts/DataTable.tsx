// The one table: dense rows, a header and a first column that stay, rows drawn only while they are in view, cards
// where the window is narrow. Every row is led by a link, so that keyboard, middle click and screen readers work.
import { Skeleton } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react'
import { getCoreRowModel, useReactTable, type ColumnDef, type Row } from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef, type MouseEvent, type ReactNode } from 'react'
import { useNavigate } from 'react-router'

import { useRowKeys } from './rowKeys'
import css from './DataTable.module.css'

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
  onEnd?: () => void
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
  if (narrow) return <Cards {...props} rowsModel={rows} />
  return <Grid {...props} rowsModel={rows} scroller={scroller} />
}

type Model<T> = Props<T> & { rowsModel: Row<T>[] }

function Grid<T>(p: Model<T> & { scroller: React.RefObject<HTMLDivElement | null> }) {
  const navigate = useNavigate()
  const virtual = useVirtualizer({
    count: p.rowsModel.length,
    getScrollElement: () => p.scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    enabled: p.fill ?? false,
    onChange: (v) => {
      const last = v.getVirtualItems().at(-1)
      if (last && last.index >= p.rowsModel.length - 20 && p.rowsModel.length) p.onEnd?.()
    },
  })
  useRowKeys(p.scroller, p.fill ? (i) => virtual.scrollToIndex(i) : undefined, p.rowsModel.length)
  const items = p.fill ? virtual.getVirtualItems() : p.rowsModel.map((_, index) => ({ index, start: 0, end: 0 }))
  const before = p.fill ? (items[0]?.start ?? 0) : 0
  const after = p.fill ? virtual.getTotalSize() - (items.at(-1)?.end ?? 0) : 0
  const width = p.cols.reduce((sum, c) => sum + (c.width ?? 150), 0)
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
    <div ref={p.scroller} className={`${css.scroller} ${p.fill ? css.fill : ''}`} data-testid="table" {...reach}>
      <table className={css.table} style={{ minWidth: width }} aria-label={p.label} aria-rowcount={p.rowsModel.length}>
        <colgroup>{p.cols.map((c) => <col key={c.id} style={{ width: c.width ?? 150 }} />)}</colgroup>
        <thead>
          <tr>{p.cols.map((c) => <Head key={c.id} col={c} order={p.order} onOrder={p.onOrder} />)}</tr>
        </thead>
        <tbody>
          {before > 0 ? <tr aria-hidden style={{ height: before }}><td colSpan={p.cols.length} /></tr> : null}
          {items.map(({ index }) => {
            const row = p.rowsModel[index]!
            return (
              <tr
                key={row.id}
                data-row={index}
                data-faded={p.faded?.(row.original) || undefined}
                data-opens={p.to ? true : undefined}
                onClick={(e) => open(e, row.original)}
              >
                {p.cols.map((c, i) => {
                  const content = c.cell(row.original)
                  return i === 0 ? (
                    <th key={c.id} scope="row"><div className={css.cell}>{content}</div></th>
                  ) : (
                    <td key={c.id} data-right={c.right || undefined}><div className={css.cell}>{content}</div></td>
                  )
                })}
              </tr>
            )
          })}
          {after > 0 ? <tr aria-hidden style={{ height: after }}><td colSpan={p.cols.length} /></tr> : null}
          {p.loading ? <Waiting cols={p.cols.length} rows={p.rowsModel.length ? 2 : 12} /> : null}
        </tbody>
      </table>
      {p.footer ? <div className={css.footer}>{p.footer}</div> : null}
    </div>
  )
}

function Waiting({ cols, rows }: { cols: number; rows: number }) {
  return Array.from({ length: rows }, (_, r) => (
    <tr key={r} aria-hidden>
      {Array.from({ length: cols }, (_, c) => (
        <td key={c}><Skeleton height={11} width={`${[70, 50, 60, 40, 55][(r + c) % 5]}%`} radius="sm" /></td>
      ))}
    </tr>
  ))
}

function Head<T>({ col, order, onOrder }: { col: Col<T>; order: Props<T>['order']; onOrder: Props<T>['onOrder'] }) {
  const by = col.orderBy
  const active = by !== undefined && order?.by === by
  const sort = active ? (order.desc ? 'descending' : 'ascending') : undefined
  return (
    <th scope="col" aria-sort={sort} data-right={col.right || undefined}>
      {by && onOrder ? (
        <button type="button" onClick={() => onOrder(by, active ? !order.desc : false)} title={`Sort by ${col.label.toLowerCase()}`}>
          <span className="clip">{col.label}</span>
          {active ? order.desc ? <IconArrowDown size={13} aria-hidden /> : <IconArrowUp size={13} aria-hidden /> : null}
        </button>
      ) : (
        <span>{col.label}</span>
      )}
    </th>
  )
}

function Cards<T>(p: Model<T>) {
  const root = useRef<HTMLDivElement>(null)
  useRowKeys(root, undefined, p.rowsModel.length)
  return (
    <div ref={root} data-testid="table">
      <ul className={css.cards} aria-label={p.label}>
        {p.rowsModel.map((row, index) => (
          <li key={row.id} data-row={index} data-faded={p.faded?.(row.original) || undefined}>
            <div className={css.title}>{p.cols[0]?.cell(row.original)}</div>
            <dl>
              {p.cols.slice(1).filter((c) => !c.wide).slice(0, 6).map((c) => {
                const content = c.cell(row.original)
                return content === null ? null : (
                  <div key={c.id} className={css.pair}>
                    <dt>{c.label}</dt>
                    <dd>{content}</dd>
                  </div>
                )
              })}
            </dl>
          </li>
        ))}
      </ul>
      {p.loading ? <div className={css.cards}>{Array.from({ length: 4 }, (_, i) => <Skeleton key={i} height={84} radius="sm" />)}</div> : null}
      {p.footer ? <div className={css.footer}>{p.footer}</div> : null}
    </div>
  )
}
