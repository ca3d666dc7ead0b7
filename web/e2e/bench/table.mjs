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

// The same request by the page's own clock and by curl, in turns: whoever asks second finds warm what the first one asked. Server-Timing
// tells apart what the collector worked from what the browser waited.
const path = (i) => `/api/v1/resources/server?filter=${encodeURIComponent(`cpu_count > ${i}`)}&order_by=name&page_size=100`
const config = `header = "Authorization: Bearer ${facts.api_token}"\n`
const worked = (header) => Number(/total;dur=([\d.]+)/.exec(header)?.[1])
const curl = (url) => new Promise((done, fail) => {
  const child = execFile('curl', ['-s', '--compressed', '-o', '/dev/null', '-w', '%{time_total} %{time_pretransfer} %{time_starttransfer} %header{server-timing}', '-K', '-', url], (err, out) => {
    if (err) return fail(err)
    const [total, sent, begun] = out.split(' ').map((s) => Number(s) * 1000)
    done({ total, before: sent, server: worked(out), after: total - begun })
  })
  child.stdin.end(config)
})
const timings = () => page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.includes('/resources/server?')).map((e) => ({
  total: e.responseEnd - e.startTime, before: e.requestStart - e.startTime, server: e.serverTiming.find((t) => t.name === 'total')?.duration ?? NaN, after: e.responseEnd - e.responseStart,
})))
const line = page.getByRole('combobox', { name: 'Filter' })
const rounds = Number(process.env.MAESTRO_BENCH_ROUNDS ?? 16)
const part = (list, name) => median(list.map((x) => x[name])).toFixed(1)
const compare = (what, page, curl) => {
  const by = (list) => `${part(list, 'total')} (before ${part(list, 'before')}, server ${part(list, 'server')}, body ${part(list, 'after')})`
  say(what, `page ${by(page)}, curl ${by(curl)} ms, ratio ${(part(page, 'total') / part(curl, 'total')).toFixed(2)}, server's ${(part(page, 'server') / part(curl, 'server')).toFixed(2)}`)
}
const warm = { page: [], curl: [] }
for (let i = 1; i <= rounds; i++) {
  await page.evaluate(() => performance.clearResourceTimings())
  if (i % 2) warm.curl.push(await curl(facts.url + path(i)))
  await line.fill(`cpu_count > ${i}`)
  await page.keyboard.press('Enter')
  for (let got = []; !got.length; got = await timings()) await page.waitForTimeout(20)
  await read()
  warm.page.push((await timings())[0])
  if (i % 2 === 0) warm.curl.push(await curl(facts.url + path(i)))
}
compare('another filter in an open list', warm.page, warm.curl)
const cold = { page: [], curl: [] }
const opened = []
for (let i = 1; i <= rounds; i++) {
  if (i % 2) cold.curl.push(await curl(facts.url + path(i)))
  await page.goto(`${facts.url}/inventory/server?filter=${encodeURIComponent(`cpu_count > ${i}`)}`)
  await read()
  cold.page.push((await timings())[0])
  opened.push(await page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.includes('/resources/server?'))[0].responseEnd))
  if (i % 2 === 0) cold.curl.push(await curl(facts.url + path(i)))
}
compare('first request of a cold page', cold.page, cold.curl)
say('a cold page until its rows have come', `${median(opened).toFixed(0)} ms`)

for (const [what, p] of [['facets', '/resources/server/facets'], ['exact count', '/resources/server?page_size=1&count=exact'], ['marks', '/resources/server/marks?order_by=name'], ['summary', '/summary'], ['who has an address', '/resources?q=10.0.7.7']]) {
  const times = []
  for (let i = 0; i < 3; i++) times.push((await curl(`${facts.url}/api/v1${p}`)).total)
  say(what, `${median(times).toFixed(0)} ms`)
}
say('collector, resident, after', `${(await resident()).toFixed(0)} MiB`)
await browser.close()
