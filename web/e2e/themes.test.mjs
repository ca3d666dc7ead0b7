// The themes in a real browser: each accent, light and dark, can be read by everybody, is chosen by a click and kept.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const accentOf = (page) => page.evaluate(() => [document.documentElement.dataset.accent ?? 'brass', getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()])

test('an accent is chosen by a click, kept, and everything in it has contrast enough, light and dark', async () => {
  const { page, go, close } = await open(browser, facts)
  await go('/settings')
  const radios = page.getByRole('radiogroup', { name: 'Accent' }).getByRole('radio')
  const names = await radios.evaluateAll((all) => all.map((r) => r.value))
  assert.deepEqual(names.toSorted(), ['blue', 'brass', 'gold', 'green', 'lotus', 'orange', 'wine'])
  const colours = new Set()
  for (const name of names) {
    await go('/settings')
    await page.getByRole('radiogroup', { name: 'Accent' }).locator(`label[data-accent-name=${name}]`).click()
    // Filled and plain buttons, links, marks, and the page one is on in the rail.
    await go('/connections')
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await settled(page)
      const [accent, colour] = await accentOf(page)
      assert.equal(accent, name, 'kept by the next page')
      colours.add(colour)
      await fit(page, `${name}, ${colorScheme}`)
    }
  }
  assert.equal(colours.size, 2 * names.length, 'each theme has a colour of its own, in the light and in the dark')
  await close()
})
