import { describe, expect, it } from 'vitest'

import type { List } from '../../api/types'
import { wholePage } from './whole'

/** A collector that looks through so many rows for one answer. */
function slow(rows: (string | null)[], at: number) {
  const asked: string[] = []
  const ask = (token: string, size: number): Promise<List<string>> => {
    asked.push(`${token}/${size}`)
    const items: string[] = []
    let i = Number(token)
    for (const end = Math.min(rows.length, i + at); i < end && items.length < size; i++) if (rows[i]) items.push(rows[i]!)
    const cut = i < rows.length && items.length < size
    return Promise.resolve({ items, total_size: items.length, ...(i < rows.length ? { next_page_token: String(i) } : {}), ...(cut ? { looked_through: i, total_size_is_lower_bound: true } : {}) })
  }
  return { ask, asked }
}

describe('a page of a moment that is looked through', () => {
  it('is asked on until it is full, and tells how far that is', async () => {
    const told: [number | undefined, string[]][] = []
    const s = slow([null, null, null, 'a', null, null, 'b', 'c', 'd', null, null], 3)
    const page = await wholePage(s.ask, '', 3, (l) => told.push([l.looked_through, l.items]))
    expect(page).toMatchObject({ items: ['a', 'b', 'c'], next_page_token: '8' })
    expect(s.asked).toEqual(['/3', '3/3', '6/2'])
    expect(told).toEqual([[3, []], [6, ['a']]])
  })

  it('ends where the list ends', async () => {
    const s = slow([null, null, null, null, 'a'], 2)
    expect(await wholePage(s.ask, '', 3, () => undefined)).toMatchObject({ items: ['a'], total_size: 1 })
    expect(s.asked).toEqual(['/3', '2/3', '4/3'])
  })

  it('is one question where pages are full', async () => {
    const s = slow(['a', 'b', 'c', 'd'], 4)
    expect(await wholePage(s.ask, '', 2, () => { throw new Error('told') })).toMatchObject({ items: ['a', 'b'], next_page_token: '2' })
    expect(s.asked).toEqual(['/2'])
  })
})
