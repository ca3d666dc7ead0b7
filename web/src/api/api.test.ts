import { afterEach, describe, expect, it, vi } from 'vitest'

import { addressOf } from './address'
import { api } from './client'
import { contact } from './contact'
import { adviceFor, asProblem, pointerOf, Problem } from './problem'

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  vi.stubGlobal('fetch', vi.fn(async () => new Response(body === undefined ? null : JSON.stringify(body), { status, headers })))
afterEach(() => vi.unstubAllGlobals())

describe('the client', () => {
  it('escapes parameters and leaves absent ones out', () =>
    expect(addressOf('/api/v1/resources/{kind}/{id}', { kind: 'a b', id: '../x' }, { filter: 'a = "b&c"', page_token: '', as_of: undefined })).toBe(
      '/api/v1/resources/a%20b/..%2Fx?filter=a+%3D+%22b%26c%22',
    ))
  it('sends the version and the CSRF header with writes', async () => {
    answer(200, { id: '1' })
    await api.patch('/api/v1/resources/{kind}/{id}', { path: { kind: 'server', id: '1' }, body: { set: { '/name': 'x' } }, ifMatch: 7 })
    const [, init] = vi.mocked(fetch).mock.calls[0]!
    expect(init?.headers).toMatchObject({ 'If-Match': '"7"', 'X-Maestro-CSRF': '1', 'Content-Type': 'application/json' })
  })
  it('answers nothing for 204', async () => {
    answer(204, undefined)
    expect(await api.delete('/api/v1/session')).toBeUndefined()
  })
  it('turns a problem document into a Problem', async () => {
    answer(400, { title: 'Bad Request', status: 400, filter: { parameter: 'filter', position: 3, byte: 3, message: 'no' } }, { 'X-Request-Id': 'r1' })
    const p = await api.get('/api/v1/summary').catch((e: unknown) => e)
    expect(p).toBeInstanceOf(Problem)
    expect(p).toMatchObject({ status: 400, requestId: 'r1', where: '/api/v1/summary' })
    expect((p as Problem).filter?.position).toBe(3)
  })
  it('survives an error that is no document', async () => {
    vi.stubGlobal('fetch', vi.fn(async () => new Response('<html>', { status: 502, statusText: 'Bad Gateway' })))
    expect(await api.get('/api/v1/summary').catch((e: unknown) => e)).toMatchObject({ status: 502, title: 'Bad Gateway' })
  })
  it.each([['get', 30, /30 s ago\.$/], ['post', 120, /not known/]] as const)('a %s ends its waiting after %i s and says so', async (method, seconds, says) => {
    vi.useFakeTimers()
    vi.stubGlobal('fetch', vi.fn((_: string, init: RequestInit) => new Promise((_, no) => init.signal!.addEventListener('abort', () => no(new DOMException('aborted', 'AbortError'))))))
    const asked = (method === 'get' ? api.get('/api/v1/summary') : api.post('/api/v1/tokens', { body: { name: 'x', role: 'reader', ttl_seconds: 0 } })).catch((e: unknown) => e)
    await vi.advanceTimersByTimeAsync(seconds * 1000 - 1)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    const p = asProblem(await asked)
    expect(p).toMatchObject({ status: 0, late: true, read: method === 'get' })
    expect(p.detail).toMatch(says)
    expect(contact.since(), 'who is slow is not away').toBeNull()
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })
  it('stops asking when its caller does, and that is no problem', async () => {
    vi.stubGlobal('fetch', vi.fn((_: string, init: RequestInit) => new Promise((_, no) => init.signal!.addEventListener('abort', () => no(new DOMException('aborted', 'AbortError'))))))
    const abort = new AbortController()
    const asked = api.get('/api/v1/summary', { signal: abort.signal }).catch((e: unknown) => e)
    abort.abort()
    expect(await asked).not.toBeInstanceOf(Problem)
    expect(contact.since()).toBeNull()
  })
  it('notes that nothing answers, and that something does again', async () => {
    vi.stubGlobal('fetch', vi.fn(async () => { throw new TypeError('network') }))
    const p = asProblem(await api.get('/api/v1/summary').catch((e: unknown) => e))
    expect(p.status).toBe(0)
    expect(contact.since()).not.toBeNull()
    answer(200, {})
    await api.get('/api/v1/summary')
    expect(contact.since()).toBeNull()
  })
})

describe('a problem', () => {
  it.each([['body.settings.url', '/settings/url'], ['body/settings/url', '/settings/url'], ['body', ''], ['body.kinds[0].kind', '/kinds/0/kind'], ['', '']])('%s lies at %s', (location, want) => expect(pointerOf(location)).toBe(want))
  it('always says what to do, or that it is the collector’s fault', () => {
    for (const status of [0, 401, 403, 404, 410, 412, 413, 429, 500, 503]) expect(adviceFor(new Problem({ status, title: 't' }, 'w'))).not.toBe('')
  })
})
