// Every page in the states nobody likes: the collector answers with an error, or not at all; and names that are markup, far
// too long, written from the right, or pictures.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { launch, pages, serverFacts, settled } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
const world = await pages(facts)
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const phone = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }
const enter = (options) => open(browser, facts, options)

// One list stands for those of all kinds; some pages ask for nothing that could fail.
const quiet = new Set(['not-found', 'join', 'filter-error', 'empty', 'missing', 'kinds'])
const list = world.list.filter(([name]) => !quiet.has(name) && (!name.startsWith('list-') || name === `list-${world.kind}`))
// Who one is and what kinds there are is what every page stands on; the line of events only says when to ask again.
const spared = /\/api\/v1\/(session$|events\b|kinds\b)/

test('every page says in words that the collector failed, where, and what to do', { timeout: 400_000 }, async (t) => {
  const { page, go, close } = await enter({ ...phone, bypassCSP: true })
  await page.route((url) => url.pathname.startsWith('/api/v1/') && !spared.test(url.pathname), (route) =>
    route.fulfill({ status: 500, contentType: 'application/problem+json', headers: { 'X-Request-Id': 'req-1' }, body: JSON.stringify({ title: 'Internal Server Error', status: 500, detail: 'The store is away.' }) }))
  for (const [name, path] of list) {
    await t.test(name, async () => {
      await go(path)
      const said = page.getByText('The store is away.')
      await said.first().waitFor({ timeout: 5000 })
      await fit(page, name)
    })
  }
  await close()
})

test('every page says what it waits for when no answer comes, and shows it when it does', { timeout: 400_000 }, async (t) => {
  const { page, close } = await enter(phone)
  for (const [name, path] of list.filter(([, p]) => !p.includes('tab='))) {
    await t.test(name, async () => {
      let hold = true
      const held = []
      const match = (url) => url.pathname.startsWith('/api/v1/') && !spared.test(url.pathname)
      await page.route(match, (route) => (hold ? void held.push(route) : route.continue()))
      await page.goto(facts.url + path)
      await page.locator('[aria-busy=true], [class*=skeleton i], .mantine-Skeleton-root').first().waitFor({ timeout: 10_000 })
      hold = false
      for (const route of held) await route.continue().catch(() => undefined)
      await settled(page)
      await page.unroute(match)
      assert.equal(await page.getByRole('alert').count(), 0)
    })
  }
  await close()
})

const bad = {
  markup: '<script>alert(1)</script><img src=x onerror=alert(2)>',
  long: 'n'.repeat(500),
  right: 'שרת \u202etxt.exe \u0661\u0662\u0663',
  pictures: '👩‍👩‍👧‍👦🏴‍☠️ 服务器 ☃',
}

test('names that are markup, too long, from the right or pictures are text everywhere', { timeout: 400_000 }, async (t) => {
  const made = {}
  const mark = unique('bad')
  for (const [what, name] of Object.entries(bad)) {
    const d = await send(facts, 'POST', '/datacenters', { name: `${what} ${name}`.slice(0, 200), description: name })
    const r = await make(facts, 'application', { name, datacenter: d.id, tags: [{ key: mark, value: what }, { key: name.slice(0, 100), value: name.slice(0, 200) }], common: { notes: name, environment: name.slice(0, 100) } })
    made[what] = { d, r }
  }
  const all = Object.values(made)
  for (let i = 1; i < all.length; i++) await send(facts, 'POST', `/resources/application/${all[0].r.id}/relations`, { verb: 'depends_on', target: { kind: 'application', id: all[i].r.id } })
  for (const options of [{ ...phone, bypassCSP: true }, { bypassCSP: true }]) {
    const { page, go, close } = await enter(options)
    const ran = []
    page.on('dialog', (d) => { ran.push(d.message()); void d.dismiss() })
    const visit = async (name, path) => t.test(`${name} at ${options.viewport?.width ?? 1440}`, async () => {
      await go(path)
      await fit(page, name)
    })
    await visit('list', `/inventory/application?filter=${encodeURIComponent(`tags.${mark} = "*" OR environment != ""`)}`)
    await visit('whole list', '/inventory/application')
    // The wide page has the same parts; what could break there is how the lists are cut.
    for (const [what, { d, r }] of Object.entries(made).filter(([what]) => options.viewport || what === 'long')) {
      for (const tab of ['', '?tab=relations', '?tab=history', '?tab=raw']) await visit(`${what} ${tab}`, `/inventory/application/${r.id}${tab}`)
      await visit(`datacenter ${what}`, `/datacenters/${d.id}`)
    }
    for (const [name, path] of [['datacenters', '/datacenters'], ['changes', '/changes'], ['compare', '/changes?tab=compare&since=hour'], ['audit', '/changes?tab=audit'], ['overview', '/']]) await visit(name, path)
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('script')
    await page.getByRole('option').first().waitFor({ timeout: 10_000 })
    assert.deepEqual(ran, [], 'something of a name was run')
    await go(`/inventory/application/${made.markup.r.id}`)
    await page.getByRole('heading', { level: 1 }).getByText('<script>alert(1)</script>').waitFor()
    await close()
  }
  for (const { d } of all) await send(facts, 'DELETE', `/datacenters/${d.id}`)
})
