// A resource's page in a real browser: its map of relations, its history side by side, and the slider through its past.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, test } from './browser.mjs'
import { edit, fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const enter = (options) => open(browser, facts, options)

test('the map of relations is walked by keyboard, one step and two', async () => {
  // A virtual machine runs on a host, which runs many: too many to draw at once.
  const servers = (await ask(facts, '/resources/server?page_size=200')).items
  let guest, host
  for (const s of servers) {
    const edge = (await ask(facts, `/resources/server/${s.id}/relations?page_size=500`)).items.find((e) => e.verb === 'runs_on' && e.direction === 'out' && e.resource)
    if (edge) { guest = s; host = edge.resource; break }
  }
  assert.ok(guest, 'the demo has a server that runs on another')
  const { page, go, close } = await enter()
  await go(`/inventory/server/${guest.id}?tab=relations`)
  const map = page.getByRole('group', { name: 'Map of its relations' })
  await map.getByRole('button', { name: `Show what ${host.name} is related to` }).focus()
  await page.keyboard.press('Enter')
  const more = map.getByRole('button', { name: /^Show \d+ more$/ }).first()
  await more.waitFor()
  const before = await map.getByRole('link').count()
  await more.focus()
  await page.keyboard.press('Space')
  await page.waitForFunction((n) => document.querySelectorAll('svg a[href*="/inventory/"]').length > n, before)
  await fit(page, 'relations')
  await map.getByRole('button', { name: `Hide what ${host.name} is related to` }).press('Enter')
  await page.waitForFunction((n) => document.querySelectorAll('svg a[href*="/inventory/"]').length < n, before)
  await map.getByRole('link', { name: host.name }).focus()
  await page.keyboard.press('Enter')
  await page.waitForURL(new RegExp(`/inventory/server/${host.id}`))
  await page.getByRole('heading', { level: 1 }).getByText(host.name).waitFor()
  await close()
})

test('the slider shows any version beside now, and the whole page as it was', async () => {
  const name = unique('slide')
  const r = await make(facts, 'application', { name, common: { environment: 'one' } })
  for (const value of ['two', 'three', 'four']) await edit(facts, 'application', r.id, { '/common/environment': value })
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    const { page, go, close } = await enter({ viewport })
    await go(`/inventory/application/${r.id}?tab=history`)
    const slider = page.getByRole('slider', { name: 'The moment to compare with now' })
    const sides = page.getByRole('region', { name: 'Then and now' })
    const shows = async (old) => {
      await sides.getByRole('cell', { name: old, exact: true }).waitFor()
      assert.deepEqual(await sides.getByRole('row', { name: 'Environment' }).getByRole('cell').allTextContents(), [old, 'four'])
    }
    await shows('three')
    await slider.focus()
    await page.keyboard.press('ArrowLeft')
    await shows('two')
    await page.keyboard.press('Home')
    await shows('one')
    assert.match(await slider.getAttribute('aria-valuetext'), /^version 1, first seen/)
    await page.keyboard.press('End')
    await page.getByText('No field differs.').waitFor()
    await fit(page, `history at ${viewport.width}`)
    await page.keyboard.press('Home')
    await shows('one')
    await page.getByRole('link', { name: 'See the whole page as it was then' }).click()
    await page.getByText('You are looking at the past').waitFor()
    await page.getByText('one', { exact: true }).first().waitFor()
    assert.equal(await page.getByText('four', { exact: true }).count(), 0)
    await close()
  }
})

test('what a version changed is shown side by side, lists by what they gained and lost', async () => {
  const r = await make(facts, 'application', { name: unique('lists'), tags: [{ key: 'a', value: '1' }, { key: 'b', value: '2' }] })
  await edit(facts, 'application', r.id, { '/name': unique('renamed'), '/common/notes': 'first line\nsecond line' })
  const { page, go, close } = await enter()
  await go(`/inventory/application/${r.id}?tab=history`)
  await page.getByRole('button', { name: 'Side by side' }).first().click()
  const table = page.getByRole('region', { name: 'What version 2 changed' })
  assert.match(await table.getByRole('row', { name: 'Notes' }).getByRole('cell').last().textContent(), /first line\nsecond line/)
  assert.equal(await table.getByRole('row', { name: 'Notes' }).getByRole('cell').first().textContent(), '–')
  await close()
})

test('a resource that was gone a while ago, never was, or is another now says so', async () => {
  const [a, b] = [await make(facts, 'application', { name: unique('stays') }), await make(facts, 'application', { name: unique('joins') })]
  await send(facts, 'POST', `/resources/application/${a.id}/merge`, { with: b.id }, { 'If-Match': `"${a.version}"` })
  const { page, go, close } = await enter()
  await go(`/inventory/application/${b.id}`)
  await page.getByText('This was found to be the same thing as another').waitFor()
  await page.getByRole('link', { name: 'Go there' }).click()
  await page.waitForURL(new RegExp(a.id))
  await go('/inventory/application/0198c000-0000-7000-8000-000000000000')
  await page.getByText('There is no such application').waitFor()
  await close()
})
