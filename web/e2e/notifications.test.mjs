// Somebody subscribes in a real browser and is told of what happens: by the bell, by the list, and to a chat by a signed call.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, patience, serverFacts, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`what one subscribes to is told, at ${viewport.width} px`, async () => {
    const { page, go, close } = await open(browser, facts, { viewport, bypassCSP: true })
    const name = unique('new-ones')
    await go('/notifications')
    await page.getByRole('button', { name: 'Subscribe' }).first().click()
    const dialog = page.getByRole('dialog', { name: 'Subscribe' })
    await dialog.getByLabel('Name').fill(name)
    await dialog.getByRole('combobox', { name: 'Kind' }).click()
    await page.getByRole('option', { name: 'Servers', exact: true }).click()
    await dialog.getByLabel('Filter').fill(`nmae = "${name}"`)
    await fit(page, 'subscription form')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByText(/there is no field/).waitFor()
    await dialog.getByLabel('Filter').fill(`name = "${name}"`)
    await dialog.getByLabel('by a webhook').fill('https://127.0.0.1:1/hook')
    await dialog.getByRole('button', { name: 'Save' }).click()
    const shown = page.getByRole('dialog', { name: /secret/ })
    await shown.getByText(/whs_[0-9a-f]{20}/).waitFor()
    await shown.getByRole('button', { name: 'I have it' }).click()
    await page.getByRole('heading', { name, exact: true }).waitFor()
    await fit(page, 'subscriptions')
    await make(facts, 'server', { name: unique('another') })
    const made = await make(facts, 'server', { name })
    try {
      // The open page is told by the stream: without one, the bell is asked about every two minutes only.
      await page.getByRole('link', { name: /Notifications, .* not read/ }).waitFor({ timeout: 2 * patience })
      await go('/notifications')
      const title = page.getByRole('heading', { name: `${name}: 1 new` })
      await title.waitFor({ timeout: 2 * patience })
      const item = page.getByRole('listitem').filter({ has: title })
      await item.getByText('Webhook waits').waitFor() // nobody may lead the collector to itself
      await item.getByText(/is not one that webhooks may lead to/).waitFor()
      await page.getByRole('link', { name: /Notifications, .* not read/ }).waitFor()
      await fit(page, 'notifications')
      await item.getByRole('button', { name: /Mark as read/ }).click()
      await item.getByRole('button', { name: /Mark as not read/ }).waitFor()
      await item.getByRole('link', { name }).click()
      await page.getByRole('heading', { level: 1, name }).waitFor()
      await go('/notifications?tab=subscriptions')
      await page.getByRole('button', { name: `Delete ${name}` }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Delete the subscription' }).click()
      await page.getByRole('heading', { name, exact: true }).waitFor({ state: 'detached' })
    } finally {
      await send(facts, 'DELETE', `/resources/server/${made.id}`, undefined, { 'If-Match': '"1"' })
    }
    await close()
  })
}

test('tokens have no notifications', async () => {
  await assert.rejects(send(facts, 'GET', '/notifications'), /403/)
})
