// Pictures of every page at 1440 and 390 px, light and dark: full, empty (the collector has nothing) and broken (it fails).
// Usage: npm run screenshots -- FOLDER [NAME ...]; LOOK=390-dark and STATE=empty narrow what is made.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { launch, pages, serverFacts, settled, signIn } from './browser.mjs'

const [folder, ...only] = process.argv.slice(2)
if (!folder) {
  console.error('usage: npm run screenshots -- FOLDER [NAME ...]')
  process.exit(2)
}
await mkdir(folder, { recursive: true })
const facts = await serverFacts()
const { list } = await pages(facts)
const browser = await launch()
const looks = [
  ['1440-light', 1440, 900, 'light'],
  ['1440-dark', 1440, 900, 'dark'],
  ['390-light', 390, 844, 'light'],
  ['390-dark', 390, 844, 'dark'],
].filter(([name]) => !process.env.LOOK || name.includes(process.env.LOOK))

// What the browser is answered instead of the collector: lists without items, or an error. Who one is and which kinds there
// are stay true, since every page stands on them.
const spared = /^\/api\/v1\/(session|events|kinds|plugins|agents)\b/
const answers = {
  full: null,
  empty: (route, url) => {
    const nothing = { status: 200, contentType: 'application/json' }
    if (/\/(summary|coverage)$/.test(url.pathname)) return route.fulfill({ ...nothing, body: JSON.stringify({ kinds: [], scopes: 0, complete: 0, unwatched: 0, held: 0, held_removals: 0, pending_kinds: 0, agents: 0, agents_online: 0, connections: 0, exceptions: [] }) })
    if (/\/[0-9a-f-]{36}(\/compare)?$/.test(url.pathname) || url.pathname.endsWith('/mapping')) return route.continue()
    return route.fulfill({ ...nothing, body: JSON.stringify({ items: [], total_size: 0 }) })
  },
  broken: (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', headers: { 'X-Request-Id': '0198c0ffee' }, body: JSON.stringify({ title: 'Internal Server Error', status: 500, detail: 'The store does not answer: context deadline exceeded.' }) }),
}

for (const [name, width, height, colorScheme] of looks) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, deviceScaleFactor: width < 500 ? 2 : 1, reducedMotion: 'reduce', locale: 'en-GB' })
  const page = await context.newPage()
  if (!only.length || only.includes('sign-in')) {
    await page.goto(facts.url)
    await page.getByLabel('User name').waitFor()
    await settled(page)
    await page.screenshot({ path: join(folder, `sign-in-${name}.png`) })
  }
  await signIn(page, facts)
  for (const [state, answer] of Object.entries(answers)) {
    if (process.env.STATE && process.env.STATE !== state) continue
    if (answer) await page.route((url) => url.pathname.startsWith('/api/v1/') && !spared.test(url.pathname), (route) => answer(route, new URL(route.request().url())))
    for (const [what, path] of list) {
      if (only.length && !only.includes(what)) continue
      await page.goto(facts.url + path)
      await settled(page)
      await page.screenshot({ path: join(folder, `${what}-${state}-${name}.png`) })
    }
    await page.unrouteAll({ behavior: 'wait' })
  }
  if (!only.length || only.includes('palette')) {
    await page.goto(facts.url)
    await settled(page)
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('db')
    await page.waitForTimeout(600)
    await page.screenshot({ path: join(folder, `palette-${name}.png`) })
  }
  await context.close()
}
await browser.close()
