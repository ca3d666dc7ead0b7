// Somebody to whom nothing is shared, and somebody to whom one thing is, in a real browser: the first is told whom to ask and
// where else he may read something, the second is never told that there is none of what he may not see.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, listening, make, open, send, unique } from './tools.mjs'

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

test('who was given write on a connection edits what it reads, and nothing that decides whose it is', async (t) => {
  const name = unique('vera')
  const demo = (await send(facts, 'GET', '/connections')).items.find((c) => c.provider === 'vsphere')
  const connection = await send(facts, 'POST', '/connections', { name: unique('theirs'), provider: demo.provider, settings: demo.settings, paused: true, kinds: demo.kinds, precedence: 700 })
  t.after(async () => {
    await send(facts, 'DELETE', `/users/${name}`).catch(() => null)
    await send(facts, 'DELETE', `/connections/${connection.id}`).catch(() => null)
  })
  const one = await somebody(name)
  const { page } = one
  await one.enter()
  await send(facts, 'POST', '/grants', { subject: { type: 'user', id: name }, right: 'read', target: { kind: 'connection', id: connection.id } })
  await one.go(`/connections/${connection.id}/edit`)
  await page.getByRole('heading', { name: 'You may not edit this connection' }).waitFor()
  await send(facts, 'POST', '/grants', { subject: { type: 'user', id: name }, right: 'write', target: { kind: 'connection', id: connection.id } })
  await one.go(`/connections/${connection.id}`)
  await page.getByRole('link', { name: 'Edit', exact: true }).click()
  const quiet = page.getByRole('textbox', { name: 'Quiet hours' })
  await quiet.fill('22:00-06:00')
  for (const label of ['Agent', 'Datacenter', 'Credential', 'Precedence']) assert.equal(await page.getByLabel(label, { exact: true }).count(), 0, label)
  await page.getByText('It runs on no agent').waitFor()
  await fit(page, 'a connection that one may write')
  await shoot(page, 'write-connection')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.waitForURL(`**/connections/${connection.id}`)
  const is = await send(facts, 'GET', `/connections/${connection.id}`)
  assert.deepEqual([is.quiet_hours, is.precedence, is.paused], [['22:00-06:00'], 700, true])
  await one.close()
})

test('a right that is taken away takes what it showed off the open page', async (t) => {
  const name = unique('wim')
  t.after(() => send(facts, 'DELETE', `/users/${name}`).catch(() => null))
  const [first, second] = [await make(facts, 'application', { name: unique('first') }), await make(facts, 'application', { name: unique('second') })]
  const one = await somebody(name)
  const { page } = one
  await one.enter()
  const grant = (r) => send(facts, 'POST', '/grants', { subject: { type: 'user', id: name }, right: 'read', target: { kind: 'application', id: r.id } })
  const grants = [await grant(first), await grant(second)]
  const listening = page.waitForResponse((r) => r.url().includes('/api/v1/events') && r.ok())
  await one.go('/inventory/application')
  await page.getByRole('link', { name: first.name }).waitFor()
  await listening
  await send(facts, 'DELETE', `/grants/${grants[0].id}`)
  await page.getByRole('link', { name: first.name }).waitFor({ state: 'detached' })
  await page.getByRole('link', { name: second.name }).click()
  await page.getByRole('heading', { name: second.name, level: 1 }).waitFor()
  await send(facts, 'DELETE', `/grants/${grants[1].id}`)
  await page.getByRole('heading', { name: second.name, level: 1 }).waitFor({ state: 'detached' })
  assert.equal(await page.locator('main').getByText(second.name).count(), 0)
  await one.close()
})

test('what was typed into a new record is not lost by a key', async () => {
  const { page, go, close } = await open(browser, facts)
  const name = unique('typed')
  await go('/inventory/server')
  await page.getByRole('button', { name: 'Add by hand' }).click()
  const form = page.getByRole('dialog', { name: 'Add by hand: server' })
  const asked = page.getByRole('dialog', { name: 'Leave without saving?' })
  // Nothing typed, nothing asked.
  await form.getByRole('textbox', { name: 'Name', exact: true }).waitFor()
  await page.keyboard.press('Escape')
  await form.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Add by hand' }).click()
  await form.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
  await page.keyboard.press('Escape')
  await asked.waitFor()
  await asked.getByRole('button', { name: 'Cancel' }).click()
  await asked.waitFor({ state: 'detached' })
  assert.equal(await form.getByRole('textbox', { name: 'Name', exact: true }).inputValue(), name)
  await page.goBack()
  await asked.waitFor()
  await asked.getByRole('button', { name: 'Cancel' }).click()
  await asked.waitFor({ state: 'detached' })
  assert.equal(await form.getByRole('textbox', { name: 'Name', exact: true }).inputValue(), name)
  await form.getByRole('button', { name: 'Cancel' }).click()
  await asked.getByRole('button', { name: 'Leave' }).click()
  await form.waitFor({ state: 'detached' })
  await close()
})

test('a database is asked about Oracle where it is one', async () => {
  const { page, go, close } = await open(browser, facts)
  await go('/inventory/database?add=1')
  const form = page.getByRole('dialog', { name: 'Add by hand: database' })
  await form.getByRole('button', { name: 'More details' }).click()
  const engine = form.getByLabel('Engine', { exact: true })
  const oracle = form.getByRole('group', { name: 'Oracle', exact: true })
  await engine.waitFor()
  assert.equal(await oracle.count(), 0)
  await engine.fill('oracle-ee')
  await oracle.waitFor()
  await oracle.getByLabel('Release', { exact: true }).fill('19c')
  await fit(page, 'a new Oracle database')
  await shoot(page, 'new-oracle')
  // What was filled stays in sight, the rest of the form goes.
  await engine.fill('mysql')
  await oracle.getByText('GoldenGate', { exact: true }).waitFor({ state: 'detached' })
  assert.equal(await oracle.getByLabel('Release', { exact: true }).inputValue(), '19c')
  await oracle.getByLabel('Release', { exact: true }).fill('')
  await oracle.waitFor({ state: 'detached' })
  await form.getByLabel('Clustering', { exact: true }).waitFor()
  await close()
})

test('a record is made with its place, tags and several identifiers, and is moved to another datacenter on its page', async (t) => {
  const { page, go, close } = await open(browser, facts)
  const name = unique('whole')
  t.after(async () => {
    const { items } = await send(facts, 'GET', `/resources/server?filter=${encodeURIComponent(`name = "${name}"`)}`)
    for (const r of items) await send(facts, 'DELETE', `/resources/server/${r.id}`, undefined, { 'If-Match': `"${r.version}"` })
    for (const d of [from, to]) await send(facts, 'DELETE', `/datacenters/${d.id}`)
  })
  const [from, to] = [await send(facts, 'POST', '/datacenters', { name: unique('from') }), await send(facts, 'POST', '/datacenters', { name: unique('to') })]
  await go('/inventory/server?add=1')
  const form = page.getByRole('dialog', { name: 'Add by hand: server' })
  await form.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
  const choose = async (label, option) => {
    await form.getByRole('combobox', { name: label, exact: true }).click()
    await page.getByRole('option', { name: option, exact: true }).click()
  }
  await choose('Datacenter', from.name)
  const [one, two] = ['serial', 'fqdn']
  await choose('Identifier', one)
  await form.getByRole('textbox', { name: one, exact: true }).fill(`${name}-1`)
  await form.getByRole('button', { name: 'Another identifier' }).click()
  await choose('Identifier 2', two)
  await form.getByRole('textbox', { name: `${two} of identifier 2`, exact: true }).fill(`${name}.example.org`)
  await form.getByRole('button', { name: 'More details' }).click()
  await form.getByRole('textbox', { name: 'Region', exact: true }).fill('lisbon')
  await form.getByRole('textbox', { name: 'Zone', exact: true }).fill('lisbon-1')
  const tags = form.getByLabel('Tags', { exact: true })
  await tags.fill('team=platform')
  await tags.press('Enter')
  await fit(page, 'a new record with everything')
  await shoot(page, 'new-record')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByRole('heading', { level: 1 }).getByText(name).waitFor()
  const made = (await send(facts, 'GET', `/resources/server?filter=${encodeURIComponent(`name = "${name}"`)}`)).items[0]
  const is = await send(facts, 'GET', `/resources/server/${made.id}`)
  assert.deepEqual([is.region, is.zone, is.datacenter.id, is.tags.map((x) => `${x.key}=${x.value}`)], ['lisbon', 'lisbon-1', from.id, ['team=platform']])
  assert.deepEqual(is.identifiers.map((x) => x.type).sort(), [one, two].sort())

  await page.getByRole('button', { name: 'Edit Datacenter', exact: true }).click()
  await page.getByRole('combobox', { name: 'Datacenter', exact: true }).click()
  await page.getByRole('option', { name: to.name, exact: true }).click()
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('button', { name: 'Edit Datacenter', exact: true }).waitFor()
  await page.locator('main').getByText(to.name).first().waitFor()
  assert.equal((await send(facts, 'GET', `/resources/server/${made.id}`)).datacenter.id, to.id)
  await fit(page, 'a record that was moved')
  await close()
})

test('who may only read something is told why he can see it', async (t) => {
  const name = unique('xena')
  t.after(() => send(facts, 'DELETE', `/users/${name}`).catch(() => null))
  const seen = await make(facts, 'application', { name: unique('why') })
  const one = await somebody(name)
  const { page } = one
  await one.enter()
  await send(facts, 'POST', '/grants', { subject: { type: 'user', id: name }, right: 'read', target: { kind: 'application', id: seen.id } })
  await one.go(`/inventory/application/${seen.id}?tab=access`)
  await page.getByRole('heading', { name: 'Why can you see this?' }).waitFor()
  await page.getByText(`${name} can read the application ${seen.name}`).waitFor()
  await fit(page, 'why one can see something')
  await shoot(page, 'why-own')
  await one.close()
})
