// Pictures of every page at 1440 and 390 px, light and dark: full, empty (the collector has nothing) and broken (it fails).
// Usage: npm run screenshots -- FOLDER [NAME ...]; LOOK=390-dark and STATE=empty narrow what is made. FOLDER/sheets has the
// pictures of one look and state side by side, to look through them.
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { launch, pages, serverFacts, settled, signIn } from './browser.mjs'
import { prepare, show } from './scenes.mjs'

const [folder, ...only] = process.argv.slice(2)
if (!folder) {
  console.error('usage: npm run screenshots -- FOLDER [NAME ...]')
  process.exit(2)
}
await mkdir(folder, { recursive: true })
const facts = await serverFacts()
const world = await pages(facts)
const { list } = world
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
  empty: async (route, url) => {
    const nothing = { status: 200, contentType: 'application/json' }
    if (/\/api\/v1\/(summary|coverage)$/.test(url.pathname)) return route.fulfill({ ...nothing, body: JSON.stringify({ kinds: [], scopes: 0, complete: 0, unwatched: 0, held: 0, held_removals: 0, pending_kinds: 0, agents: 0, agents_online: 0, connections: 0, exceptions: [] }) })
    // What is one document and no list stays: nobody sees it empty.
    const response = await route.fetch()
    const doc = response.ok() ? await response.json().catch(() => null) : null
    return Array.isArray(doc?.items) ? route.fulfill({ ...nothing, body: JSON.stringify({ items: [], total_size: 0 }) }) : route.fulfill({ response })
  },
  broken: (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', headers: { 'X-Request-Id': '0198c0ffee' }, body: JSON.stringify({ title: 'Internal Server Error', status: 500, detail: 'The store does not answer: context deadline exceeded.' }) }),
}

const made = new Map()
const failed = []
const began = performance.now()
let taken = 0

/** The page as it stands, in every look; it is loaded once. */
async function shoot(page, what, state, only) {
  for (const [look, width, height, colorScheme] of looks.filter(([, w]) => !only || w === only)) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height })
    await settled(page)
    const path = join(folder, `${[what, state, look].filter(Boolean).join('-')}.png`)
    await page.screenshot({ path })
    taken++
    const sheet = `${state || 'more'}-${look}`
    made.set(sheet, [...(made.get(sheet) ?? []), [what, path, width]])
  }
}

/** Takes pictures of one thing and says how long it took. One that cannot be made is named at the end; the others are made. */
async function picture(what, state, make) {
  const from = performance.now()
  const name = [what, state].filter(Boolean).join(', ')
  try {
    await make()
    console.log(`${name}: ${((performance.now() - from) / 1000).toFixed(1)} s; ${taken} pictures in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  } catch (err) {
    failed.push(`${name}: ${err?.message ?? err}`)
    console.log(`${name}: NOT MADE`)
  }
}

const wanted = (what) => !only.length || only.includes(what)
const context = await browser.newContext()
const page = await context.newPage()
for (const [what, path] of [['sign-in', '/'], ['forgotten', '/forgotten'], ['link', '/link#nothing']]) {
  if (!wanted(what)) continue
  await picture(what, '', async () => {
    await page.goto(facts.url + path)
    await page.getByRole('heading').first().waitFor()
    await shoot(page, what, '')
  })
}
await signIn(page, facts)

/** The pages in one state. Two windows share them: while one waits for its page, the other draws. */
async function walk(state, answer) {
  const left = list.filter(([what]) => wanted(what))
  await Promise.all([0, 1].map(async () => {
    const own = await browser.newContext()
    const page = await own.newPage()
    await signIn(page, facts)
    if (answer) await page.route((url) => url.pathname.startsWith('/api/v1/') && !spared.test(url.pathname), (route) => answer(route, new URL(route.request().url())))
    for (let next = left.shift(); next; next = left.shift()) {
      const [what, path] = next
      await picture(what, state, async () => {
        await page.goto(facts.url + path)
        await settled(page)
        await shoot(page, what, state)
      })
    }
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await own.close()
  }))
  // Two windows end out of turn; the sheets are in the pages' order.
  const order = new Map(list.map(([what], i) => [what, i]))
  for (const pictures of made.values()) pictures.sort(([a], [b]) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
}
for (const [state, answer] of Object.entries(answers)) if (!process.env.STATE || process.env.STATE === state) await walk(state, answer)

if (!process.env.STATE || process.env.STATE === 'scenes') {
  for (const scene of (await prepare(facts, world)).filter(([name]) => wanted(name))) {
    // A dialog is opened once for a desk and once for a phone: it is laid out when it is opened.
    for (const [width, height] of [[1440, 900], [390, 844]]) {
      if (!looks.some(([, w]) => w === width)) continue
      await picture(scene[0], 'scene', async () => {
        await page.setViewportSize({ width, height })
        await show(page, facts, scene)
        await shoot(page, scene[0], 'scene', width)
      })
      await page.unrouteAll({ behavior: 'ignoreErrors' })
    }
  }
}
if (wanted('palette')) {
  await picture('palette', '', async () => {
    await page.goto(facts.url)
    await settled(page)
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('db')
    await page.getByRole('option').nth(1).waitFor()
    await shoot(page, 'palette', '')
  })
}
await context.close()

await mkdir(join(folder, 'sheets'), { recursive: true })
const sheets = await (await browser.newContext()).newPage()
for (const [name, pictures] of made) {
  for (let i = 0; i < pictures.length; i += 12) {
    const width = pictures[0][2] > 500 ? 720 : 390
    const figures = await Promise.all(pictures.slice(i, i + 12).map(async ([what, path]) => `<figure><figcaption>${what}</figcaption><img src="data:image/png;base64,${(await readFile(path)).toString('base64')}"></figure>`))
    await sheets.setViewportSize({ width: width * (width > 500 ? 3 : 6) + 60, height: 600 })
    await sheets.setContent(`<style>body { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px; background: #777 } figure { margin: 0 } figcaption { font: 14px sans-serif } img { width: ${width}px; display: block }</style>${figures.join('')}`)
    await sheets.waitForFunction(() => [...document.images].every((m) => m.complete))
    await sheets.screenshot({ path: join(folder, 'sheets', `${name}-${i / 12 + 1}.png`), fullPage: true })
  }
}
await browser.close()
if (failed.length) {
  console.error(`\n${failed.length} could not be made:\n${failed.join('\n')}`)
  process.exitCode = 1
}
