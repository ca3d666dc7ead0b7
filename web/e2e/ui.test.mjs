// The things people do with the UI, in a real browser against a live server: signing in, filtering, going around, editing,
// running a connection, making tokens and datacenters. MAESTRO_E2E_DEV_JSON names the server's dev.json.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, pages, patience, serverFacts, settled, test } from './browser.mjs'
import { listening, open } from './tools.mjs'

const facts = await serverFacts()
const world = await pages(facts)
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const enter = (options) => open(browser, facts, options)

test('a wrong password is refused in words, the right one signs in and out', async () => {
  const page = await (await browser.newContext()).newPage()
  const errors = listening(page)
  await page.goto(`${facts.url}/connections`)
  await page.getByLabel('User name').fill(facts.username)
  await page.locator('input[type=password]').fill('certainly wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').waitFor()
  await page.locator('input[type=password]').fill(facts.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  // Signing in leads where one wanted to go.
  await page.getByRole('heading', { name: 'Connections', level: 1 }).waitFor()
  await page.getByRole('button', { name: /^Account of/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByLabel('User name').waitFor()
  assert.equal((await page.request.get(`${facts.url}/api/v1/session`)).status(), 401)
  assert.deepEqual(errors, [])
})

test('a filter that cannot be read is marked at its place and mended by a click or by hand', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/inventory/${world.kind}`)
  await settled(page)
  const rows = page.locator('tbody tr[data-row]')
  await rows.first().waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('name = "x" AND nmae = 1')
  await page.keyboard.press('Enter')
  const problem = page.getByTestId('filter-problem')
  await problem.waitFor()
  assert.match(await problem.locator('mark').textContent(), /nmae/)
  assert.match(page.url(), /filter=/)
  await page.getByRole('button', { name: 'Clear the filter line' }).click()
  await rows.first().waitFor()
  assert.doesNotMatch(page.url(), /filter=/)
  await page.goBack()
  await problem.waitFor()
  await close()
})

test('the list filters, sorts and keeps its state in the address', async () => {
  const { page, close } = await enter()
  const name = world.resource.name
  await page.goto(`${facts.url}/inventory/${world.kind}?filter=${encodeURIComponent(`name = ${JSON.stringify(name)}`)}`)
  await settled(page)
  const names = page.locator('tbody th a')
  await names.first().waitFor()
  for (const text of await names.allTextContents()) assert.equal(text, name)
  await page.goto(`${facts.url}/inventory/${world.kind}`)
  await page.locator('th[aria-sort=ascending]').waitFor()
  await page.getByRole('button', { name: 'Name', exact: true }).click()
  await page.waitForURL(/order_by=name(\+|%20)desc/)
  await page.locator('th[aria-sort=descending]').waitFor()
  await page.getByRole('button', { name: 'Name', exact: true }).click()
  await page.waitForURL(/order_by=name$/)
  await close()
})

test('a keyboard is enough: j, k, Enter, Ctrl-K, g and a letter, ?', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/inventory/${world.kind}`)
  await page.locator('tbody tr[data-row]').first().waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  assert.equal(await page.evaluate(() => document.activeElement?.closest('[data-row]')?.getAttribute('data-row')), '0')
  await page.keyboard.press('Enter')
  await page.waitForURL(new RegExp(`/inventory/${world.kind}/[0-9a-f-]+`))
  await page.keyboard.press('g')
  await page.keyboard.press('c')
  await page.getByRole('heading', { name: 'Connections', level: 1 }).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('Runs')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor()
  await close()
})

test('a field is edited; an edit on an old version overwrites nothing before one says so', async () => {
  const { page, close } = await enter()
  const where = `/api/v1/resources/${world.kind}/${world.resource.id}`
  await page.goto(`${facts.url}/inventory/${world.kind}/${world.resource.id}`)
  await settled(page)
  const set = async (value) => {
    const version = (await ask(facts, where.slice('/api/v1'.length))).version
    const response = await fetch(facts.url + where, { method: 'PATCH', headers: { Authorization: `Bearer ${facts.api_token}`, 'Content-Type': 'application/json', 'If-Match': `"${version}"` }, body: JSON.stringify({ set: { '/common/environment': value } }) })
    assert.equal(response.status, 200, await response.text())
  }
  await page.getByRole('button', { name: 'Edit Environment' }).click()
  await page.locator('input[aria-label="Environment"]').fill('staging')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Environment saved').waitFor()
  assert.equal((await ask(facts, where.slice('/api/v1'.length))).common.environment, 'staging')

  await page.getByRole('button', { name: 'Edit Environment' }).click()
  await set('somebody-else')
  await page.locator('input[aria-label="Environment"]').fill('mine')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  const conflict = page.getByTestId('edit-conflict')
  await conflict.waitFor()
  assert.match(await conflict.textContent(), /somebody-else/)
  assert.equal((await ask(facts, where.slice('/api/v1'.length))).common.environment, 'somebody-else')
  await conflict.getByRole('button', { name: 'Save mine' }).click()
  await conflict.waitFor({ state: 'detached' })
  // The word of the first saving may still stand, so the collector is asked until it has the second.
  let environment
  for (const late = Date.now() + patience; environment !== 'mine' && Date.now() < late; await page.waitForTimeout(100)) environment = (await ask(facts, where.slice('/api/v1'.length))).common.environment
  assert.equal(environment, 'mine')
  await page.getByRole('button', { name: 'History' }).click()
  await page.getByText('somebody-else').first().waitFor()
  await close()
})

test('a run is started and followed to its end without reloading', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/connections/${world.connection.id}`)
  await settled(page)
  const start = page.getByRole('button', { name: 'Run now' })
  await start.waitFor()
  await start.click()
  await page.waitForURL(/\/runs\//)
  await page.getByText(/succeeded|partial/).first().waitFor()
  await page.getByRole('region', { name: 'Coverage matrix' }).waitFor()
  await close()
})

test('a token is made, shown once and deleted', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/settings?token=new`)
  const name = `e2e-${Date.now()}`
  await page.getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('button', { name: 'Make the token' }).click()
  const secret = await page.getByLabel('the token', { exact: true }).textContent()
  assert.match(secret, /^mst_/)
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('button', { name: `Delete the token ${name}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the token' }).click()
  await page.getByText(`${name} deleted`).waitFor()
  assert.ok(!(await page.content()).includes(secret))
  await close()
})

test('a datacenter is added, edited and deleted', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/datacenters`)
  await settled(page)
  const name = `E2E ${Date.now()} <b>"site"</b>`
  await page.getByRole('button', { name: 'Add a datacenter' }).click()
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  // What looks like markup is text.
  await page.getByRole('link', { name, exact: true }).click()
  await page.getByRole('button', { name: 'Edit' }).click()
  await page.getByRole('dialog').getByRole('textbox', { name: 'Description' }).fill('A room')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText('A room').waitFor()
  await page.getByRole('link', { name: 'Datacenters' }).first().click()
  await page.getByRole('button', { name: `Delete ${name}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the datacenter' }).click()
  await page.getByText(`${name} deleted`).waitFor()
  await close()
})

test('a connection form says what is missing before it sends anything', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/connections/new`)
  await settled(page)
  await page.getByRole('radio').first().check()
  const sent = []
  page.on('request', (r) => { if (r.method() === 'POST') sent.push(r.url()) })
  await page.getByRole('button', { name: 'Add the connection' }).click()
  await page.getByText('This is needed.').first().waitFor()
  assert.deepEqual(sent, [])
  // Leaving asks first.
  await page.getByRole('textbox', { name: 'Name' }).fill('half typed')
  await page.getByRole('link', { name: 'Overview', exact: true }).click()
  await page.getByRole('dialog', { name: 'Leave without saving?' }).waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'half typed')
  await close()
})

test('no answer is said in words, and what was typed stays', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/datacenters`)
  await settled(page)
  await page.getByRole('button', { name: 'Add a datacenter' }).click()
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('kept')
  await page.context().setOffline(true)
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByText(/No answer from the collector since/).waitFor()
  assert.equal(await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).inputValue(), 'kept')
  await page.context().setOffline(false)
  await close()
})

test('the past is visibly the past', async () => {
  const { page, close } = await enter()
  await page.goto(`${facts.url}/inventory/${world.kind}?as_of=${encodeURIComponent(new Date(Date.now() - 1000).toISOString())}`)
  await settled(page)
  await page.getByText('You are looking at the past').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Add by hand' }).count(), 0)
  await page.getByRole('button', { name: 'Back to now' }).click()
  await page.getByRole('button', { name: 'Add by hand' }).waitFor()
  await close()
})
