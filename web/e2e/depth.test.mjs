// No page asks one question after the other: who waits for an answer before asking the next adds a whole way to the collector
// and back. Answers are held back until the page asks for nothing more, then all are let go at once; how often that happens is
// how deep its questions hang on each other. What stands beside a page lets the page's own questions go first, for a moment
// that does not depend on any answer; that moment is waited for.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, pages, patience, serverFacts, signIn, test } from './browser.mjs'

const facts = await serverFacts()
const world = await pages(facts)
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** Nothing is left to be done: the browser says three times that it has time, and the page's own code is there. */
const idle = () => new Promise((done) => {
  let left = 3
  const again = () => (left-- > 0 ? requestIdleCallback(() => setTimeout(again, 20)) : done(document.readyState === 'complete' && !document.documentElement.dataset.later && !/(Loading|Waiting for) the page/.test(document.querySelector('main')?.textContent ?? 'Loading the page')))
  again()
})

const isQuestion = (url) => url.includes('/api/v1/') && !url.includes('/api/v1/events')

/** What a page asks, in rounds. Who is signed in is asked before all, once. */
async function rounds(page, path) {
  const held = []
  const open = new Set()
  const begin = (r) => { if (!r.url().includes('/api/v1/events')) open.add(r) }
  const end = (r) => open.delete(r)
  page.on('request', begin)
  page.on('requestfinished', end)
  page.on('requestfailed', end)
  await page.route((url) => isQuestion(url.href), (route) => void held.push(route))
  const out = []
  try {
    await page.goto(facts.url + path, { waitUntil: 'commit' })
    const late = Date.now() + patience
    // What the page does reaches us by another way than what it answers, and may come later: it is still when it was so twice.
    for (let still = 0; ;) {
      assert.ok(Date.now() < late, `${path} does not come to rest`)
      const asked = held.length
      still = (await page.evaluate(idle).catch(() => false)) && held.length === asked && open.size === asked ? still + 1 : 0
      if (still < 2) continue
      still = 0
      if (!asked) return out
      const round = held.splice(0)
      // What was asked before is asked again because something has happened in the inventory, and hangs on no answer.
      const fresh = round.map((r) => r.request().url().replace(`${facts.url}/api/v1`, '')).filter((u) => !out.flat().includes(u))
      if (fresh.length) out.push(fresh)
      await Promise.all(round.map((r) => r.continue()))
    }
  } finally {
    for (const r of held.splice(0)) await r.abort().catch(() => undefined)
    await page.goto('about:blank')
    await page.unrouteAll({ behavior: 'wait' })
    page.off('request', begin)
    page.off('requestfinished', end)
    page.off('requestfailed', end)
  }
}

test('no question of a page waits for more than one other', { timeout: 10 * patience }, async (t) => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await signIn(page, facts)
  const deep = []
  for (const [name, path] of world.list.filter(([n]) => !n.startsWith('list-') || n === `list-${world.kind}`)) {
    const all = await rounds(page, path)
    assert.deepEqual(all.shift(), ['/session'], `${name} first asks who is there`)
    t.diagnostic(`${name}: ${all.map((r) => r.length).join(', ') || 'nothing'}`)
    if (all.length > 2) deep.push(`${name}: ${all.map((r) => r.join(' ')).join(' -> ')}`)
  }
  assert.deepEqual(deep, [])
})
