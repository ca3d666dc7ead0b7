// Every page is walked once for what must hold of all: it fits a desk and a phone, light and dark, can be used by everybody,
// obeys its content security policy and tells its console nothing. And once for the days nobody likes: no answer comes, the
// collector fails, the session has ended; each is said with a way on, and nothing that was there goes away.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe } from 'node:test'

import { launch, pages, patience, serverFacts, settled, signIn, test } from './browser.mjs'
import { fit, listening, narrow } from './tools.mjs'

const facts = await serverFacts()
const world = await pages(facts)
const desk = { width: 1440, height: 900 }
const phone = { width: 390, height: 844 }
let browser, calm, moody, waiting

async function window(options) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const errors = listening(page)
  await signIn(page, facts)
  return { page, errors }
}

// Nothing puts this one's clock forward; it waits while the others are walked.
async function letWait() {
  waiting = await window({ viewport: desk })
  await waiting.page.route((url) => url.pathname === '/api/v1/runs', () => undefined)
  const asked = waiting.page.waitForRequest((r) => new URL(r.url()).pathname === '/api/v1/runs')
  await waiting.page.goto(`${facts.url}/runs`)
  await asked
  waiting.since = Date.now()
  const said = waiting.page.locator('main').getByText('The collector has not answered').first()
  waiting.said = said.waitFor({ timeout: 10 * patience }).then(() => Date.now() - waiting.since)
  waiting.said.catch(() => undefined)
}

before(async () => {
  browser = await launch()
  calm = await window({ viewport: desk })
  moody = await window({ viewport: phone, colorScheme: 'dark' })
  // The moody page's clock can be put forward: nobody waits for thirty seconds to pass.
  await moody.page.clock.install()
  await moody.page.route((url) => url.pathname.startsWith('/api/v1/') && !spared.test(url.pathname), (route) => answer(route))
  await letWait()
})
after(() => browser?.close())

test('every route is among the pages that are walked', async () => {
  const routes = [...(await readFile(new URL('../src/routes.tsx', import.meta.url), 'utf8')).matchAll(/^ *\['([^']+)', \(\) => import/gm)].map((m) => m[1])
  assert.ok(routes.length > 20, 'the routes are found in routes.tsx')
  const paths = world.list.map(([, path]) => path.split('?')[0].slice(1))
  const walked = (route) => paths.some((p) => new RegExp(`^${route === '*' ? 'nowhere' : route.replace(/:\w+/g, '[^/]+')}$`).test(p) && !(route.includes(':') && routes.includes(p)))
  assert.deepEqual(routes.filter((r) => !walked(r)), [], 'add them to pages() in browser.mjs')
})

const fits = () => {
  for (const [name, path] of world.list) {
    test(`${name} fits, light at a desk and dark on a phone`, async () => {
      const { page, errors } = calm
      errors.length = 0
      await page.emulateMedia({ colorScheme: 'light' })
      await page.setViewportSize(desk)
      await page.goto(facts.url + path)
      await settled(page)
      assert.equal(await page.locator('main').count(), 1, 'one main landmark')
      assert.equal(await page.locator('h1').count(), 1, 'one heading of the page')
      assert.match(await page.title(), /\S · Maestro$/, 'the window has the page’s name')
      await fit(page, 'at a desk')
      await page.emulateMedia({ colorScheme: 'dark' })
      await page.setViewportSize(phone)
      await settled(page)
      await fit(page, 'on a phone')
      assert.deepEqual(errors, [])
    })
  }
}

// Who one is comes before every page; the line of events only says when to ask again.
const spared = /\/api\/v1\/(session|events)$/
let mood = 'calm'
const held = []
/** The collector does something else from now on. What it kept silent about until then it answers likewise: else the page would wait for it, half a minute of real time. */
async function turn(to) {
  mood = to
  // What the page has given up waiting for cannot be answered any more.
  for (const route of held.splice(0)) await answer(route).catch(() => undefined)
}
const problem = (status, title, detail) => ({ status, contentType: 'application/problem+json', headers: { 'X-Request-Id': 'REQUEST1' }, body: JSON.stringify({ title, status, detail }) })
function answer(route) {
  if (mood === 'silent') return void held.push(route)
  if (mood === 'failing') return route.fulfill(problem(500, 'Internal Server Error', 'The store is away.'))
  if (mood === 'stranger') return route.fulfill(problem(401, 'Unauthorized', 'Nobody is signed in.'))
  return route.continue()
}

/**
 * Puts the clock forward until what time brings is there. Once need not be enough: a page that was still being loaded asks
 * only then, and would wait for as long as it says.
 */
async function pass(page, ms, sign) {
  const late = Date.now() + patience
  do await page.clock.fastForward(ms)
  while (!(await sign.waitFor({ timeout: 500 }).then(() => true, () => false)) && Date.now() < late)
  await sign.waitFor()
}

// One list stands for those of all kinds; some pages ask for nothing that could fail, or are one of these states already.
const quiet = new Set(['not-found', 'join', 'filter-error', 'empty', 'missing', 'why'])
const goesOn = () => {
  for (const [name, path] of world.list.filter(([n]) => !quiet.has(n) && (!n.startsWith('list-') || n === `list-${world.kind}`))) {
    test(`${name} has a way on when nothing answers, the collector fails, or the session ends`, async () => {
      const { page, errors } = moody
      const again = page.locator('main').getByRole('button', { name: 'Try again' }).first()
      const alerts = page.locator('main').getByRole('alert')
      errors.length = 0
      try {
        // What the pages before have put forward is taken back: this one is of now.
        await page.clock.setSystemTime(Date.now())
        mood = 'silent'
        await page.goto(facts.url + path)
        await page.locator('[aria-busy=true]').first().waitFor()
        await pass(page, 1500, page.getByText(/^Waiting for .+ …$/).first())
        await pass(page, 31_000, page.locator('main').getByText('The collector has not answered').first())
        await again.waitFor()

        await turn('failing')
        await again.click()
        await page.locator('main').getByText('The store is away.').first().waitFor()
        await page.getByText('REQUEST1').first().waitFor()
        await fit(page, 'failing')

        // The page may have asked by itself by now, and the dialogue lie over the button.
        mood = 'stranger'
        await again.evaluateAll((all) => all.forEach((b) => b.click()))
        const ended = page.getByRole('dialog', { name: 'Your session has ended' })
        await ended.waitFor()
        mood = 'calm'
        await ended.locator('input[type=password]').fill(facts.password)
        await ended.getByRole('button', { name: 'Sign in' }).click()
        await ended.waitFor({ state: 'detached' })
        await settled(page)
        assert.deepEqual(await alerts.allTextContents(), [], 'signing in heals the page')
        await narrow(page, 'healed') // and looks as it was walked above

        // Asked again by itself, it fails: what was there stays, and the page says that it is from before.
        const heading = await page.locator('h1').textContent()
        mood = 'failing'
        await page.clock.fastForward(130_000)
        await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
        await page.getByText(/^Some of this is from before/).waitFor()
        await settled(page)
        assert.equal(await page.locator('h1').textContent(), heading)
        assert.deepEqual(await alerts.allTextContents(), [], 'what was read is not thrown away')
        mood = 'calm'
        // The page may have asked by itself by now.
        await page.getByRole('button', { name: 'Ask again' }).evaluateAll((all) => all.forEach((b) => b.click()))
        await page.getByText(/^Some of this is from before/).waitFor({ state: 'detached' })
        assert.deepEqual(errors, [])
      } finally {
        mood = 'calm'
        await page.goto('about:blank')
        for (const route of held.splice(0)) await route.abort().catch(() => undefined)
      }
    })
  }
}

// The two walks have a window each and meet nowhere, so they go side by side.
describe('every page', { concurrency: 2 }, () => {
  describe('fits', { concurrency: 1 }, fits)
  describe('has a way on', { concurrency: 1 }, goesOn)
})

test('half a minute without an answer is half a minute', async () => {
  const took = await waiting.said
  assert.ok(took > 25_000, `it gave up after ${took} ms`)
  await waiting.page.getByText('It was asked 30 s ago.').first().waitFor()
})
