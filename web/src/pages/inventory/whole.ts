// Of a past moment around which much happened a page may be short, or empty, though the list goes on: one answer looks through no more than it may.
// Then it is asked on until the page is full or the list ends, and who waits is told how far that is.
import type { List } from '../../api/types'

export async function wholePage<T>(ask: (token: string, size: number) => Promise<List<T>>, token: string, size: number, tell: (sofar: List<T>) => void): Promise<List<T>> {
  let list = await ask(token, size)
  const items = [...list.items]
  while (list.looked_through && list.next_page_token && items.length < size) {
    tell({ ...list, items: [...items] })
    list = await ask(list.next_page_token, size - items.length)
    items.push(...list.items)
  }
  return { ...list, items }
}
