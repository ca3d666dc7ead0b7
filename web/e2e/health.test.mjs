// The health matrix in a real browser: every kind of every connection with its last complete read, narrowed, leading to the run.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, test } from './browser.mjs'
import { fit, open } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`the health matrix is one request, is narrowed, and leads to the run, at ${viewport.width} px`, async () => {
    const { items } = await ask(facts, '/connections/health')
    const one = items.find((c) => c.kinds.some((k) => k.status === 'complete' && k.run_id))
    const { page, go, close } = await open(browser, facts, { viewport })
    const asked = []
    page.on('request', (r) => { if (/\/api\/v1\/(connections|coverage|runs)/.test(r.url())) asked.push(r.url()) })
    await go('/connections/health')
    const row = page.getByRole('row').filter({ has: page.getByRole('rowheader').getByRole('link', { name: one.name, exact: true }) })
    await row.getByRole('link', { name: /complete/ }).first().waitFor()
    assert.equal(asked.length, 1, asked.join('\n'))
    await fit(page, 'health')
    await page.goto(`${facts.url}/connections/health?provider=${encodeURIComponent(one.provider)}`)
    await row.waitFor()
    assert.equal(await page.getByRole('rowheader').count(), items.filter((c) => c.provider === one.provider).length)
    await row.getByRole('link', { name: /complete/ }).first().click()
    await page.waitForURL(/\/runs\//)
    await close()
  })
}
