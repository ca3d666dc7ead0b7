// A credential is typed in a real browser, encrypted there, and opens nowhere but at the agent: the run that follows signs in with it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { ask, launch, serverFacts } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** A connection to the simulated vCenter that has no credential. */
async function bare() {
  const like = (await ask(facts, '/connections')).items.find((c) => c.provider === 'vsphere' && c.agent)
  return send(facts, 'POST', '/connections', { name: unique('sealed'), provider: 'vsphere', agent: like.agent.id, settings: like.settings, kinds: [{ kind: 'cluster', enabled: true, interval_seconds: 86400 }] })
}

async function demo() {
  return JSON.parse(await readFile(join(dirname(process.env.MAESTRO_E2E_DEV_JSON), 'demo-ready.json'), 'utf8'))
}

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`a password is sealed in the browser and used by the agent, at ${viewport.width} px`, async () => {
    const { username, password } = await demo()
    const c = await bare()
    try {
      const { page, go, close } = await open(browser, facts, { viewport, bypassCSP: true })
      const sent = []
      page.on('request', (r) => sent.push(`${r.url()} ${r.postData() ?? ''}`))
      await go(`/connections/${c.id}`)
      await page.getByRole('button', { name: 'Enter it' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByText('SHA256:').first().waitFor()
      await fit(page, 'seal dialog')
      await dialog.getByRole('textbox', { name: 'User name', exact: true }).fill(username)
      await dialog.getByRole('textbox', { name: 'Password', exact: true }).fill(password)
      await dialog.getByRole('button', { name: 'Seal it' }).click()
      await page.getByText('ready', { exact: true }).waitFor()
      await fit(page, 'sealed connection')
      assert.ok(!sent.join('\n').includes(password), 'the password left the browser')
      await send(facts, 'POST', `/connections/${c.id}/runs`, {})
      const late = Date.now() + 60_000
      let run
      do {
        await new Promise((done) => setTimeout(done, 500))
        run = (await ask(facts, `/connections/${c.id}`)).last_run
      } while (Date.now() < late && !['succeeded', 'partial', 'failed'].includes(run?.state))
      assert.equal(run?.state, 'succeeded')
      await go('/connections/credentials')
      await page.getByRole('link', { name: c.name }).first().waitFor()
      await fit(page, 'credentials')
      await close()
    } finally {
      await send(facts, 'DELETE', `/connections/${c.id}`)
    }
  })
}
