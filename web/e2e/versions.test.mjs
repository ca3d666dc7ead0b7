// Versions of a plugin in a real browser: what agents have, a pin, its way back, and what cannot be rolled out.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, test } from './browser.mjs'
import { fit, open, send } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`a version is pinned and taken back, at ${viewport.width} px`, async () => {
    const agent = (await ask(facts, '/agents')).items.find((a) => a.status === 'online')
    await send(facts, 'PUT', `/agents/${agent.id}/group`, { group: 'edge' })
    const standing = async () => (await ask(facts, '/plugin-versions')).items.find((v) => v.provider === 'host' && v.group === 'edge')
    const { page, go, close } = await open(browser, facts, { viewport })
    try {
      const have = (await standing()).versions.at(-1).version
      await go('/agents')
      await page.getByRole('heading', { name: 'Versions of plugins' }).waitFor()
      await fit(page, 'versions')
      await page.getByRole('button', { name: 'Pin a version of host, edge' }).click()
      await fit(page, 'pin')
      await page.getByRole('dialog').getByRole('button', { name: 'Pin it' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      assert.equal((await standing()).pinned, have)
      await send(facts, 'PUT', '/plugin-pins', { provider: 'host', group: 'edge', version: '' })
      await page.reload()
      await page.getByRole('button', { name: 'Roll back host, edge' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      assert.equal((await standing()).pinned, have)
    } finally {
      await send(facts, 'PUT', '/plugin-pins', { provider: 'host', group: 'edge', version: '' })
      await send(facts, 'PUT', `/agents/${agent.id}/group`, { group: '' })
    }
    await close()
  })
}
