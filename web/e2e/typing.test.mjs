// What people type into forms: sizes in their units, and what is wrong marked at its field, far below the fold as well.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

test('a size is typed in any unit, and what was understood stands underneath', async () => {
  const { id } = await make(facts, 'server', { name: unique('sized'), attributes: { memory_bytes: 16 * 1024 ** 3 } })
  const { page, go, close } = await open(browser, facts)
  await go(`/inventory/server/${id}`)
  await page.getByRole('button', { name: 'Edit Memory', exact: true }).click()
  const input = page.getByRole('textbox', { name: 'Memory' })
  assert.equal(await input.inputValue(), '16 GiB')
  await input.fill('much')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('A size such as 32 GiB or 512 MB is needed here.').waitFor()
  await input.fill('32 GiB')
  await page.getByText('= 34,359,738,368 bytes').waitFor()
  await fit(page, 'a size being edited')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await input.waitFor({ state: 'detached' })
  assert.equal((await send(facts, 'GET', `/resources/server/${id}`)).attributes.memory_bytes, 32 * 1024 ** 3)
  await close()
})

test('by hand: what is wrong below the fold is led to, named by the button, and forgotten once it is right', async () => {
  const name = unique('typed')
  const { page, go, close } = await open(browser, facts)
  await go('/inventory/server')
  await page.getByRole('button', { name: 'Add by hand' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
  await dialog.getByRole('button', { name: 'More details' }).click()
  const memory = dialog.getByRole('textbox', { name: 'Memory', exact: true })
  await memory.fill('lots')
  const address = dialog.getByRole('textbox', { name: 'Primary address' })
  await address.fill('nonsense')
  const add = dialog.getByRole('button', { name: 'Add', exact: true })
  await add.click()
  const said = dialog.getByText('Not added yet. Look at: Memory.')
  await said.waitFor()
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true')
  assert.equal(await page.evaluate(() => document.activeElement.value), 'lots')
  await memory.fill('16g')
  await said.waitFor({ state: 'detached' })
  await dialog.getByText('= 17,179,869,184 bytes').waitFor()

  // The collector refuses the address: its field is marked and led to, and both the mark and the refusal go with the next word typed.
  await add.click()
  await dialog.getByRole('alert').getByText('it is not an IP address').waitFor()
  await page.waitForFunction(() => document.activeElement?.value === 'nonsense' && document.activeElement.getAttribute('aria-invalid') === 'true')
  await address.fill('192.0.2.61')
  await dialog.getByText('it is not an IP address').first().waitFor({ state: 'detached' })
  assert.equal(await dialog.getByRole('alert').count(), 0)
  await add.click()
  await page.getByRole('heading', { level: 1 }).getByText(name).waitFor()
  const made = (await send(facts, 'GET', `/resources/server?filter=${encodeURIComponent(`name = "${name}"`)}`)).items[0]
  assert.deepEqual([made.attributes.memory_bytes, made.attributes.primary_ip], [16 * 1024 ** 3, '192.0.2.61'])

  // What people named has no name beneath theirs to go back to.
  await page.getByRole('button', { name: 'Edit Memory', exact: true }).click()
  await page.getByRole('button', { name: 'Save', exact: true }).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Back to what is discovered' }).count(), 0)
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.getByRole('button', { name: 'Edit Name', exact: true }).click()
  await page.locator('input[aria-label="Name"]').fill('')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('This is needed.').waitFor()
  await close()
})

test('the PEM of an authority arrives with its lines', async () => {
  const c = (await send(facts, 'GET', '/connections')).items.find((x) => x.provider === 'vsphere')
  const { page, go, close } = await open(browser, facts)
  await go(`/connections/${c.id}/edit`)
  const pem = '-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ0\nAAAA\n-----END CERTIFICATE-----\n'
  const field = page.getByRole('textbox', { name: 'Certificate authority' })
  await field.fill(pem)
  assert.equal(await field.inputValue(), pem)
  // What the form would send is looked at on its way; the connection itself stays as it is.
  const sent = page.waitForRequest((r) => r.method() === 'PUT' && r.url().includes(`/connections/${c.id}`))
  await page.route(`**/api/v1/connections/${c.id}`, (route) => (route.request().method() === 'PUT' ? route.abort() : route.continue()))
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  assert.equal((await sent).postDataJSON().settings.ca_certificate, pem)
  await close()
})
