// Starts Debian's Chromium and signs in. MAESTRO_E2E_DEV_JSON names the dev.json of the server to look at.
import { readFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'

export async function serverFacts() {
  const path = process.env.MAESTRO_E2E_DEV_JSON
  if (!path) {
    console.error('MAESTRO_E2E_DEV_JSON must name a dev.json (url, username, password, api_token); "maestro dev" writes one, and so does "node dev/server.mjs FILE".')
    process.exit(2)
  }
  return JSON.parse(await readFile(path, 'utf8'))
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.MAESTRO_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
  })

/** What the API answers, for tests that must know ids beforehand. */
export async function ask(facts, path) {
  const response = await fetch(`${facts.url}/api/v1${path}`, { headers: { Authorization: `Bearer ${facts.api_token}` } })
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

export async function signIn(page, facts) {
  await page.goto(facts.url)
  await page.getByLabel('User name').fill(facts.username)
  await page.locator('input[type=password]').fill(facts.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
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
      ['resource-raw', `/inventory/${kind}/${resource.id}?tab=raw`],
      ['connections', '/connections'],
      ['connection', `/connections/${connection.id}`],
      ['connection-edit', `/connections/${connection.id}/edit`],
      ['connection-new', '/connections/new'],
      ['runs', '/runs'],
      ['run', `/runs/${run.id}`],
      ['agents', '/agents'],
      ['agent', `/agents/${agent.id}`],
      ['join', '/agents?join=1'],
      ['coverage', '/coverage'],
      ['datacenters', '/datacenters'],
      ...(datacenter ? [['datacenter', `/datacenters/${datacenter.id}`]] : []),
      ['prefixes', '/prefixes'],
      ['import', '/import'],
      ['removals', '/removals'],
      ['reviews', '/reviews'],
      ['mapping', '/mapping'],
      ['kinds', '/kinds'],
      ['changes', '/changes'],
      ['compare', '/changes?tab=compare&since=hour'],
      ['audit', '/changes?tab=audit'],
      ['settings', '/settings'],
      ['users', '/settings/users'],
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
  let t = traffic.get(page)
  if (t) return t
  t = { open: new Set(), last: Date.now() }
  traffic.set(page, t)
  const counts = (r) => !r.url().includes('/api/v1/events')
  const over = (r) => { if (t.open.delete(r)) t.last = Date.now() }
  page.on('request', (r) => { if (counts(r)) { t.open.add(r); t.last = Date.now() } })
  page.on('requestfinished', over)
  page.on('requestfailed', over)
  page.on('framenavigated', (f) => { if (f === page.mainFrame()) t.last = Date.now() })
  return t
}

/** Until the page has its data and its fonts: nothing asked for in the last half second, and nothing is waited for. */
export async function settled(page) {
  const t = watched(page)
  const late = Date.now() + 15_000
  await page.waitForLoadState('load')
  const began = Date.now()
  while (Date.now() < late && (t.open.size > 0 || Date.now() - Math.max(t.last, began) < 500)) await new Promise((r) => setTimeout(r, 50))
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]') && document.fonts.status === 'loaded', undefined, { timeout: 10_000 })
}
