// Tenants in a real browser: one is made, a person is let in, changes into it and back, sees both in "all mine", and is told when it is disabled.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
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
