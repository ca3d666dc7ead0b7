// Tenants in a real browser: one is made, a person is let in, changes into it and back, sees both in "all mine", and is told when it is disabled.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
const shots = process.env.MAESTRO_SHOTS
const shoot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }) }
before(async () => { browser = await launch() })
after(() => browser?.close())

const id = unique('acme').toLowerCase().replace(/[^a-z0-9-]/g, '-')
const name = `Tenant <i>${id}</i>`

test('a tenant is made, entered, left, and looked at together with the other one', async () => {
  const admin = await open(browser, facts)
  const { page } = admin
  await admin.go('/settings')
  await page.getByRole('link', { name: 'Tenants', exact: true }).click()
  await page.getByRole('heading', { name: 'Tenants', exact: true }).waitFor()
  await page.getByRole('button', { name: 'Make a tenant' }).click()
  await page.getByLabel(/^Name/).fill(name)
  await page.getByLabel(/^Id/).fill('Not An Id')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('lower-case letters, digits and hyphens').waitFor()
  await page.getByLabel(/^Id/).fill(id)
  await fit(page, 'making a tenant')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: `Actions for ${name}` }).waitFor()
  await settled(page)
  await fit(page, 'tenants')

  const switcher = () => page.getByRole('button', { name: /^Tenant .*; change it$/ })
  await page.getByRole('button', { name: `Actions for ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Go there' }).click()
  await page.getByRole('button', { name: `Tenant ${name}; change it` }).waitFor()
  await admin.go('/')
  // Nothing is in it yet, and nothing of the first tenant is seen.
  assert.match(await switcher().textContent(), new RegExp(id))
  const made = await page.evaluate(async () => (await fetch('/api/v1/resources/server', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Maestro-CSRF': '1' }, body: JSON.stringify({ name: 'only-here' }) })).status)
  assert.equal(made, 201)
  await admin.go('/inventory/server')
  await page.getByText('only-here').first().waitFor()

  // Leaving the overview for the overview of another tenant shows that one's, not what stood there before.
  const servers = () => page.getByRole('list', { name: 'Resources by kind' }).getByRole('link', { name: /^Servers? / })
  await admin.go('/')
  await servers().filter({ hasText: /\D1$/ }).waitFor()
  await switcher().click()
  await page.getByRole('menuitem', { name: /^Default/ }).click()
  await page.getByRole('button', { name: 'Tenant Default; change it' }).waitFor()
  await servers().filter({ hasNotText: /\D1$/ }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/')
  await switcher().click()
  await page.getByRole('menuitem', { name: new RegExp(id) }).click()
  await servers().filter({ hasText: /\D1$/ }).waitFor()
  await admin.go('/inventory/server')
  await page.getByText('only-here').first().waitFor()
  assert.equal((await page.evaluate(async () => (await fetch('/api/v1/resources/server')).json())).total_size, 1)

  await switcher().click()
  await page.getByRole('menuitem', { name: 'All mine' }).click()
  await page.getByRole('heading', { name: 'All mine' }).waitFor()
  await page.getByLabel('Find in all tenants').fill('only-here')
  await page.getByRole('button', { name: 'only-here' }).waitFor()
  await settled(page)
  await fit(page, 'all mine')
  if (process.env.MAESTRO_E2E_PICTURES) await page.screenshot({ path: `${process.env.MAESTRO_E2E_PICTURES}/all-mine.png` })
  await switcher().click()
  await page.getByRole('menuitem', { name: /^Default/ }).click()
  await page.getByRole('button', { name: 'Tenant Default; change it' }).waitFor()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  assert.equal((await page.evaluate(async () => (await fetch('/api/v1/resources?q=only-here')).json())).total_size, 0)
  await admin.close()
})

test('members are let in and taken out, and a disabled tenant tells why', async () => {
  const person = unique('mia')
  await send(facts, 'POST', '/users', { username: person, role: 'none' })
  const admin = await open(browser, facts)
  const { page } = admin
  await admin.go('/settings/tenants')
  const act = async (what) => {
    await page.getByRole('button', { name: `Actions for ${name}` }).click()
    await page.getByRole('menuitem', { name: what }).click()
  }
  await act('Edit')
  await page.getByLabel('Sender of its letters').fill('Acme Operations')
  await page.getByLabel('Answers to its letters go to').fill('ops@acme.example')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: 'Save' }).waitFor({ state: 'detached' })
  await act('Members')
  await page.getByLabel(/^User name/).fill(person)
  await page.getByRole('button', { name: 'Let in' }).click()
  await page.getByRole('button', { name: `Take out ${person}` }).waitFor()
  await settled(page)
  await fit(page, 'members')
  await page.getByRole('button', { name: `Take out ${person}` }).click()
  await page.getByRole('button', { name: `Take out ${person}` }).waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Close' }).click()
  await act('Disable')
  await page.getByRole('textbox').fill('the contract ended')
  await page.getByRole('button', { name: 'Disable the tenant' }).click()
  await page.getByText('the contract ended').waitFor()
  await settled(page)
  await fit(page, 'a disabled tenant')
  const { items } = await send(facts, 'GET', '/tenants')
  const t = items.find((x) => x.id === id)
  assert.equal(t.mail_name, 'Acme Operations')
  assert.equal(t.disabled, true)
  await act('Enable')
  await page.getByRole('button', { name: 'Enable the tenant' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByTestId('table').getByText('the contract ended').waitFor({ state: 'detached' })
  await admin.close()
})

test('lists over all tenants: what one may read in each, and which are left out', async () => {
  const [open2, closed, server, person] = [unique('beta').toLowerCase(), unique('gamma').toLowerCase(), unique('only-there'), unique('ida')]
  const { link } = await send(facts, 'POST', '/users', { username: person, role: 'reader' })
  const admin = await open(browser, facts)
  const { page } = admin
  const call = (method, path, body, tenant) => page.evaluate(async ([method, path, body, tenant]) => {
    const r = await fetch(`/api/v1${path}`, { method, headers: { 'Content-Type': 'application/json', 'X-Maestro-CSRF': '1', ...(tenant ? { 'X-Maestro-Tenant': tenant } : {}) }, ...(body ? { body: JSON.stringify(body) } : {}) })
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`)
    return r.status === 204 ? null : r.json()
  }, [method, path, body, tenant])
  await admin.go('/mine')
  for (const t of [open2, closed]) await call('POST', '/tenants', { id: t, name: `Tenant ${t}` })
  await call('POST', '/resources/server', { name: server }, open2)
  await call('POST', '/resources/server', { name: `${server}-hidden` }, closed)

  // An administrator of all of them sees both, and a filter finds one; going there changes the tenant.
  await admin.go(`/mine?tab=resources&kind=server&filter=${encodeURIComponent(`name ~ ${server}`)}`)
  await page.getByText('2 in all tenants').waitFor()
  await page.getByRole('button', { name: `${server} in Tenant ${open2}` }).waitFor()
  await fit(page, 'resources of all tenants')
  await shoot(page, 'mine-resources-1440')
  for (const tab of ['connections', 'agents', 'runs']) {
    await page.getByRole('navigation', { name: 'What is listed' }).getByRole('button', { name: tab, exact: false }).click()
    await page.getByText(/in all tenants/).waitFor()
    await settled(page)
    await fit(page, `${tab} of all tenants`)
    await shoot(page, `mine-${tab}-1440`)
    assert.match(page.url(), new RegExp(`tab=${tab}`), 'the list is in the address')
  }
  await admin.go('/mine?tab=connections&filter=nonsense%20%3D%201')
  await page.getByText(/nonsense/).last().waitFor()
  await admin.go(`/mine?tab=agents&filter=${encodeURIComponent('name = nobody-is-called-so')}`)
  await page.getByText('Nothing in any of your tenants matches this filter').waitFor()
  await fit(page, 'an empty list of all tenants')
  await admin.go(`/mine?tab=resources&kind=server&order_by=name%20desc&filter=${encodeURIComponent(`name ~ ${server}`)}`)
  await page.getByRole('button', { name: `${server} in Tenant ${open2}` }).click()
  await page.getByRole('heading', { name: server }).waitFor()
  assert.equal((await call('GET', '/session')).tenant, open2, 'going to it changed the tenant')
  await call('PUT', '/session/tenant', { id: 'default' })

  // Somebody who reads one and nothing in the other sees the one, and the other's name with the reason.
  await call('PUT', `/tenants/${open2}/members/${person}`, { role: 'reader' })
  await call('PUT', `/tenants/${closed}/members/${person}`, { role: 'none' })
  await admin.close()

  const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
  const theirs = await context.newPage()
  await theirs.goto(new URL(link.link, facts.url).toString())
  await theirs.getByLabel(/^New password( \*)?$/).fill('a password of my own')
  await theirs.getByLabel('New password again').fill('a password of my own')
  await theirs.getByRole('button', { name: 'Set the password and sign in' }).click()
  await theirs.getByRole('heading', { name: 'Overview' }).waitFor()
  await theirs.goto(`${facts.url}/mine?tab=resources&kind=server&filter=${encodeURIComponent(`name ~ ${server}`)}`)
  await theirs.getByText('1 in all tenants').waitFor()
  await theirs.getByText(`Tenant ${closed}: You may read nothing there.`).waitFor()
  assert.equal(await theirs.getByText(`${server}-hidden`).count(), 0, 'what one may not read is not listed')
  await settled(theirs)
  await fit(theirs, 'resources of all tenants on a phone')
  await shoot(theirs, 'mine-resources-390')
  await theirs.getByRole('button', { name: `${server} in Tenant ${open2}` }).click()
  await theirs.getByRole('heading', { name: server }).waitFor()
  await context.close()
})
