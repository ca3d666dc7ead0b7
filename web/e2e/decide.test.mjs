// What people decide and what the pages tell them for it: the rule of silence, the coverage of one resource, and removals
// that were decided.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { ask, launch, serverFacts } from './browser.mjs'
import { fit, open, send } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const shots = process.env.MAESTRO_SHOTS
const shoot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }) }
const phone = { viewport: { width: 390, height: 844 }, bypassCSP: true }
const wide = { viewport: { width: 1440, height: 900 }, bypassCSP: true }
const patience = { timeout: 60_000 }

test('the rule of silence is written for all kinds and for one, and given back to the configuration', { timeout: 180_000 }, async () => {
  const { page, go, close } = await open(browser, facts, phone)
  await go('/settings')
  await page.getByRole('heading', { name: 'Whose value is shown' }).waitFor(patience)
  await page.getByRole('list', { name: 'Connections by precedence' }).waitFor(patience)
  await fit(page, 'settings')
  await shoot(page, 'settings-390')
  await page.getByRole('button', { name: 'Edit the rule of silence' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('radio', { name: 'after days without a complete reading' }).check()
  await dialog.getByRole('textbox', { name: 'Days', exact: true }).fill('3')
  await dialog.locator('input[aria-label="Add a kind"]').click()
  await page.getByRole('option', { name: 'Servers', exact: true }).click()
  await dialog.getByLabel('Days of silence for server').fill('0')
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('a monthly import')
  await fit(page, 'the rule of silence')
  await shoot(page, 'silence-390')
  await dialog.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('The rule of silence is saved').waitFor(patience)
  await page.getByText('Servers: never').waitFor(patience)
  const rule = await ask(facts, '/staleness')
  assert.deepEqual([rule.silent_after_seconds, rule.own, rule.kinds, rule.reason], [3 * 86_400, true, [{ kind: 'server', silent_after_seconds: 0 }], 'a monthly import'])
  await send(facts, 'PUT', '/staleness', {}, { 'If-Match': `"${rule.version}"` })
  await close()
})

test('a resource says how the scopes that it lies in were read', { timeout: 120_000 }, async () => {
  const seen = (await ask(facts, `/resources/server?page_size=1&filter=${encodeURIComponent('origin = discovered')}`)).items[0]
  const { page, go, close } = await open(browser, facts, wide)
  await go(`/inventory/server/${seen.id}?tab=sources`)
  await page.getByRole('list', { name: 'Scopes that it lies in' }).getByRole('link', { name: 'see run' }).first().waitFor(patience)
  await fit(page, 'sources with coverage')
  await shoot(page, 'sources-1440')
  await close()
})

test('removals that were decided have their list', { timeout: 120_000 }, async () => {
  const { page, go, close } = await open(browser, facts, phone)
  await go('/removals?show=decided')
  await page.getByText('None was decided yet').or(page.getByText(/^(Approved|Refused|Released)/)).first().waitFor(patience)
  await fit(page, 'decided removals')
  await close()
})
