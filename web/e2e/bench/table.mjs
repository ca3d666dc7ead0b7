// Measures the list of servers in a browser: how long, how much memory, how many elements, and what a request costs the page
// over what it costs curl. It prints a line for each figure and fails where a bound is broken.
//   MAESTRO_E2E_DEV_JSON=… node e2e/bench/table.mjs [PID of the collector]
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'

import { ask, launch, serverFacts, signIn } from '../browser.mjs'

const facts = await serverFacts()
const collector = process.argv[2]
const say = (what, text) => console.log(`${what.padEnd(52)} ${text}`)
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
const resident = async () => (collector ? Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${collector}/status`, 'utf8'))[1]) / 1024 : NaN)
const total = (await ask(facts, '/resources/server?page_size=1&count=exact')).total_size
say('servers', String(total))
say('collector, resident, before', `${(await resident()).toFixed(0)} MiB`)

const browser = await launch()
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', locale: 'en-GB' })
const page = await context.newPage()
const cdp = await context.newCDPSession(page)
await cdp.send('Performance.enable')
await signIn(page, facts)

const heap = async () => {
  await cdp.send('HeapProfiler.collectGarbage')
  const { metrics } = await cdp.send('Performance.getMetrics')
  return metrics.find((m) => m.name === 'JSHeapUsedSize').value / 2 ** 20
}
const rows = page.locator('[data-testid=table] tr[data-row]')
const read = () => page.waitForFunction(() => document.querySelector('tr[data-row]') && !document.querySelector('tr[data-row][aria-busy]'), null, { timeout: 60_000 })
const drawn = () => page.evaluate(() => ({ rows: document.querySelectorAll('tr[data-row]').length, elements: document.querySelectorAll('*').length }))
const last = () => page.evaluate(() => Math.max(...[...document.querySelectorAll('tr[data-row]')].map((r) => Number(r.dataset.row))))
const scroll = (to) => page.locator('[data-testid=table]').evaluate((el, to) => { el.scrollTop = to < 0 ? el.scrollHeight : to }, to)

let begun = performance.now()
await page.goto(facts.url + '/inventory/server')
await rows.first().waitFor()
await read()
say('cold page until rows are read', `${(performance.now() - begun).toFixed(0)} ms`)
const before = await heap()
say('page, JavaScript heap, first rows', `${before.toFixed(1)} MiB, ${JSON.stringify(await drawn())}`)

// Through all of it, by screens, for as long as a reader would drag.
let most = 0
let asked = 0
page.on('request', (r) => { if (r.url().includes('/resources/server?')) asked++ })
begun = performance.now()
await scroll(2000)
await read()
const height = await page.locator('[data-testid=table]').evaluate((el) => el.scrollHeight)
for (let i = 1; i <= 60; i++) {
  await scroll((height * i) / 60)
  await read()
  most = Math.max(most, (await drawn()).rows)
}
say('60 stops from top to end, each read', `${((performance.now() - begun) / 60).toFixed(0)} ms each, ${asked} requests of 100 rows`)
const after = await heap()
say('page, JavaScript heap, after it', `${after.toFixed(1)} MiB, at most ${most} rows drawn`)
assert.ok(after < before + 20, `the page grew from ${before.toFixed(1)} to ${after.toFixed(1)} MiB`)
assert.ok(most < 100, `${most} rows were drawn`)

const button = (name) => page.getByRole('button', { name, exact: true })
for (const [name, reached] of [['Top', (n) => n < 100], ['End', (n) => n === total - 1]]) {
  begun = performance.now()
  await button(name).click()
  for (let at = -1; !reached(at); at = await last()) { await page.waitForTimeout(20); assert.ok(performance.now() - begun < 60_000, `${name} leads nowhere: ${at}`) }
  await read()
  say(`jump: ${name}`, `${(performance.now() - begun).toFixed(0)} ms`)
}
const name = (await ask(facts, `/resources/server?page_size=1&order_by=${encodeURIComponent('name desc')}`)).items[0].name
await button('Top').click()
await page.getByRole('textbox', { name: 'Go to' }).fill(name)
begun = performance.now()
await button('Go').click()
await page.getByRole('link', { name, exact: true }).waitFor({ timeout: 60_000 })
say('jump to a name', `${(performance.now() - begun).toFixed(0)} ms`)

// The same request by the page's own clock and by curl, in turns: whoever asks second finds warm what the first one asked.
const path = (i) => `/api/v1/resources/server?filter=${encodeURIComponent(`cpu_count > ${i}`)}&order_by=name&page_size=100`
const config = `header = "Authorization: Bearer ${facts.api_token}"\n`
const curl = (url) => new Promise((done, fail) => {
  const child = execFile('curl', ['-s', '--compressed', '-o', '/dev/null', '-w', '%{time_total}', '-K', '-', url], (err, out) => (err ? fail(err) : done(Number(out) * 1000)))
  child.stdin.end(config)
})
const timings = () => page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.includes('/resources/server?')).map((e) => e.responseEnd - e.startTime))
const line = page.getByRole('combobox', { name: 'Filter' })
const warm = { page: [], curl: [] }
for (let i = 1; i <= 16; i++) {
  await page.evaluate(() => performance.clearResourceTimings())
  if (i % 2) warm.curl.push(await curl(facts.url + path(i)))
  await line.fill(`cpu_count > ${i}`)
  await page.keyboard.press('Enter')
  for (let got = []; !got.length; got = await timings()) await page.waitForTimeout(20)
  await read()
  warm.page.push((await timings())[0])
  if (i % 2 === 0) warm.curl.push(await curl(facts.url + path(i)))
}
say('another filter in an open list, page and curl', `${median(warm.page).toFixed(1)} and ${median(warm.curl).toFixed(1)} ms, ratio ${(median(warm.page) / median(warm.curl)).toFixed(2)}`)
const cold = { page: [], curl: [] }
for (let i = 1; i <= 12; i++) {
  if (i % 2) cold.curl.push(await curl(facts.url + path(i)))
  await page.goto(`${facts.url}/inventory/server?filter=${encodeURIComponent(`cpu_count > ${i}`)}`)
  await read()
  cold.page.push((await timings())[0])
  if (i % 2 === 0) cold.curl.push(await curl(facts.url + path(i)))
}
say('first request of a cold page, page and curl', `${median(cold.page).toFixed(1)} and ${median(cold.curl).toFixed(1)} ms, ratio ${(median(cold.page) / median(cold.curl)).toFixed(2)}`)

for (const [what, p] of [['facets', '/resources/server/facets'], ['exact count', '/resources/server?page_size=1&count=exact'], ['marks', '/resources/server/marks?order_by=name'], ['summary', '/summary'], ['who has an address', '/resources?q=10.0.7.7']]) {
  const times = []
  for (let i = 0; i < 3; i++) times.push(await curl(`${facts.url}/api/v1${p}`))
  say(what, `${median(times).toFixed(0)} ms`)
}
say('collector, resident, after', `${(await resident()).toFixed(0)} MiB`)
await browser.close()
