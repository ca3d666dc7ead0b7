// Rules that disagree, in a real browser: the page of the mapping says which of two decides, for what, and why.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** Changes the list of rules, by its newest version. */
async function rules(change) {
  const { version, rules, spellings, policy } = await ask(facts, '/mapping')
  await send(facts, 'PUT', '/mapping', { rules: change(rules), ...(spellings ? { spellings } : {}), ...(policy ? { policy } : {}) }, { 'If-Match': `"${version}"` })
}

test('two rules that want different values for one field are shown, with the one that decides and why', async (t) => {
  const key = unique('zone').replace('-', '')
  const [first, second] = [`${key} by tag`, `${key} by name`]
  const { id } = await make(facts, 'application', { name: `${key} <b>shop</b>`, tags: [{ key, value: 'Harbour' }] })
  await rules((list) => [{ name: first, from: [`tags.${key}`], set: 'client' }, { name: second, kinds: ['application'], from: ['name'], pattern: `${key}.*`, value: 'Airport', set: 'client' }, ...list])
  t.after(() => rules((list) => list.filter((r) => r.name !== first && r.name !== second)))

  const { page, go, close } = await open(browser, facts)
  await go('/mapping')
  await page.getByRole('button', { name: 'Find conflicts' }).click()
  const conflict = page.getByRole('list', { name: 'Conflicts between rules' }).locator('> li').filter({ hasText: first })
  await conflict.waitFor()
  assert.match(await conflict.locator('p').innerText(), new RegExp(`^client of 1 resource: ${first} \\(number 1\\) decides, because it stands before ${second} \\(number 2\\), which says otherwise\\.$`))
  assert.match(await conflict.locator('ul').innerText(), /Application .*<b>shop<\/b>: Harbour, not Airport/)
  assert.equal(await page.getByRole('button', { name: 'Save the rules' }).count(), 0, 'nothing was changed that could be saved')
  await fit(page, 'conflicts')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 390, height: 844 })
  await settled(page)
  await fit(page, 'conflicts on a phone')
  await page.setViewportSize({ width: 1440, height: 900 })
  await conflict.getByRole('button', { name: second }).click()
  const rule = page.getByRole('dialog', { name: `Rule: ${second}` })
  await rule.waitFor()
  await page.keyboard.press('Escape')
  await rule.waitFor({ state: 'detached' })
  await conflict.getByRole('link').click()
  await page.waitForURL((u) => u.pathname === `/inventory/application/${id}`)

  // The other one first: it decides, before anything is saved.
  await go('/mapping')
  await page.getByRole('button', { name: `${second} earlier` }).click()
  await page.getByRole('button', { name: 'See what would change' }).click()
  await conflict.waitFor()
  assert.match(await conflict.locator('ul').innerText(), /Airport, not Harbour/)
  await page.getByRole('heading', { name: '1 resource would change' }).waitFor()
  await close()
})
