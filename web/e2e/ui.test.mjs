// The UI in a real browser against a live server: every page loads without an error in the console, without an
// accessibility violation and without scrolling sideways on a phone; and the things people do with it work.
// MAESTRO_E2E_DEV_JSON names the server's dev.json.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'

import { ask, launch, pages, serverFacts, settled, signIn } from './browser.mjs'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const facts = await serverFacts()
const world = await pages(facts)
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

// Axe is put in by the test, which the page's own policy rightly refuses; nothing else is bypassed: the other tests
// run under the policy and fail on any violation that the console tells.
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', locale: 'en-GB', ...options })
  const page = await context.newPage()
  const errors = []
  page.on('console', (m) => {
    // Chromium reports every answer over 399 itself; pages show those as problems.
    if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) errors.push(m.text())
  })
  page.on('pageerror', (e) => errors.push(e.stack ?? String(e)))
  return { page, errors, close: () => context.close() }
}

const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

async function violations(page) {
  await page.addScriptTag({ path: axe })
  return page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], rules: { region: { enabled: false } } })
    return result.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.failureSummary?.split('\n')[1] ?? ''}`).join(' | ')}`)
  })
}

test('a wrong password is refused in words, the right one signs in and out', async () => {
  const { page, errors, close } = await open()
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
  await close()
})

for (const [width, height, colorScheme] of [[1440, 900, 'light'], [390, 844, 'dark']]) {
  test(`every page at ${width} px, ${colorScheme}: no console error, no sideways scroll, no axe violation`, { timeout: 480_000 }, async (t) => {
    const { page, errors, close } = await open({ viewport: { width, height }, colorScheme, bypassCSP: true })
    await signIn(page, facts)
    for (const [name, path] of world.list) {
      await t.test(name, async () => {
        errors.length = 0
        await page.goto(facts.url + path)
        await settled(page)
        assert.equal(await page.locator('main').count(), 1, 'one main landmark')
        assert.ok((await sideways(page)) <= 0, 'scrolls sideways')
        assert.deepEqual(await violations(page), [])
        assert.deepEqual(errors, [])
      })
    }
    await close()
  })
}

test('every page obeys the content security policy', { timeout: 300_000 }, async () => {
  const { page, errors, close } = await open()
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.sourceFile} ${e.sample}`))
  })
  await signIn(page, facts)
  for (const [, path] of world.list) {
    await page.goto(facts.url + path)
    await settled(page)
  }
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').waitFor()
  assert.deepEqual(errors, [])
  await close()
})

test('a filter that cannot be read is marked at its place and mended by a click or by hand', async () => {
  const { page, close } = await open()
  await signIn(page, facts)
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
  const { page, close } = await open()
  await signIn(page, facts)
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
  const { page, close } = await open()
  await signIn(page, facts)
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
  const { page, close } = await open()
  await signIn(page, facts)
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
  for (let i = 0; i < 50 && environment !== 'mine'; i++) {
    if (i) await page.waitForTimeout(100)
    environment = (await ask(facts, where.slice('/api/v1'.length))).common.environment
  }
  assert.equal(environment, 'mine')
  await page.getByRole('button', { name: 'History' }).click()
  await page.getByText('somebody-else').first().waitFor()
  await close()
})

test('a run is started and followed to its end without reloading', { timeout: 90_000 }, async () => {
  const { page, close } = await open()
  await signIn(page, facts)
  await page.goto(`${facts.url}/connections/${world.connection.id}`)
  await settled(page)
  const start = page.getByRole('button', { name: 'Run now' })
  await start.waitFor({ timeout: 60_000 })
  await start.click()
  await page.waitForURL(/\/runs\//)
  await page.getByText(/succeeded|partial/).first().waitFor({ timeout: 60_000 })
  await page.getByRole('region', { name: 'Coverage matrix' }).waitFor()
  await close()
})

test('a token is made, shown once and deleted', async () => {
  const { page, close } = await open()
  await signIn(page, facts)
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
  const { page, close } = await open()
  await signIn(page, facts)
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
  const { page, close } = await open()
  await signIn(page, facts)
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
  const { page, close } = await open()
  await signIn(page, facts)
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
  const { page, close } = await open()
  await signIn(page, facts)
  await page.goto(`${facts.url}/inventory/${world.kind}?as_of=${encodeURIComponent(new Date(Date.now() - 1000).toISOString())}`)
  await settled(page)
  await page.getByText('You are looking at the past').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Add by hand' }).count(), 0)
  await page.getByRole('button', { name: 'Back to now' }).click()
  await page.getByRole('button', { name: 'Add by hand' }).waitFor()
  await close()
})
