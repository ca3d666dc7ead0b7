// The only place that talks HTTP. Paths, parameters, bodies and answers are typed by the OpenAPI document.
import { i18n } from '@lingui/core'
import { t } from '@lingui/core/macro'
import { addressOf } from './address'
import { contact } from './contact'
import { takeEarly } from './early'
import { place, tenantHeader } from './place'
import { Problem } from './problem'
import type { paths } from './schema.gen'
import type { Operation as Bulk, ProblemDocument } from './types'

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>
type With<M extends Method> = { [P in keyof paths]: paths[P][M] extends undefined ? never : P }[keyof paths]

type Parameters<O> = O extends { parameters: infer A } ? A : never
type PathOf<O> = Parameters<O> extends { path: infer A } ? { path: A } : { path?: undefined }
type QueryOf<O> = Parameters<O> extends { query?: infer Q } ? { query?: Q } : { query?: undefined }
type BodyOf<O> = O extends { requestBody: { content: { 'application/json': infer B } } }
  ? { body: B }
  : O extends { requestBody?: { content: { 'application/json': infer B } } }
    ? { body?: B }
    : { body?: undefined }

type Success<R> = R extends { 200: infer S } ? S : R extends { 201: infer S } ? S : R extends { 202: infer S } ? S : unknown
type Answer<O> = O extends { responses: infer R }
  ? Success<R> extends { content: { 'application/json': infer D } }
    ? D
    : undefined
  : never

export type CallOptions<P extends keyof paths, M extends Method> = PathOf<Operation<P, M>> &
  QueryOf<Operation<P, M>> &
  BodyOf<Operation<P, M>> & { ifMatch?: number | string; signal?: AbortSignal; tenant?: string }

type Arguments<P extends keyof paths, M extends Method> =
  Partial<CallOptions<P, M>> extends CallOptions<P, M> ? [options?: CallOptions<P, M>] : [options: CallOptions<P, M>]

interface AnyOptions {
  path?: Record<string, unknown>
  query?: Record<string, unknown>
  body?: unknown
  /** Sent as it is, instead of a document. */
  raw?: Blob
  /** The answer is a file. */
  file?: boolean
  ifMatch?: number | string
  signal?: AbortSignal
  /** Asked of another tenant than the one that this window is in. */
  tenant?: string
}

async function call(method: Method, template: string, o: AnyOptions = {}): Promise<unknown> {
  const where = addressOf(template, o.path, o.query)
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': i18n.locale || 'en', ...(method === 'get' || template !== '/api/v1/session' ? place.header(template) : {}), ...(o.tenant ? { [tenantHeader]: o.tenant } : {}) }
  if (method !== 'get') headers['X-Maestro-CSRF'] = '1'
  if (o.body !== undefined) headers['Content-Type'] = 'application/json'
  if (o.raw !== undefined) headers['Content-Type'] = 'application/octet-stream'
  if (o.ifMatch !== undefined) headers['If-Match'] = `"${o.ifMatch}"`

  const wait = o.raw === undefined ? waitFor(method, o.signal) : { signal: o.signal ?? null, over: () => false, done: () => undefined }
  const read = method === 'get'
  try {
    const early = read ? takeEarly(where, headers[tenantHeader] ?? '', wait.signal) : undefined
    const response = await (early ?? fetch(where, {
      method: method.toUpperCase(),
      headers,
      body: o.raw ?? (o.body === undefined ? null : JSON.stringify(o.body)),
      credentials: 'same-origin',
      signal: wait.signal,
    }))
    contact.made()
    if (response.status === 204) return undefined
    if (response.ok) return o.file ? await response.blob() : await response.json()
    if (response.status === 401 && template !== '/api/v1/session') contact.stranger()
    throw await problemOf(response, where, read)
  } catch (err) {
    if (err instanceof Problem || err instanceof SyntaxError || o.signal?.aborted) throw err
    if (wait.over()) {
      const waited = t`It was asked ${patience[read ? 'read' : 'write'] / 1000} s ago.`
      throw new Problem({ status: 0, title: t`The collector has not answered`, detail: read ? waited : t`${waited} Whether it was done is not known: look before you send it again.` }, where, '', read, true)
    }
    contact.lost()
    throw new Problem({ status: 0, title: t`No answer from the collector`, detail: '' }, where, '', read)
  } finally {
    wait.done()
  }
}

/** How long an answer is waited for. What is written may have an agent to ask; a file takes as long as its line needs. */
export const patience = { read: 30_000, write: 120_000 }

/** A signal that ends the waiting, or obeys the caller's. */
function waitFor(method: Method, outer: AbortSignal | undefined) {
  const abort = new AbortController()
  let over = false
  const timer = setTimeout(() => {
    over = true
    abort.abort()
  }, patience[method === 'get' ? 'read' : 'write'])
  const obey = () => abort.abort()
  if (outer?.aborted) obey()
  outer?.addEventListener('abort', obey)
  return {
    signal: abort.signal,
    over: () => over,
    done: () => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', obey)
    },
  }
}

async function problemOf(response: Response, where: string, read: boolean): Promise<Problem> {
  const id = response.headers.get('X-Request-Id') ?? ''
  const fallback: ProblemDocument = { status: response.status, title: response.statusText || t`Status ${response.status}` }
  const body = (await response.json().catch(() => null)) as Partial<ProblemDocument> | null
  return new Problem({ ...fallback, ...body, status: response.status }, where, id, read)
}

function caller<M extends Method>(method: M) {
  return <P extends With<M>>(path: P, ...args: Arguments<P, M>): Promise<Answer<Operation<P, M>>> =>
    call(method, path as string, args[0] as AnyOptions | undefined) as Promise<Answer<Operation<P, M>>>
}

export const api = {
  get: caller('get'),
  post: caller('post'),
  put: caller('put'),
  patch: caller('patch'),
  delete: caller('delete'),
  /** Imports a file, or looks at what importing it would do. */
  importFile: (file: File, query: Record<string, unknown>) => call('post', '/api/v1/imports', { query: { ...query, file: file.name }, raw: file }) as Promise<Bulk>,
  /** A file of resources that are named. */
  exportChosen: (kind: string, body: { ids: string[]; format: string; order_by: string; columns: string[] }) => call('post', '/api/v1/exports/{kind}', { path: { kind }, body, file: true }) as Promise<Blob>,
  /** Puts a file into a connection. */
  upload: (id: string, file: File) => call('put', '/api/v1/connections/{id}/files/{name}', { path: { id, name: file.name }, raw: file }),
}
