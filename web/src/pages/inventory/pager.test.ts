import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { List } from '../../api/types'
import { Pager, type Marks } from './pager'

const size = 10

/** A collector with n rows, whose answers are counted. */
function site(n: number, limit = 10_000) {
  const asked = { pages: [] as number[], marks: 0 }
  const rows = Array.from({ length: n }, (_, i) => `row-${i}`)
  const read = (at: number): List<string> => ({
    items: rows.slice(at, at + size), total_size: Math.min(rows.length, limit),
    ...(at + size < rows.length ? { next_page_token: String(at + size) } : {}), ...(rows.length > limit ? { total_size_is_lower_bound: true } : {}),
  })
  const every = 20
  return {
    rows, asked, read,
    source: {
      page: (token: string) => { asked.pages.push(Number(token)); return Promise.resolve(read(Number(token))) },
      marks: (): Promise<Marks> => {
        asked.marks++
        return Promise.resolve({ every, total_size: rows.length, marks: Array.from({ length: Math.ceil(rows.length / every) - 1 }, (_, i) => String((i + 1) * every)) })
      },
    },
  }
}

const shown = (p: Pager<string>, first: number, last: number) => {
  const { pages } = p.snapshot()
  return Array.from({ length: last - first + 1 }, (_, i) => pages.get(Math.floor((first + i) / size))?.[(first + i) % size])
}
const quiet = () => vi.advanceTimersByTimeAsync(1000)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a list of which a window is held', () => {
  it('reads on page by page without asking for marks', async () => {
    const s = site(95)
    const p = new Pager(s.source, size)
    p.begin(s.read(0))
    p.look(0, 8)
    await quiet()
    p.look(20, 28)
    await quiet()
    expect(shown(p, 20, 28)).toEqual(s.rows.slice(20, 29))
    expect(s.asked.marks).toBe(0)
    expect(p.snapshot().count).toBe(95)
  })

  it('grows as it is read where nothing says how long it is', async () => {
    const s = site(95, 11) // as of a moment that is looked through: so many at least
    const p = new Pager({ page: s.source.page }, size)
    p.begin(s.read(0))
    await quiet()
    expect(p.snapshot()).toMatchObject({ count: 11, total: 11, over: true })
    for (let row = 10; row < 90; row += 10) {
      p.look(row, row)
      await quiet()
      expect(p.snapshot().pages.get(row / 10)).toEqual(s.rows.slice(row, row + 10))
    }
    p.look(90, 90)
    await quiet()
    expect(p.snapshot()).toMatchObject({ count: 95, total: 95, over: false })
  })

  it('jumps anywhere, also between two marks, and knows the real length', async () => {
    const s = site(100_000)
    const p = new Pager(s.source, size)
    p.begin(s.read(0))
    p.look(0, 8)
    await quiet()
    expect(p.snapshot()).toMatchObject({ count: 10_000, over: true })
    p.look(5_000, 5_008)
    await quiet()
    expect(p.snapshot()).toMatchObject({ count: 100_000, total: 100_000, over: false })
    for (const at of [99_990, 73_215, 50_030, 4]) {
      p.look(at, at + 8)
      await quiet()
      expect(shown(p, at, at + 8)).toEqual(s.rows.slice(at, at + 9).concat(Array(9).fill(undefined)).slice(0, 9))
    }
    expect(s.asked.marks).toBe(1)
    expect(s.asked.pages.length).toBeLessThan(30)
  })

  it('says its real length to who wants to jump before he has scrolled', async () => {
    const s = site(100_000)
    const p = new Pager(s.source, size)
    p.begin(s.read(0))
    expect(await p.measure()).toBe(100_000)
    const short = new Pager(site(95).source, size)
    short.begin(site(95).read(0))
    expect(await short.measure()).toBe(95)
  })

  it('holds few pages, however far one reads', async () => {
    const s = site(20_000)
    const p = new Pager(s.source, size)
    p.begin(s.read(0))
    for (let at = 0; at < 5_000; at += 20) {
      p.look(at, at + 20)
      await Promise.resolve()
    }
    await quiet()
    expect(p.snapshot().pages.size).toBeLessThanOrEqual(13)
    expect(shown(p, 4_980, 5_000)).toEqual(s.rows.slice(4_980, 5_001))
  })

  it('does not read what is passed on the way', async () => {
    const s = site(100_000)
    const p = new Pager(s.source, size)
    p.begin(s.read(0))
    p.look(100, 108)
    await quiet()
    const before = s.asked.pages.length
    for (let at = 1_000; at < 90_000; at += 500) p.look(at, at + 8)
    await quiet()
    expect(s.asked.pages.length - before).toBeLessThan(8)
  })

  it('shows what was there until the first page was read anew, then what there is', async () => {
    const s = site(40)
    const p = new Pager(s.source, size)
    p.begin(s.read(0))
    p.look(0, 25)
    await quiet()
    s.rows.splice(0, 1)
    p.begin(s.read(0))
    expect(p.snapshot().pages.get(1)).toBeDefined()
    await quiet()
    expect(shown(p, 0, 25)).toEqual(s.rows.slice(0, 26))
  })

  it('ends where the list ends, if rows went meanwhile', async () => {
    const s = site(40)
    const p = new Pager(s.source, size)
    p.begin(s.read(0))
    s.rows.length = 25
    p.look(0, 30)
    await quiet()
    expect(p.snapshot()).toMatchObject({ count: 25, total: 25 })
  })

  it('grows as it is read where there are no marks', async () => {
    const s = site(1_000)
    const p = new Pager({ page: s.source.page }, size)
    p.begin(s.read(0))
    p.look(0, 8)
    expect(p.snapshot().count).toBe(20)
    for (let i = 0; i < 5; i++) {
      p.look(p.snapshot().count - 8, p.snapshot().count - 1)
      await quiet()
    }
    expect(p.snapshot().count).toBeGreaterThan(50)
  })

  it('says what went wrong, and goes on when asked to', async () => {
    const s = site(40)
    let broken = true
    const p = new Pager({ ...s.source, page: (t: string) => (broken ? Promise.reject(new Error('away')) : s.source.page(t)) }, size)
    p.begin(s.read(0))
    p.look(5, 15)
    await quiet()
    expect(p.snapshot().error).toEqual(new Error('away'))
    broken = false
    p.retry()
    await quiet()
    expect(shown(p, 5, 15)).toEqual(s.rows.slice(5, 16))
  })
})
