// Pictures of every page at 1440 and 390 px, light and dark. Usage: npm run screenshots -- FOLDER [NAME ...]
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
  for (const [what, path] of list) {
    if (only.length && !only.includes(what)) continue
    await page.goto(facts.url + path)
    await settled(page)
    await page.screenshot({ path: join(folder, `${what}-${name}.png`) })
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
