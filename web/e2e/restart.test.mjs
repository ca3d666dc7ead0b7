// A collector of its own is killed under an open page and started again with the same address and data: the page says that it
// is away, goes on by itself when it is back, and keeps what was typed. Nobody has to sign in again.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, settled, test } from './browser.mjs'
import { missing, ownCollector } from './collector.mjs'
import { listening, make, unique } from './tools.mjs'

let browser, collector
before(async () => { browser = await launch() })
after(async () => {
  await browser?.close()
  await collector?.remove()
})

test('a collector killed and started again under an open page: it reconnects, and nothing typed is lost', { skip: missing }, async () => {
  collector = await ownCollector()
  const url = await collector.start({ listen: '127.0.0.1:0' })
  const admin = await collector.admin()
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = listening(page)
  await page.goto(`${url}/inventory/application`)
  await page.getByLabel('User name').fill(admin.username)
  await page.locator('input[type=password]').fill(admin.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Applications', level: 1 }).waitFor()
  await settled(page)
  await page.getByRole('button', { name: /^Add/ }).first().click()
  const dialog = page.getByRole('dialog')
  const [name, reason] = [unique('typed'), 'half a sentence that']
  await dialog.getByRole('textbox', { name: 'Name' }).fill(name)
  await dialog.getByLabel('Reason').fill(reason)

  await collector.stop()
  await page.getByText(/No answer from the collector since/).waitFor()
  // Sent into the void, it says so and stays.
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await dialog.getByRole('alert').getByText('No answer from the collector').waitFor()
  assert.equal(await dialog.getByLabel('Reason').inputValue(), reason)

  assert.equal(await collector.start({ listen: new URL(url).host }), url, 'it is back at its address')
  await page.getByText(/No answer from the collector since/).waitFor({ state: 'detached' })
  assert.equal(await page.getByRole('dialog', { name: 'Your session has ended' }).count(), 0, 'its session outlives the restart')
  assert.equal(await dialog.getByRole('textbox', { name: 'Name' }).inputValue(), name)
  assert.equal(await dialog.getByLabel('Reason').inputValue(), reason)
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByRole('heading', { level: 1 }).getByText(name).waitFor()

  // And it hears again what happens elsewhere.
  await page.goto(`${url}/inventory/application`)
  await settled(page)
  const token = await page.evaluate(async () => (await (await fetch('/api/v1/tokens', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Maestro-CSRF': '1' }, body: JSON.stringify({ name: 'restart', role: 'admin', ttl_seconds: 3600 }) })).json()).secret)
  const facts = { url, api_token: token }
  const elsewhere = unique('elsewhere')
  await make(facts, 'application', { name: elsewhere })
  await page.getByRole('link', { name: elsewhere }).first().waitFor()
  assert.equal((await ask(facts, '/resources/application')).items.filter((r) => r.name === name).length, 1, 'it was added once')
  assert.deepEqual(errors, [])
})
