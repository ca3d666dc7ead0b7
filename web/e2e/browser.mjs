// Starts Debian's Chromium and signs in. MAESTRO_E2E_DEV_JSON names the dev.json of the server to look at. A test that
// fails tells what was on its pages, and leaves a picture of each.
import { mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as nodeTest } from 'node:test'
import { chromium } from 'playwright-core'

export async function serverFacts(path = process.env.MAESTRO_E2E_DEV_JSON) {
  if (!path) {
    console.error('MAESTRO_E2E_DEV_JSON must name a dev.json (url, username, password, api_token); "maestro dev" writes one, and so does "node dev/server.mjs FILE".')
    process.exit(2)
  }
  return JSON.parse(await readFile(path, 'utf8'))
}

/** A slow machine is no failure: whatever is waited for may take this long. */
export const patience = 60_000
const pictures = process.env.MAESTRO_E2E_PICTURES ?? join(tmpdir(), 'maestro-e2e-pictures')
const contexts = new Set()

/** A browser whose windows are watched from their first request on, have no animation and speak British English. */
export async function launch() {
  const browser = await chromium.launch({
    executablePath: process.env.MAESTRO_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
  })
  const plain = browser.newContext.bind(browser)
  browser.newContext = async (options) => {
    const context = await plain({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', locale: 'en-GB', ...options })
    context.setDefaultTimeout(patience)
    // Whatever the account chooses in another window meanwhile; who wants to be spoken to in that says a locale.
    if (!options?.locale) await context.addInitScript(() => { try { if (!localStorage.getItem('maestro.language')) localStorage.setItem('maestro.language', 'en') } catch { /* No page of ours. */ } })
    context.on('page', watched)
    contexts.add(context)
    context.on('close', () => contexts.delete(context))
    return context
  }
  return browser
}

/** A test of node's that closes what it opened, and tells of a failure what was on the pages. */
export function test(name, options, fn) {
  if (typeof options === 'function') [options, fn] = [{}, options]
  const limit = options.timeout ?? 4 * patience
  return nodeTest(name, { ...options, timeout: limit + patience }, async (t) => {
    const before = new Set(contexts)
    let timer
    // Its end is ours to call, or nobody would tell what was on the pages.
    const over = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`not done after ${limit / 1000} s`)), limit) })
    try {
      await Promise.race([fn(t), over])
    } catch (err) {
      throw await told(name, err)
    } finally {
      clearTimeout(timer)
      for (const c of contexts) if (!before.has(c)) await c.close()
    }
  })
}

async function told(name, err) {
  const said = []
  for (const page of [...contexts].flatMap((c) => c.pages()).filter((p) => p.url() !== 'about:blank')) {
    const file = join(pictures, `${name.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 60)}-${said.length + 1}.png`)
    await mkdir(pictures, { recursive: true })
    const taken = await page.screenshot({ path: file, timeout: 10_000 }).then(() => `picture: ${file}`, (e) => `no picture: ${e.message}`)
    const text = await page.locator('body').ariaSnapshot({ timeout: 5000 }).catch((e) => `not readable: ${e.message}`)
    const open = [...(traffic.get(page)?.open ?? [])].map((r) => `${r.method()} ${r.url()}`)
    said.push([`-- on ${page.url()}`, taken, ...(open.length ? [`still asked for: ${open.join(', ')}`] : []), text.length > 4000 ? `${text.slice(0, 4000)} ...` : text].join('\n'))
  }
  const message = [err?.message ?? String(err), ...said].join('\n')
  return Object.assign(new Error(message), { stack: `${message}\n${String(err?.stack ?? '').split('\n').filter((l) => /^ +at /.test(l)).join('\n')}` })
}

/** What the API answers, for tests that must know ids beforehand. */
export async function ask(facts, path) {
  const response = await fetch(`${facts.url}/api/v1${path}`, { headers: { Authorization: `Bearer ${facts.api_token}` } })
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

/** Lets the page's browser in as the administrator, without the form. */
export async function signIn(page, facts) {
  const response = await fetch(`${facts.url}/api/v1/session`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Maestro-CSRF': '1' },
    body: JSON.stringify({ username: facts.username, password: facts.password }),
  })
  if (!response.ok) throw new Error(`sign in: ${response.status} ${await response.text()}`)
  const [name, value] = response.headers.getSetCookie()[0].split(';')[0].split('=')
  await page.context().addCookies([{ name, value, url: facts.url, httpOnly: true, sameSite: 'Lax' }])
}

/** A range of addresses; where there is none, one that is recorded. */
async function aPrefix(facts) {
  const find = async () => {
    for (const { id } of (await ask(facts, '/routing_domains')).items) {
      const [first] = (await ask(facts, `/prefixes?domain=${id}&page_size=1`)).items
      if (first) return first
    }
  }
  const there = await find()
  if (there) return there
  const made = await fetch(`${facts.url}/api/v1/resources/network`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${facts.api_token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ request_id: crypto.randomUUID(), name: 'backbone', attributes: { cidrs: ['10.255.0.0/16'] } }),
  })
  if (!made.ok) throw new Error(`make a network: ${made.status} ${await made.text()}`)
  const late = Date.now() + patience
  for (;;) {
    const prefix = await find()
    if (prefix) return prefix
    if (Date.now() > late) throw new Error('a network with a range makes no prefix')
    await new Promise((r) => setTimeout(r, 100))
  }
}

/** Something that waits for a decision, or waited; where there is nothing, a merge is asked for. */
async function anApproval(facts) {
  const [there] = (await ask(facts, '/approvals?page_size=1')).items
  if (there) return there.id
  const send = async (method, path, body, headers = {}) => {
    const done = await fetch(`${facts.url}/api/v1${path}`, { method, headers: { Authorization: `Bearer ${facts.api_token}`, 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) })
    if (!done.ok) throw new Error(`${method} ${path}: ${done.status} ${await done.text()}`)
    return done.json()
  }
  const rules = async (required) => {
    const { version, items } = await ask(facts, '/approval-rules')
    await send('PUT', '/approval-rules', { items: items.map((r) => (r.kind === 'merge' ? { ...r, required } : r)) }, { 'If-Match': `"${version}"` })
  }
  const make = (name) => send('POST', '/resources/application', { request_id: crypto.randomUUID(), name })
  const [one, other] = [await make('billing'), await make('billing, once more')]
  await rules(true)
  const asked = await send('POST', `/resources/application/${one.id}/merge`, { with: other.id, reason: 'twice in the list' }, { 'If-Match': `"${one.version}"` })
  await rules(false)
  return asked.approval
}

/** The pages there are, with ids of what the server really has. */
export async function pages(facts) {
  const kinds = (await ask(facts, '/kinds')).items.filter((k) => k.approval === 'approved').map((k) => k.name)
  const filled = []
  for (const kind of kinds) if ((await ask(facts, `/resources/${kind}?page_size=1`)).items.length) filled.push(kind)
  const kind = filled.includes('server') ? 'server' : filled[0]
  const rows = (await ask(facts, `/resources/${kind}?page_size=20`)).items
  let resource = rows[0]
  for (const r of rows) {
    // The one that says most is worth looking at most.
    const score = (x) => Object.keys(x.attributes).length + 20 * Object.keys(x.common ?? {}).length
    if (score(r) > score(resource)) resource = r
  }
  const runs = (await ask(facts, '/runs?page_size=50')).items
  const run = runs.find((r) => r.state === 'partial') ?? runs.find((r) => r.provider === 'vsphere' && r.state === 'succeeded') ?? runs[0]
  const connections = (await ask(facts, '/connections')).items
  const connection = connections.find((c) => c.provider === 'vsphere' && c.last_run?.state !== 'running') ?? connections[0]
  const agent = (await ask(facts, '/agents')).items[0]
  const datacenter = (await ask(facts, '/datacenters')).items.sort((a, b) => (b.counts?.server ?? 0) - (a.counts?.server ?? 0))[0]
  const prefix = await aPrefix(facts)
  const approval = await anApproval(facts)
  return {
    kind,
    resource,
    connection,
    list: [
      ['overview', '/'],
      ...filled.map((k) => [`list-${k}`, `/inventory/${k}`]),
      ['resource', `/inventory/${kind}/${resource.id}`],
      ['resource-sources', `/inventory/${kind}/${resource.id}?tab=sources`],
      ['resource-relations', `/inventory/${kind}/${resource.id}?tab=relations`],
      ['resource-history', `/inventory/${kind}/${resource.id}?tab=history`],
      ['resource-access', `/inventory/${kind}/${resource.id}?tab=access`],
      ['resource-raw', `/inventory/${kind}/${resource.id}?tab=raw`],
      ['connections', '/connections'],
      ['connection', `/connections/${connection.id}`],
      ['connection-edit', `/connections/${connection.id}/edit`],
      ['connection-access', `/connections/${connection.id}/access`],
      ['connection-new', '/connections/new'],
      ['connection-health', '/connections/health'],
      ['connection-setup', '/connections/setup'],
      ['connections-import', '/connections/import'],
      ['credentials', '/connections/credentials'],
      ['runs', '/runs'],
      ['run', `/runs/${run.id}`],
      ['agents', '/agents'],
      ['agent', `/agents/${agent.id}`],
      ['join', '/agents?join=1'],
      ['coverage', '/coverage'],
      ['why', '/why'],
      ['why-answer', `/why?name=${encodeURIComponent('no such thing')}&kind=${kind}`],
      ['datacenters', '/datacenters'],
      ...(datacenter ? [['datacenter', `/datacenters/${datacenter.id}`], ['datacenter-access', `/datacenters/${datacenter.id}/access`]] : []),
      ['prefixes', '/prefixes'],
      ['prefix', `/prefixes/${prefix.id}`],
      ['import', '/import'],
      ['approvals', '/approvals'],
      ['approval', `/approvals/${approval}`],
      ['removals', '/removals'],
      ['reviews', '/reviews'],
      ['mapping', '/mapping'],
      ['kinds', '/kinds'],
      ['changes', '/changes'],
      ['compare', '/changes?tab=compare&since=hour'],
      ['audit', '/changes?tab=audit'],
      ['settings', '/settings'],
      ['notifications', '/notifications'],
      ['subscriptions', '/notifications?tab=subscriptions'],
      ['users', '/settings/users'],
      ['teams', '/settings/teams'],
      ['roles', '/settings/roles'],
      ['tenants', '/settings/tenants'],
      ['mine', '/mine'],
      ['mine-resources', `/mine?tab=resources&kind=${kind}`],
      ['mine-connections', '/mine?tab=connections'],
      ['mine-agents', '/mine?tab=agents'],
      ['mine-runs', '/mine?tab=runs'],
      ['account', '/account'],
      ['empty', `/inventory/${kind}?filter=${encodeURIComponent('nothinghaslikethis')}`],
      ['filter-error', `/inventory/${kind}?filter=${encodeURIComponent('name = web AND nmae = 1')}`],
      ['missing', `/inventory/${kind}/0198c000-0000-7000-8000-000000000000`],
      ['not-found', '/nowhere'],
    ],
  }
}

const traffic = new WeakMap()

/** Counts what the page asks for, but for the stream of events, which never ends. */
function watched(page) {
  const t = { open: new Set(), asked: 0 }
  traffic.set(page, t)
  const over = (r) => t.open.delete(r)
  page.on('request', (r) => {
    if (r.url().includes('/api/v1/events')) return
    t.open.add(r)
    t.asked++
  })
  page.on('requestfinished', over)
  page.on('requestfailed', over)
}

// Colours that are on their way from one theme to the other are not what one sees.
// Three times in a row the page has nothing to do, or at least a while has passed; what an answer sets off has begun by then, however slow the machine is.
const idle = () => new Promise((done) => {
  let left = 3
  const again = () => (left-- > 0 ? requestIdleCallback(() => setTimeout(again, 25), { timeout: 300 }) : done(!document.querySelector('[aria-busy="true"]') && !document.documentElement.dataset.later && document.fonts.status === 'loaded' && document.readyState === 'complete' && !document.getAnimations().some((a) => a.playState === 'running' && a.effect?.getComputedTiming().endTime !== Infinity)))
  again()
})

/** Until the page has its data and its fonts: nothing is asked for, nothing is waited for, and nothing is to be done. */
export async function settled(page) {
  const t = traffic.get(page)
  const late = Date.now() + patience
  for (;;) {
    const asked = t.asked
    // A page that goes somewhere else while it is asked is not settled.
    const quiet = t.open.size === 0 && (await page.evaluate(idle).catch((e) => (page.isClosed() ? Promise.reject(e) : false)))
    if (quiet && t.open.size === 0 && t.asked === asked) return
    if (Date.now() > late) throw new Error(`${page.url()} does not come to rest; asked for: ${[...t.open].map((r) => r.url()).join(', ') || 'nothing'}`)
    await new Promise((r) => setTimeout(r, 20))
  }
}
