// A long list in a real browser, on real rows: scrolled and jumped in, it reads what is looked at and nothing between, shows
// every row in its place, and holds few of them. e2e/bench measures the same with 100,000.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, patience, serverFacts, settled, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
const rows = 3000
const prefix = unique('row')
const nameOf = (row) => `${prefix}-${String(row).padStart(5, '0')}`
let browser, operation
const done = async () => {
  for (const late = Date.now() + 3 * patience; ;) {
    const o = await ask(facts, `/operations/${operation.id}`)
    if (o.state !== 'running') return o
    assert.ok(Date.now() < late, `${o.type} is not done: ${JSON.stringify(o)}`)
    await new Promise((r) => setTimeout(r, 200))
  }
}
before(async () => {
  browser = await launch()
  operation = await send(facts, 'POST', '/imports?kind=software&file=rows.csv', `name\n${Array.from({ length: rows }, (_, i) => nameOf(i + 1)).join('\n')}\n`)
  const { state, created } = await done()
  assert.deepEqual([state, created], ['done', rows])
})
after(async () => {
  await browser?.close()
  await send(facts, 'POST', `/operations/${operation.id}/undo`, {})
})

test('a list of thousands is scrolled and jumped in; every row stands in its place, and few are held', async () => {
  const { page, go, close } = await open(browser, facts)
  let asked = 0
  page.on('request', (r) => { if (/\/resources\/software(\/marks)?\?/.test(r.url())) asked++ })
  await go(`/inventory/software?filter=${encodeURIComponent(`name ~ ${prefix}`)}`)
  const table = page.getByTestId('table')
  const drawn = () => table.locator('tr[data-row]').evaluateAll((all) => all.map((r) => ({ row: Number(r.dataset.row), name: r.querySelector('th a')?.textContent ?? null })))
  /** Until a row is read and in sight; then every row drawn has the name of its place. */
  const shows = async (row, how) => {
    const link = page.getByRole('link', { name: nameOf(row), exact: true })
    await link.waitFor()
    await settled(page)
    assert.ok(await link.evaluate((a, box) => { const [l, t] = [a.getBoundingClientRect(), box.getBoundingClientRect()]; return l.top >= t.top && l.bottom <= t.bottom }, await table.elementHandle()), `${how}: row ${row} is in sight`)
    const list = await drawn()
    assert.ok(list.length < 100, `${how}: ${list.length} rows are drawn`)
    for (const r of list) assert.equal(r.name, nameOf(r.row + 1), `${how}: row ${r.row + 1}`)
  }
  await shows(1, 'opened')
  await page.getByText(new RegExp(`^1 to \\d+ of (over )?[\\d,]+$`)).waitFor()

  const scroll = (part) => table.evaluate((el, part) => { el.scrollTop = part * (el.scrollHeight - el.clientHeight) }, part)
  await scroll(0.001) // the list grows to its whole length once somebody scrolls
  const jump = page.getByRole('textbox', { name: 'Go to' })
  const to = async (what) => {
    await jump.fill(what)
    await page.keyboard.press('Enter')
  }
  for (const row of [2501, 7, 1234]) {
    await to(String(row))
    await shows(row, 'jumped to a number')
  }
  await to(nameOf(2222))
  await shows(2222, 'jumped to a name')
  await page.getByRole('button', { name: 'End', exact: true }).click()
  await shows(rows, 'at the end')
  await page.getByRole('button', { name: 'Top', exact: true }).click()
  await shows(1, 'at the top')
  for (const part of [0.5, 1, 0.25, 0]) {
    await scroll(part)
    await settled(page)
    const list = await drawn()
    const expected = 1 + part * (rows - 1)
    assert.ok(list.some((r) => Math.abs(r.row + 1 - expected) < 40), `scrolled to ${part}: drawn are rows ${list[0].row + 1} to ${list.at(-1).row + 1}`)
    for (const r of list) assert.equal(r.name, nameOf(r.row + 1), `scrolled to ${part}: row ${r.row + 1}`)
  }
  assert.ok(asked < 45, `${asked} questions for what ${rows / 100} pages hold`)
  await fit(page, 'a long list')
  await close()
})

test('on a phone the long list is turned by pages, and a jump lands on the page of its row', async () => {
  const { page, go, close } = await open(browser, facts, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  await go(`/inventory/software?filter=${encodeURIComponent(`name ~ ${prefix}`)}`)
  await page.getByRole('link', { name: nameOf(1), exact: true }).waitFor()
  await page.getByRole('button', { name: 'Later' }).click()
  await page.getByRole('link', { name: nameOf(101), exact: true }).waitFor()
  await page.getByRole('textbox', { name: 'Go to' }).fill('2950')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: nameOf(2950), exact: true }).waitFor()
  await settled(page)
  assert.equal(await page.getByRole('link', { name: nameOf(1), exact: true }).count(), 0)
  await fit(page, 'a long list on a phone')
  await close()
})
