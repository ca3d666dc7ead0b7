// Names that are markup, five hundred characters long, written from the right, or pictures, and one that is all of it: they are
// text everywhere, and no page breaks under them.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { edit, fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
const markup = '<script>alert(1)</script><img src=x onerror=alert(2)>'
const right = 'שרת \u202etxt.exe \u0661\u0662\u0663'
const pictures = '👩‍👩‍👧‍👦🏴‍☠️ 服务器 ☃'
const bad = { markup, long: 'n'.repeat(500), right, pictures, all: `${markup}${right}${pictures}${'W'.repeat(500)}`.slice(0, 500) }
const mark = unique('bad')
const made = {}
let browser, page, close, go
const ran = []

before(async () => {
  browser = await launch()
  for (const [what, name] of Object.entries(bad)) {
    const d = await send(facts, 'POST', '/datacenters', { name: [...`${what} ${mark} ${name}`].slice(0, 150).join(''), description: name })
    const r = await make(facts, 'application', { name, datacenter: d.id, tags: [{ key: mark, value: what }, { key: [...name].slice(0, 60).join(''), value: [...name].slice(0, 100).join('') }], common: { notes: name, environment: [...name].slice(0, 60).join('') } })
    made[what] = { d, r }
  }
  // The worst of them is related to the others, and has had all their names.
  for (const what of ['markup', 'long', 'right', 'pictures']) {
    await send(facts, 'POST', `/resources/application/${made.all.r.id}/relations`, { verb: 'depends_on', target: { kind: 'application', id: made[what].r.id } })
    await edit(facts, 'application', made.all.r.id, { '/name': bad[what] })
  }
  await edit(facts, 'application', made.all.r.id, { '/name': bad.all })
  ;({ page, close, go } = await open(browser, facts))
  page.on('dialog', (d) => { ran.push(d.message()); void d.dismiss() })
})
after(async () => {
  for (const { d } of Object.values(made)) await send(facts, 'DELETE', `/datacenters/${d.id}`)
  await browser?.close()
})

const resource = (what) => `/inventory/application/${made[what].r.id}`
const where = {
  'the filtered list': () => `/inventory/application?filter=${encodeURIComponent(`tags.${mark} = "*" OR environment != ""`)}`,
  'the whole list': () => '/inventory/application',
  'the resource': () => resource('all'),
  'its sources': () => `${resource('all')}?tab=sources`,
  'the map of its relations': () => `${resource('all')}?tab=relations`,
  'its history': () => `${resource('all')}?tab=history`,
  'its raw document': () => `${resource('all')}?tab=raw`,
  'its datacenter': () => `/datacenters/${made.all.d.id}`,
  'the datacenters': () => '/datacenters',
  'the changes': () => '/changes',
  'the comparison': () => '/changes?tab=compare&since=hour',
  'the audit trail': () => '/changes?tab=audit',
  'the overview': () => '/',
}
for (const [what, path] of Object.entries(where)) {
  test(`bad names are text on ${what}`, async () => {
    await page.setViewportSize({ width: 1440, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
    await go(path())
    await fit(page, `${what} at a desk`)
    await page.setViewportSize({ width: 390, height: 844 })
    await page.emulateMedia({ colorScheme: 'dark' })
    await settled(page)
    await fit(page, `${what} on a phone`)
    assert.deepEqual(ran, [], 'something of a name was run')
  })
}

test('each of the names is its page’s heading, whole and as it was written', async () => {
  for (const [what, { r, d }] of Object.entries(made)) {
    for (const path of [`/inventory/application/${r.id}`, `/datacenters/${d.id}`]) {
      await go(path)
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0, `${what}: ${path} scrolls sideways`)
    }
  }
  await go(resource('markup'))
  await page.getByRole('heading', { level: 1 }).getByText('<script>alert(1)</script>').waitFor()
  assert.equal(await page.locator('main img').count(), 0)
})

test('the palette finds them, and shows them as text', async () => {
  await go('/')
  await page.keyboard.press('Control+k')
  for (const [text, what] of [['<script>', 'markup'], ['nnnnnnnn', 'long'], ['שרת', 'right'], ['服务器', 'pictures']]) {
    await page.getByRole('combobox').fill(text)
    await page.getByRole('option').filter({ hasText: what === 'markup' ? '<script>' : text }).first().waitFor()
    await fit(page, `${what} in the palette`)
  }
  assert.deepEqual(ran, [])
  await close()
})
