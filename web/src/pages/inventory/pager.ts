// A long list of which only a window is held: the pages around what is looked at. Pages far away are dropped and read again by
// their remembered positions, so that 100,000 rows cost the browser what 1,000 do. A jump far ahead asks the collector for
// positions all along the list once, instead of for every page in between.
import type { List } from '../../api/types'

export interface Marks {
  every: number
  marks: string[]
  total_size: number
  total_size_is_lower_bound?: boolean
}

export interface Source<T> {
  page: (token: string, signal: AbortSignal) => Promise<List<T>>
  /** Absent where the list has no marks: then it grows as it is read. */
  marks?: ((signal: AbortSignal) => Promise<Marks>) | undefined
}

export interface Window<T> {
  /** Rows that can be scrolled to. */
  count: number
  total: number
  /** There are more than total. */
  over: boolean
  pages: ReadonlyMap<number, readonly T[]>
  error: unknown
}

/** Rows beyond this have no place in a scroll bar: browsers end an element at some 16 million pixels. */
export const mostRows = 450_000
/** So many pages are held, and so many asked for at once. */
const held = 12
const atOnce = 3
/** A page so near to one whose position is known is reached by reading on; a farther one by marks. */
const near = 4
/** While the reader drags the bar, what he passes is not read. */
const settle = 90

export class Pager<T> {
  private tokens = new Map<number, string>([[0, '']])
  private pages = new Map<number, readonly T[]>()
  private stale = new Set<number>()
  private loading = new Map<number, AbortController>()
  private marks: Marks | undefined
  private marking: AbortController | undefined
  private unmarked = false
  private head: List<T> | undefined
  private end: number | undefined
  /** So many there are at least, as pages that were read say, where the first one could not say how many. */
  private least = 0
  private wanted: [number, number] = [0, 0]
  private rows: [number, number] = [0, 0]
  private error: unknown = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private measured: (() => void)[] = []
  private listeners = new Set<() => void>()
  private shot: Window<T> = { count: 0, total: 0, over: false, pages: new Map(), error: null }
  private telling = false

  constructor(private source: Source<T>, readonly size: number) {}

  subscribe = (l: () => void) => {
    this.listeners.add(l)
    return () => void this.listeners.delete(l)
  }
  snapshot = () => this.shot
  /** The rows that are looked at, from and to. */
  seen = () => this.rows

  /** Takes the first page, read anew: what hangs on it is read anew too, and shown as it was until then. */
  begin(head: List<T>) {
    if (head === this.head) return
    this.head = head
    this.tokens = new Map([[0, '']])
    this.end = undefined
    this.least = 0
    this.stale = new Set(this.pages.keys())
    this.marks = undefined
    this.unmarked = false
    this.take(0, head)
    this.pump()
  }

  stop() {
    clearTimeout(this.timer)
    for (const c of this.loading.values()) c.abort()
    this.loading.clear()
    this.marking?.abort()
    this.marking = undefined
    this.settled()
  }

  private settled() {
    for (const done of this.measured.splice(0)) done()
  }

  /** Says which rows are in sight. */
  look(first: number, last: number) {
    if (first === this.rows[0] && last === this.rows[1]) return
    this.rows = [first, last]
    const ahead = 20
    this.wanted = [Math.floor(Math.max(0, first - ahead) / this.size), Math.floor((last + ahead) / this.size)]
    this.tell()
    const far = [...this.span()].some((p) => !this.pages.has(p) && !this.pages.has(p - 1) && !this.pages.has(p + 1))
    clearTimeout(this.timer)
    if (far) this.timer = setTimeout(() => this.pump(), settle)
    else this.pump()
  }

  /** After an error. */
  retry() {
    this.error = null
    this.unmarked = false
    this.tell()
    this.pump()
  }

  private *span() {
    for (let p = this.wanted[0]; p <= this.wanted[1]; p++) yield p
  }

  private position(p: number): string | undefined {
    const known = this.tokens.get(p)
    if (known !== undefined) return known
    const m = this.marks
    if (!m || (p * this.size) % m.every !== 0) return undefined
    return m.marks[(p * this.size) / m.every - 1]
  }

  private pump() {
    if (!this.head || this.error) return
    for (const [p, c] of this.loading) {
      if (p < this.wanted[0] - near || p > this.wanted[1] + near) {
        c.abort()
        this.loading.delete(p)
      }
    }
    // The exact length is worth a walk along the list only to who scrolls.
    if (this.head.total_size_is_lower_bound && this.rows[0] > 0) this.mark()
    const last = this.count() - 1
    for (const p of this.span()) {
      if (p * this.size > last || (this.pages.has(p) && !this.stale.has(p))) continue
      if (this.position(p) !== undefined) {
        this.load(p)
        continue
      }
      let q = p - 1
      while (q > 0 && this.position(q) === undefined) q--
      const within = this.marks ? this.marks.every / this.size : near
      if (p - q > within && this.source.marks && !this.unmarked && !this.marks) this.mark()
      else this.load(q) // tells where the next one begins
    }
  }

  private load(p: number) {
    if (this.loading.has(p) || this.loading.size >= atOnce) return
    const token = this.position(p)
    if (token === undefined) return
    const c = new AbortController()
    this.loading.set(p, c)
    this.source.page(token, c.signal).then(
      (list) => {
        if (c.signal.aborted) return
        this.loading.delete(p)
        this.take(p, list)
        this.pump()
      },
      (err: unknown) => {
        if (c.signal.aborted) return
        this.loading.delete(p)
        this.error = err
        this.tell()
      },
    )
  }

  private take(p: number, list: List<T>) {
    this.least = Math.max(this.least, p * this.size + list.items.length + (list.next_page_token ? 1 : 0))
    this.pages.set(p, list.items)
    this.stale.delete(p)
    if (list.next_page_token) {
      this.tokens.set(p + 1, list.next_page_token)
      if (this.end !== undefined && this.end <= (p + 1) * this.size) this.end = undefined
    } else {
      this.end = p * this.size + list.items.length
      for (const q of this.pages.keys()) if (q > p) this.pages.delete(q)
    }
    this.drop()
    this.tell()
  }

  /** Lets go of the pages farthest from what is looked at; the first is the cache's. */
  private drop() {
    const middle = (this.wanted[0] + this.wanted[1]) / 2
    const far = [...this.pages.keys()].filter((p) => p > 0).sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle))
    for (const p of far.slice(0, Math.max(0, far.length - held))) {
      this.pages.delete(p)
      this.stale.delete(p)
    }
  }

  private mark() {
    if (!this.source.marks || this.marking || this.marks || this.unmarked) return
    const c = new AbortController()
    this.marking = c
    this.source.marks(c.signal).then(
      (marks) => {
        if (c.signal.aborted) return
        this.marking = undefined
        this.marks = marks
        this.tell()
        this.settled()
        this.pump()
      },
      () => {
        if (c.signal.aborted) return
        this.marking = undefined
        this.unmarked = true // the list is read on page by page
        this.tell()
        this.settled()
        this.pump()
      },
    )
  }

  /** Waits until the length of the list is known, as far as it can be, and answers it. */
  async measure(): Promise<number> {
    if (this.head?.total_size_is_lower_bound) this.mark()
    while (this.marking) await new Promise<void>((done) => { this.measured.push(done) })
    return this.count()
  }

  /** The last known position at or before a row. */
  before(row: number): { row: number; token: string } {
    let p = Math.floor(row / this.size)
    while (p > 0 && this.position(p) === undefined) p--
    return { row: p * this.size, token: this.position(p) ?? '' }
  }

  private count(): number {
    if (!this.head) return 0
    if (this.end !== undefined) return this.end
    const total = Math.min(mostRows, this.marks?.total_size ?? Math.max(this.head.total_size, this.least))
    if (this.source.marks && !this.unmarked) return total
    return Math.min(total, Math.max(...this.tokens.keys(), 0) * this.size + this.size)
  }

  private tell() {
    const m = this.marks ?? this.head
    this.shot = {
      count: this.count(),
      total: this.end ?? this.marks?.total_size ?? Math.max(m?.total_size ?? 0, this.least),
      over: this.end === undefined && !!m?.total_size_is_lower_bound,
      pages: new Map(this.pages),
      error: this.error,
    }
    if (this.telling) return
    this.telling = true
    queueMicrotask(() => {
      this.telling = false
      for (const l of this.listeners) l()
    })
  }
}
