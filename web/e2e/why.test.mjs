// "Why is it not here?" in a real browser: asked by hand, from an empty list, from a page that is not there, from the palette.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { fit, make, open, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const enter = (options) => open(browser, facts, options)
const steps = ['Inventory', 'Connection', 'Permission', 'Run', 'Agent and spool', 'Receipt', 'Merge', 'Access']

test('what is there is found, and what is not is walked through to its end', async () => {
  const name = unique('there')
  const made = await make(facts, 'application', { name })
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    const { page, go, close } = await enter({ viewport })
    await go('/why')
    await page.getByText('What is missing?').waitFor()
    await page.getByLabel('What is missing').fill(name.toUpperCase())
    await page.getByRole('button', { name: 'Ask' }).click()
    await page.getByRole('status').getByText(/is there/).waitFor()
    await fit(page, `found at ${viewport.width}`)
    await page.getByRole('link', { name }).first().click()
    await page.waitForURL(new RegExp(made.id))

    await go(`/why?name=${encodeURIComponent('no-such-thing <b>x</b>')}&kind=server`)
    await page.getByRole('status').getByText(/does not know it/).waitFor()
    const titles = await page.locator('ol h2').allTextContents()
    assert.deepEqual(titles.map((t) => steps.find((s) => t.startsWith(s))), steps)
    await fit(page, `missing at ${viewport.width}`)
    await close()
  }
})

test('an empty list, a page that is not there and the palette lead to it', async () => {
  const { page, go, close } = await enter()
  const name = unique('nowhere')
  await go(`/inventory/server?filter=${encodeURIComponent(`name = "${name}"`)}`)
  await page.getByRole('link', { name: 'Why is it not here?' }).click()
  await page.waitForURL(/\/why\?/)
  assert.equal(await page.getByLabel('What is missing').inputValue(), name)
  await page.getByRole('status').getByText(/does not know it/).waitFor()

  await go('/inventory/server/0198c000-0000-7000-8000-000000000000')
  await page.getByRole('link', { name: 'Why is it not here?' }).click()
  await page.waitForURL(/name=0198c000/)

  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Find things, pages and actions' }).fill(name)
  await page.getByRole('option', { name: /not here\?/ }).click()
  await page.waitForURL(new RegExp(`/why\\?name=${name}`))
  await settled(page)
  await close()
})

test('a question that makes no sense says so', async () => {
  const { page, go, close } = await enter()
  await go('/why?name=x&kind=sever')
  await page.getByRole('alert').getByText(/there is no kind/).waitFor()
  assert.equal((await ask(facts, '/why?name=x')).verdict === 'ok', false)
  await close()
})
