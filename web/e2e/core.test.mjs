// Kinds that are not built in: a plugin's, where the server has one (MAESTRO_E2E_KIND; test/e2e starts such a server), and an administrator's own. And
// records that people made, deleted and brought back.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const enter = (options) => open(browser, facts, options)

test('a plugin’s kind has its name and icon, its columns, its filter and its page', { skip: !process.env.MAESTRO_E2E_KIND }, async () => {
  const kind = await ask(facts, `/kinds/${process.env.MAESTRO_E2E_KIND}`)
  const { page, go, close } = await enter()
  await go('/')
  const link = page.getByRole('navigation').getByRole('link', { name: new RegExp(`^${kind.plural}`) })
  await link.waitFor()
  assert.equal(await link.locator(`svg.tabler-icon-${kind.icon}`).count(), 1, 'its icon in the navigation')
  await link.click()
  await page.getByRole('heading', { name: kind.plural, level: 1 }).waitFor()
  for (const f of kind.fields.filter((f) => f.column)) await page.getByRole('columnheader', { name: new RegExp(f.label) }).first().waitFor()
  await go(`/inventory/${kind.name}?filter=${encodeURIComponent('brightness > 400')}`)
  await page.getByRole('link', { name: 'violet lamp' }).first().waitFor()
  assert.equal(await page.getByRole('link', { name: 'amber lamp' }).count(), 0, 'the filter leaves it out')
  await settled(page)
  await fit(page, 'a plugin’s kind')
  await page.getByRole('link', { name: 'violet lamp' }).first().click()
  await page.getByRole('heading', { name: 'violet lamp', level: 1 }).waitFor()
  await page.getByText('Brightness').first().waitFor()
  await close()
})

test('a kind that an administrator defines is filled by form, filtered, exported and told of in the history', async () => {
  const name = unique('shelf').replace('-', '_')
  const kind = await send(facts, 'POST', '/kinds', { name, label: `Shelf ${name}`, plural: `Shelves ${name}`, icon: 'ruler-2', group: 'other', fields: [{ name: 'height', type: 'integer', label: 'Height', column: true, indexed: true }] })
  const { page, go, close } = await enter()
  await go('/')
  const link = page.getByRole('navigation').getByRole('link', { name: new RegExp(`^${kind.plural}`) })
  await link.waitFor()
  await go(`/inventory/${kind.name}`)
  await page.getByRole('button', { name: /^Add/ }).first().click()
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('top shelf')
  await page.getByRole('dialog').getByRole('button', { name: /^Add/ }).click()
  await page.getByRole('heading', { name: 'top shelf', level: 1 }).waitFor()
  await page.getByRole('button', { name: /that nobody has said$/ }).click()
  await page.getByRole('button', { name: 'Edit Height' }).click()
  await page.locator('input[aria-label="Height"]').fill('42')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Height saved').waitFor()
  await go(`/inventory/${kind.name}?filter=${encodeURIComponent('height = 42')}`)
  await page.getByRole('link', { name: 'top shelf' }).first().waitFor()
  const [found] = (await ask(facts, `/resources/${kind.name}?filter=${encodeURIComponent('height = 42')}`)).items
  const csv = await fetch(`${facts.url}/api/v1/exports/${kind.name}?columns=name,height`, { headers: { Authorization: `Bearer ${facts.api_token}` } })
  assert.match(await csv.text(), /name,attributes.height\r?\ntop shelf,42/)
  await send(facts, 'PATCH', `/resources/${kind.name}/${found.id}`, { set: { [kind.fields[0].pointer]: 43 } }, { 'If-Match': `"${found.version}"` })
  await go(`/inventory/${kind.name}/${found.id}?tab=history`)
  await page.getByText('Height').first().waitFor()
  await close()
})

test('a record is deleted after a question, and comes back from the list of operations', async () => {
  const name = unique('misbought')
  const made = await make(facts, 'server', { name })
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    const { page, go, close } = await enter({ viewport })
    await go(`/inventory/server/${made.id}`)
    await page.getByRole('button', { name: 'Delete…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Its history stays.').waitFor()
    await settled(page)
    await fit(page, `delete at ${viewport.width}`)
    await dialog.getByLabel('Reason').fill('it was never bought')
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('removed by hand').first().waitFor()
    await go('/import')
    const row = page.getByRole('listitem').filter({ hasText: 'delete of servers' }).first()
    await row.getByRole('button', { name: 'Undo' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Undo', exact: true }).click()
    await go(`/inventory/server/${made.id}`)
    await page.getByRole('button', { name: 'Delete…' }).waitFor()
    await close()
  }
})
