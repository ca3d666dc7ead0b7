// What happens while a page is open: it follows the inventory by itself, says when the collector is away, keeps what was
// typed, goes on when the collector is back, and lets a reader whose session ended sign in over it.
import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, signIn, test } from './browser.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

async function call(method, path, body, more = {}) {
  const response = await fetch(`${facts.url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${facts.api_token}`, 'Content-Type': 'application/json', ...more },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  assert.ok(response.ok, `${method} ${path}: ${response.status}`)
  return response.status === 204 ? null : response.json()
}

async function open(url) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const asked = []
  page.on('request', (r) => asked.push(r.url()))
  await signIn(page, { ...facts, url })
  return { page, asked, context, close: () => context.close() }
}

/** A line to the collector that can be cut. */
async function line() {
  const to = new URL(facts.url)
  const sockets = new Set()
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname)
    for (const [a, b] of [[near, far], [far, near]]) {
      sockets.add(a)
      a.on('error', () => b.destroy())
      a.on('close', () => { sockets.delete(a); b.destroy() })
      a.pipe(b)
    }
  })
  const listen = (port) => new Promise((done) => server.listen(port, '127.0.0.1', done))
  await listen(0)
  const port = server.address().port
  return {
    url: `http://127.0.0.1:${port}`,
    cut: () => new Promise((done) => { server.close(done); for (const s of sockets) s.destroy() }),
    mend: () => listen(port),
  }
}

const unique = () => Math.random().toString(36).slice(2, 8)

test('a list and a resource follow what happens elsewhere, without asking again and again', async () => {
  const { page, asked, close } = await open(facts.url)
  await page.goto(`${facts.url}/inventory/server?filter=${encodeURIComponent('name = live*')}`)
  await settled(page)
  const name = `live-${unique()}`
  const made = await call('POST', '/resources/server', { name, reason: 'e2e' })
  await page.getByRole('link', { name }).waitFor()
  await page.getByRole('link', { name }).click()
  await page.getByRole('heading', { name, level: 1 }).waitFor()
  await settled(page)
  await call('PATCH', `/resources/server/${made.id}`, { set: { '/common/notes': `seen ${name}` } }, { 'If-Match': `"${made.version}"` })
  await page.getByText(`seen ${name}`).first().waitFor()
  // A page that hears what happens does not ask; its clock is put forward to where it would.
  await page.clock.install()
  await page.goto(`${facts.url}/settings`)
  await settled(page)
  asked.length = 0
  await page.clock.fastForward(25_000)
  await settled(page)
  assert.deepEqual(asked.filter((u) => !u.includes('/events') && /\/(agents|connections|changes)\b/.test(u)), [], 'asked for nothing while nothing happened')
  await close()
})

test('a collector that goes away is said, what was typed stays, and the page goes on when it is back', async () => {
  const l = await line()
  const { page, close } = await open(l.url)
  await page.goto(`${l.url}/inventory/server?filter=${encodeURIComponent('name = back*')}`)
  await settled(page)
  await page.getByRole('button', { name: 'Add by hand' }).click()
  const dialog = page.getByRole('dialog')
  const name = `back-${unique()}`
  await dialog.getByRole('textbox', { name: 'Name' }).fill(name)
  await l.cut()
  await page.getByText(/No answer from the collector since/).waitFor()
  assert.equal(await dialog.getByRole('textbox', { name: 'Name' }).inputValue(), name)
  const meanwhile = `back-${unique()}`
  await call('POST', '/resources/server', { name: meanwhile, reason: 'e2e' })
  await l.mend()
  await page.getByText(/No answer from the collector since/).waitFor({ state: 'detached' })
  assert.equal(await dialog.getByRole('textbox', { name: 'Name' }).inputValue(), name)
  // What happened meanwhile is told.
  await page.getByText(meanwhile).first().waitFor()
  await close()
  await l.cut()
})

test('a session that ends in the middle of a form is opened again over it', async () => {
  const { page, context, close } = await open(facts.url)
  await page.goto(`${facts.url}/inventory/server`)
  await settled(page)
  await page.getByRole('button', { name: 'Add by hand' }).click()
  const field = page.getByRole('dialog').first().getByRole('textbox', { name: 'Name' })
  await field.fill('half a name')
  await context.clearCookies()
  const again = page.getByRole('dialog', { name: 'Your session has ended' })
  // The stream was opened with the old cookie; any question now is refused.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await call('POST', '/resources/server', { name: `ended-${unique()}`, reason: 'e2e' })
  await again.waitFor()
  await again.locator('input[type=password]').fill(facts.password)
  await again.getByRole('button', { name: 'Sign in' }).click()
  await again.waitFor({ state: 'detached' })
  assert.equal(await field.inputValue(), 'half a name')
  await close()
})
