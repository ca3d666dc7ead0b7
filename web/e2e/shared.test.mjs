// Somebody to whom nothing is shared, and somebody to whom one thing is, in a real browser: the first is told whom to ask and
// where else he may read something, the second is never told that there is none of what he may not see.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, listening, make, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())
const shots = process.env.MAESTRO_SHOTS
const shoot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }) }

/** A page of somebody new, before his first visit of another one; what the collector refused him is kept. */
async function somebody(name, options = {}) {
  const { link } = await send(facts, 'POST', '/users', { username: name, role: 'none' })
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const errors = listening(page)
  const refused = []
  page.on('response', (r) => { if (r.status() >= 400) refused.push(`${r.status()} ${r.url().replace(facts.url, '')}`) })
  const enter = async () => {
    await page.goto(new URL(link.link, facts.url).toString())
    await page.getByLabel(/^New password( \*)?$/).fill('a password of my own')
    await page.getByLabel('New password again').fill('a password of my own')
    await page.getByRole('button', { name: 'Set the password and sign in' }).click()
    await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor()
    // Before he had signed in he was nobody, and the link serves once.
    await settled(page)
    refused.length = 0
  }
  const go = async (path) => {
    await page.goto(facts.url + path)
    await settled(page)
  }
  return { page, refused, enter, go, close: async () => { assert.deepEqual(errors, []); await context.close() } }
}

test('who may read nothing is told whom to ask and where else to go, and asks for nothing that is refused', async (t) => {
  const [name, other] = [unique('otto'), unique('delta').toLowerCase()]
  t.after(() => send(facts, 'DELETE', `/users/${name}`).catch(() => null))
  const one = await somebody(name, { viewport: { width: 390, height: 844 } })
  const { page } = one
  await one.enter()
  await page.getByRole('heading', { name: 'Nothing is shared with you here yet' }).waitFor()
  await page.getByText(name).first().waitFor()
  await one.go('/')
  await page.getByRole('heading', { name: 'Nothing is shared with you here yet' }).waitFor()
  await settled(page)
  assert.deepEqual(one.refused, [])
  await fit(page, 'nothing shared, on a phone')
  await shoot(page, 'nothing-390')

  // He reads another tenant: that is one step away, and its lists are found from here.
  await send(facts, 'POST', '/tenants', { id: other, name: `Tenant ${other}`, administrator: facts.username })
  await send(facts, 'PUT', `/tenants/${other}/members/${name}`, { role: 'reader' })
  await page.setViewportSize({ width: 1440, height: 900 })
  await one.go('/')
  await page.getByRole('button', { name: `Go to Tenant ${other}` }).waitFor()
  await fit(page, 'nothing shared here, something elsewhere')
  await shoot(page, 'nothing-1440')
  await one.go('/mine')
  await page.getByText('Default: You may read nothing there.').waitFor()
  await fit(page, 'a tenant that is not listed')
  await one.go('/mine?tab=resources')
  await page.getByText(/in all tenants/).first().waitFor()
  await settled(page)
  assert.deepEqual(one.refused, [])
  await one.go('/')
  await page.getByRole('button', { name: `Go to Tenant ${other}` }).click()
  await page.getByRole('button', { name: `Tenant Tenant ${other}; change it` }).waitFor()
  await page.getByRole('heading', { name: 'Nothing is shared with you here yet' }).waitFor({ state: 'detached' })
  assert.deepEqual(one.refused, [])
  await one.close()
})

test('who reads one thing is not told that there are no connections, runs or relations', async (t) => {
  const name = unique('uma')
  t.after(() => send(facts, 'DELETE', `/users/${name}`).catch(() => null))
  const seen = await make(facts, 'server', { name: unique('seen') })
  const one = await somebody(name)
  const { page } = one
  await one.enter()
  await send(facts, 'POST', '/grants', { subject: { type: 'user', id: name }, right: 'read', target: { kind: 'server', id: seen.id } })
  const lies = /no connection reads|No connections yet|Nothing has run yet|Nothing has been read yet|No source has named|was read completely/
  for (const [path, words, picture] of [
    ['/', 'No connection that you may see', 'one-overview'],
    ['/inventory/server', 'no connection that you may see reads servers', 'one-servers'],
    ['/connections', 'No connection that you may see', 'one-connections'],
    ['/connections/health', 'No connection that you may see', 'one-health'],
    ['/runs', 'No run that you may see', 'one-runs'],
    ['/coverage', 'No connection that you may see has read anything', 'one-coverage'],
    [`/inventory/server/${seen.id}?tab=relations`, 'No relation to or from something that you may see is known', 'one-relations'],
  ]) {
    await one.go(path)
    await page.getByText(words).first().waitFor()
    await settled(page)
    assert.doesNotMatch(await page.locator('main').innerText(), lies, path)
    assert.equal(await page.locator('main').getByRole('link', { name: 'Add a connection' }).count(), 0, path)
    await fit(page, path)
    await shoot(page, picture)
  }
  await one.close()
})
