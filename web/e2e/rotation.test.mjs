// A new password is given in a real browser: the agent tries it at the vCenter, and what is in use stays until it works.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
const demo = JSON.parse(await readFile(join(dirname(process.env.MAESTRO_E2E_DEV_JSON), 'demo-ready.json'), 'utf8'))
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** Types a credential into the dialog that is open. */
async function type(page, password, verb) {
  const dialog = page.getByRole('dialog')
  await dialog.getByText('SHA256:').first().waitFor()
  await dialog.getByRole('textbox', { name: 'User name', exact: true }).fill(demo.username)
  await dialog.getByRole('textbox', { name: 'Password', exact: true }).fill(password)
  await fit(page, 'dialog')
  await dialog.getByRole('button', { name: verb }).click()
  await dialog.waitFor({ state: 'detached' })
}

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`a password is tried before it is used, at ${viewport.width} px`, async () => {
    const like = (await ask(facts, '/connections')).items.find((c) => c.provider === 'vsphere' && c.agent)
    const name = unique('rotate')
    const made = []
    for (const n of ['a', 'b']) made.push(await send(facts, 'POST', '/connections', { name: `${name}-${n}`, provider: 'vsphere', agent: like.agent.id, settings: like.settings, paused: true, kinds: [{ kind: 'cluster', enabled: true, interval_seconds: 86400 }] }))
    const { page, go, close } = await open(browser, facts, { viewport, bypassCSP: true })
    const standing = () => ask(facts, `/sealed-credentials/${made[0].id}`)
    try {
      await go(`/connections/${made[0].id}`)
      await page.getByRole('button', { name: 'Enter it' }).click()
      assert.equal(await page.getByRole('dialog').getByLabel('Check it first').isChecked(), false, 'where nothing is in use nothing is at risk')
      await type(page, demo.password, 'Seal it')
      await page.getByText('ready', { exact: true }).waitFor()
      const old = (await standing()).sealed_at
      // A wrong one: the vCenter says no, and what is in use stays.
      await page.getByRole('button', { name: 'Enter another' }).click()
      assert.equal(await page.getByRole('dialog').getByLabel('Check it first').isChecked(), true)
      await type(page, 'not the password', 'Seal it')
      const candidate = page.getByTestId('candidate')
      await candidate.getByText('does not work', { exact: true }).waitFor({ timeout: 60_000 })
      await candidate.getByText(/refuses the user name or password/).waitFor()
      assert.equal((await standing()).sealed_at, old)
      await page.getByText('ready', { exact: true }).waitFor()
      await fit(page, 'refused')
      await candidate.getByRole('button', { name: 'Check it again' }).click()
      await candidate.getByText('does not work', { exact: true }).waitFor({ timeout: 60_000 })
      await candidate.getByRole('button', { name: 'Discard' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Discard it' }).click()
      await candidate.waitFor({ state: 'detached' })
      assert.equal((await standing()).candidate, undefined)
      // The right one for both at once, from the list.
      await go('/connections/credentials')
      for (const c of made) await page.getByRole('checkbox', { name: c.id }).check()
      await page.getByRole('button', { name: 'Enter one for 2' }).click()
      await type(page, demo.password, 'Seal it for 2 connections')
      const late = Date.now() + 60_000
      const all = async () => (await ask(facts, '/sealed-credentials?page_size=1000')).items.filter((x) => made.some((c) => c.id === x.id))
      let rows
      do {
        await new Promise((done) => setTimeout(done, 500))
        rows = await all()
      } while (Date.now() < late && !rows.every((x) => x.state === 'ready' && x.checked_at && !x.candidate))
      assert.deepEqual(rows.map((x) => [x.state, x.candidate]), [['ready', undefined], ['ready', undefined]])
      await fit(page, 'credentials')
      // The reminder.
      await page.getByRole('button', { name: 'Change the reminder' }).click()
      await page.getByRole('dialog').getByLabel('Days').fill('45')
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
      await page.getByText('Due after 45 days').waitFor()
      await page.getByRole('button', { name: 'Change the reminder' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'No reminder' }).click()
      await page.getByText('Nobody is reminded').waitFor()
      await close()
    } finally {
      for (const c of made) await send(facts, 'DELETE', `/connections/${c.id}`)
    }
  })
}
