// What somebody waits for is asked first: the rail's counts, the bell, the coverage strip and the saved lists let the page's
// own questions go ahead, and do not wait for ever where those get no answer.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, patience, serverFacts, settled, test } from './browser.mjs'
import { open } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** A page that remembers of each question whether what is beside the page was still waiting when it was asked. */
async function remembering() {
  const window = await open(browser, facts)
  await window.page.addInitScript(() => {
    const plain = window.fetch
    window.asked = []
    window.fetch = (...call) => {
      window.asked.push([new URL(String(call[0]), location.href).pathname.replace('/api/v1', ''), document.documentElement.dataset.later ?? 'go'])
      return plain(...call)
    }
  })
  return window
}

const beside = ['/summary', '/review-items', '/notifications/unread', '/coverage', '/views']
const asked = (page, paths) => page.waitForFunction((paths) => paths.every((p) => window.asked.some(([path]) => path === p)), paths, { timeout: patience })

test('what is beside a list is asked after the list', async () => {
  const { page, go, close } = await remembering()
  await go('/inventory/server?facets=1')
  await page.locator('[data-testid=table] tr[data-row]').first().waitFor()
  await asked(page, [...beside, '/resources/server/facets'])
  const all = await page.evaluate(() => window.asked)
  for (const [path, when] of all) assert.ok(when === 'go' || !(beside.includes(path) || path.endsWith('/facets')), `${path} did not wait`)
  // On a slow machine what is beside may have waited long enough before the page's code is there: the order tells it still.
  const first = (is) => all.findIndex(([path]) => is(path))
  assert.ok(first((p) => p === '/kinds') >= 0 && first((p) => p === '/kinds') < first((p) => beside.includes(p)), `the page was not asked for first: ${all.map(([p]) => p).join(' ')}`)
  await close()
})

test('where a page gets no answer, what is beside it is asked all the same', async () => {
  const { page, close } = await remembering()
  await page.route((url) => url.pathname === '/api/v1/kinds', () => undefined)
  await page.goto(`${facts.url}/inventory/server`)
  await asked(page, ['/summary', '/review-items', '/notifications/unread'])
  assert.equal(await page.evaluate(() => document.documentElement.dataset.later), undefined)
  await page.unrouteAll()
  await close()
})

test('a page without questions leaves nothing out, and neither does one that is gone to', async () => {
  const { page, go, close } = await remembering()
  await go('/nowhere')
  await asked(page, ['/summary', '/review-items', '/notifications/unread'])
  const list = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: /^Servers/ })
  await list.click()
  await asked(page, ['/coverage', '/views'])
  await settled(page)
  await page.getByTestId('coverage').waitFor()
  await close()
})
