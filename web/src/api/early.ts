// What a freshly opened page will ask first is asked before the pages' own code is there: while the browser still reads that, the
// collector answers. It imports next to nothing, or it would not be early. Each answer is taken once, by the call that would have
// asked for it; what nobody takes soon is stale and is asked for again.
import { addressOf } from './address'
import { tenantHeader } from './place'

/** How old an answer may be when it is taken. */
const fresh = 5_000
/** The list is what somebody waits for: the kinds, which the code needs once it is there, are asked after it or after so long. */
const ahead = 100

const asked = new Map<string, { at: number; answer: Promise<Response> }>()
/** The language of the pages is not settled yet: it is the chosen one, or what the browser asks for anyway. */
function language(): Record<string, string> {
  try {
    const chosen = localStorage.getItem('maestro.language')
    return chosen ? { 'Accept-Language': chosen } : {}
  } catch {
    return {}
  }
}

const nameOf = (address: string, tenant: string) => `${tenant} ${address}`

export const kindsPage = { page_size: 1000 }
export const pageSize = 100
/** The first page of a list, as its table asks for it. */
export const firstPage = (filter: string, orderBy: string, asOf?: string) => ({ filter, order_by: orderBy, page_size: pageSize, ...(asOf ? { as_of: asOf } : {}) })
/** The order of a list when its address names none. */
export const usualOrder = 'name'

function ask(address: string, tenant: string, after: Promise<unknown> = Promise.resolve()): Promise<Response> {
  const answer = after.then(async () => {
    const got = await fetch(address, { headers: { Accept: 'application/json', ...language(), ...(tenant ? { [tenantHeader]: tenant } : {}) }, credentials: 'same-origin' })
    // Read to its end here: what nobody takes would keep its connection, of which a browser has six.
    return new Response(got.status === 204 ? null : await got.blob(), { status: got.status, statusText: got.statusText, headers: got.headers })
  })
  answer.catch(() => undefined) // whoever takes it is told
  asked.set(nameOf(address, tenant), { at: performance.now(), answer })
  return answer
}

/** Asks who is signed in and then, in that tenant, what the page at this address begins with. */
export async function askEarly(page: { pathname: string; search: string }) {
  try {
    const session = await ask('/api/v1/session', '')
    if (!session.ok) return
    const { tenant, somewhere } = (await session.clone().json()) as { tenant: string; somewhere: string[] }
    if (!somewhere.includes('read')) return
    const kind = /^\/inventory\/([^/]+)\/?$/.exec(page.pathname)?.[1]
    let list: Promise<unknown> = Promise.resolve()
    const params = new URLSearchParams(page.search)
    if (kind && !params.has('as_of')) {
      list = ask(addressOf('/api/v1/resources/{kind}', { kind: decodeURIComponent(kind) }, firstPage(params.get('filter') ?? '', params.get('order_by') ?? usualOrder)), tenant)
    }
    void ask(addressOf('/api/v1/kinds', {}, kindsPage), tenant, Promise.race([list.catch(() => undefined), new Promise((done) => setTimeout(done, ahead))]))
  } catch {
    // The page asks again by itself, and says what is wrong.
  }
}

/** The answer to a call that was asked early. */
export function takeEarly(address: string, tenant: string, signal: AbortSignal | null): Promise<Response> | undefined {
  const name = nameOf(address, tenant)
  const early = asked.get(name)
  asked.delete(name)
  if (!early || performance.now() - early.at > fresh) return undefined
  if (!signal) return early.answer
  return new Promise((take, refuse) => {
    const stop = () => refuse(signal.reason instanceof Error ? signal.reason : new DOMException('aborted', 'AbortError'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    early.answer.then(take, refuse).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** Another caller: what was asked for the one before is not for him. */
export const forgetEarly = () => asked.clear()
