// What people look for is found: pages by their names and other words, kinds of which nothing is known yet, what can be recorded
// by hand. Who may see little is told so, and nothing false.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, listening, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

test('the palette finds pages by other words, and offers to add what people record', async () => {
  const { page, go, close } = await open(browser, facts)
  await go('/')
  const find = async (text) => {
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Find things, pages and actions' }).fill(text)
  }
  for (const [text, label, title] of [['invite people', 'Users', 'Users'], ['tag policy', 'Mapping', 'Mapping'], ['duplicates', 'Same or not', 'Same or not'], ['second factor', 'Profile and security', 'Profile and security']]) {
    await find(text)
    await page.getByRole('option', { name: new RegExp(`^${label}\\s*page$`) }).click()
    await page.getByRole('heading', { level: 1, name: title }).waitFor()
  }
  await find('add software')
  await page.getByRole('option', { name: /Add by hand: software/ }).click()
  await page.getByRole('dialog', { name: 'Add by hand: software' }).getByRole('textbox', { name: 'Name', exact: true }).waitFor()
  await page.keyboard.press('Escape')
  const more = page.locator('nav details')
  await more.getByText('More kinds').click()
  await fit(page, 'the rail with more kinds')
  assert.ok((await more.getByRole('link').count()) > 0)
  await close()
})

test('a page for which somebody may see too little says so', async () => {
  const name = unique('narrow')
  const d = await send(facts, 'POST', '/datacenters', { name: unique('granted') })
  const { link } = await send(facts, 'POST', '/users', { username: name, role: 'none' })
  await send(facts, 'POST', '/grants', { subject: { type: 'user', id: name }, right: 'write', target: { kind: 'datacenter', id: d.id } })
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = listening(page)
  const go = async (path) => { await page.goto(facts.url + path); await settled(page) }
  const answer = new URL(link.link, facts.url)
  await go(answer.pathname + answer.hash)
  await page.getByLabel(/^New password( \*)?$/).fill('a password of my own')
  await page.getByLabel('New password again').fill('a password of my own')
  await page.getByRole('button', { name: 'Set the password and sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await go('/agents')
  await page.getByText('You may not see the agents of this tenant').waitFor()
  await go('/connections/new')
  await page.getByText('You may not add connections').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Install an agent' }).count(), 0)
  await go('/connections/credentials')
  await page.getByText('You may not see whether there is a recovery key.').waitFor()
  await go('/settings')
  await page.getByRole('heading', { name: 'The inventory' }).waitFor()
  await settled(page)
  assert.equal(await page.getByText('Forbidden').count(), 0)
  assert.equal(await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Mapping' }).count(), 0)
  // Who may write by a grant has the choices of forms.
  const { id } = await make(facts, 'application', { name: unique('choices'), datacenter: d.id })
  await go(`/inventory/application/${id}`)
  await page.getByRole('button', { name: 'Edit Environment' }).click()
  await page.locator('input[aria-label="Environment"]').click()
  await page.getByRole('option', { name: 'production' }).waitFor()
  assert.deepEqual(errors, [])
  await context.close()
  await send(facts, 'DELETE', `/datacenters/${d.id}`)
})

test('two that may be one are shown side by side before they are merged', async () => {
  const [a, b] = [unique('left'), unique('right')]
  const one = await make(facts, 'application', { name: a, common: { environment: 'production', criticality: 'high' } })
  await make(facts, 'application', { name: b, common: { environment: 'test', criticality: 'high' } })
  const { page, go, close } = await open(browser, facts)
  await go(`/inventory/application/${one.id}`)
  await page.getByRole('button', { name: 'Merge…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'The other one' }).fill(b)
  await dialog.getByRole('group', { name: 'Found' }).getByRole('button', { name: b }).click()
  const sides = dialog.getByRole('region', { name: `${a} and ${b}` })
  await sides.getByRole('row', { name: /Environment production test/ }).waitFor()
  await dialog.getByText('1 field is equal').click()
  await dialog.getByRole('row', { name: /Criticality high high/ }).waitFor()
  await fit(page, 'both sides of a merge')
  await close()
})
