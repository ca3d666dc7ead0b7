import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { api } from './client'
import { askEarly, firstPage, forgetEarly } from './early'
import { place } from './place'
import { Problem } from './problem'

const page = { pathname: '/inventory/server', search: '?filter=name+%3D+a&order_by=name+desc' }
const list = (filter: string) => api.get('/api/v1/resources/{kind}', { path: { kind: 'server' }, query: firstPage(filter, 'name desc') })
const asked = () => vi.mocked(fetch).mock.calls.map(([where, init]) => `${String(where)} ${(init?.headers as Record<string, string>)['X-Maestro-Tenant'] ?? '-'}`)
const listed = '/api/v1/resources/server?filter=name+%3D+a&order_by=name+desc&page_size=100 blue'

let session: () => Response
beforeEach(() => {
  session = () => new Response(JSON.stringify({ tenant: 'blue', somewhere: ['read'] }))
  vi.stubGlobal('fetch', vi.fn(async (where: string) => (where === '/api/v1/session' ? session() : new Response(JSON.stringify({ items: [where] })))))
})
afterEach(() => {
  forgetEarly()
  place.set('')
  vi.unstubAllGlobals()
})
const settled = () => vi.waitFor(() => expect(asked().at(-1)).toBe('/api/v1/kinds?page_size=1000 blue'))

it('asks for the session, then in its tenant for the list and the kinds, and each call takes its answer once', async () => {
  await askEarly(page)
  await settled()
  expect(asked()).toEqual(['/api/v1/session -', listed, '/api/v1/kinds?page_size=1000 blue'])
  expect(await api.get('/api/v1/session')).toEqual({ tenant: 'blue', somewhere: ['read'] })
  place.set('blue')
  expect(await list('name = a')).toEqual({ items: [listed.split(' ')[0]] })
  expect(asked(), 'nothing was asked twice').toHaveLength(3)
  await list('name = a')
  expect(asked().at(-1), 'the second time it is asked anew').toBe(listed)
})
it('gives nobody the answer to another question, of another tenant or of another caller', async () => {
  await askEarly(page)
  await settled()
  place.set('blue')
  await list('name = b')
  expect(asked()).toHaveLength(4)
  place.set('red')
  await list('name = a')
  expect(asked()).toHaveLength(5)
  place.set('blue')
  forgetEarly()
  await list('name = a')
  expect(asked()).toHaveLength(6)
})
it('asks nothing more for a stranger, and the page is told who is none', async () => {
  session = () => new Response(JSON.stringify({ status: 401, title: 'Unauthorized' }), { status: 401 })
  await askEarly(page)
  expect(await api.get('/api/v1/session').catch((e: unknown) => e)).toMatchObject({ status: 401 })
  expect(asked()).toEqual(['/api/v1/session -'])
})
it('does not answer with what is old', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  await askEarly(page)
  vi.advanceTimersByTime(5_001)
  place.set('blue')
  await list('name = a')
  vi.useRealTimers()
  expect(asked().filter((a) => a === listed)).toHaveLength(2)
})
it('is told that nothing answered, by the call itself', async () => {
  vi.stubGlobal('fetch', vi.fn(async () => Promise.reject(new TypeError('Failed to fetch'))))
  await askEarly(page)
  expect(await api.get('/api/v1/session').catch((e: unknown) => e)).toBeInstanceOf(Problem)
})
it('stops waiting when its caller does', async () => {
  vi.stubGlobal('fetch', vi.fn(() => new Promise(() => undefined)))
  void askEarly(page)
  const abort = new AbortController()
  const got = api.get('/api/v1/session', { signal: abort.signal }).catch((e: unknown) => e)
  abort.abort()
  expect(await got).toMatchObject({ name: 'AbortError' })
})
it('reads to its end what nobody takes, so that no connection waits for it', async () => {
  const answers: Response[] = []
  vi.stubGlobal('fetch', vi.fn(async (where: string) => {
    const answer = where === '/api/v1/session' ? session() : new Response(JSON.stringify({ items: [] }))
    answers.push(answer)
    return answer
  }))
  await askEarly(page)
  await vi.waitFor(() => expect(answers.map((a) => a.bodyUsed)).toEqual([true, true, true]))
})
