// What a setting may be, asked of the provider: the simulated vCenter says its datacenters, by way of agent and plugin.
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

const askButton = (page) => page.getByRole('button', { name: /^Ask the provider for choices of Only these datacenters/ })

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`a setting is chosen from what the provider has, at ${viewport.width} px`, async () => {
    const name = unique('choices')
    const { page, go, close } = await open(browser, facts, { viewport })
    let made
    try {
      const like = (await ask(facts, '/connections?page_size=1000')).items.find((c) => c.provider === 'vsphere' && c.settings.url === demo.url)
      // Without a credential the plugin says what is missing, and the form where it comes from.
      made = await send(facts, 'POST', '/connections', { name, provider: 'vsphere', agent: like.agent.id, paused: true, settings: { url: demo.url, thumbprint: demo.thumbprint } })
      await go(`/connections/${made.id}/edit`)
      await askButton(page).click()
      await page.getByText('the credential has no user name or password').waitFor()
      await page.getByText('give the credential VSPHERE_USERNAME').waitFor()
      await fit(page, 'refused')
      // A wrong setting elsewhere is named.
      await page.getByLabel('vCenter', { exact: false }).or(page.getByLabel('URL', { exact: false })).first().fill('http://nowhere')
      await askButton(page).click()
      await page.getByText('must begin with https://').waitFor()
      await page.getByLabel('vCenter', { exact: false }).or(page.getByLabel('URL', { exact: false })).first().fill(demo.url)
      // With the credential of the agent's file, chosen on the same page and not saved yet, the datacenters come.
      await page.getByRole('combobox', { name: 'Credential' }).or(page.getByLabel('Credential', { exact: true })).first().click()
      await page.getByRole('option', { name: like.credential }).click()
      await askButton(page).click()
      await page.getByText(/choices?: (it is|they are) offered in the field/).waitFor()
      await fit(page, 'offered')
      const field = page.getByRole('combobox', { name: /Only these datacenters/ }).or(page.getByLabel('Only these datacenters', { exact: false })).first()
      await field.click()
      const first = page.getByRole('option').first()
      const chosen = (await first.textContent()).trim()
      await page.screenshot({ path: join(process.env.MAESTRO_E2E_SHOTS ?? '/tmp', `choices-${viewport.width}.png`) })
      await first.click()
      // Typing stays possible.
      await field.fill('EMEA/*')
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Save', exact: false }).last().click()
      await page.waitForURL((u) => u.pathname === `/connections/${made.id}`)
      const saved = await ask(facts, `/connections/${made.id}`)
      assert.deepEqual(saved.settings.datacenters, [chosen, 'EMEA/*'])
      await close()
    } finally {
      if (made) await send(facts, 'DELETE', `/connections/${made.id}`)
    }
  })
}

test('a plugin that knows no choices has plain inputs', async () => {
  const { page, go, close } = await open(browser, facts)
  const plain = (await ask(facts, '/plugins')).items.find((p) => !p.choices?.length)
  assert.ok(plain, 'every plugin announces choices: the case is not shown')
  const agent = plain.agents[0]
  const answer = await fetch(`${facts.url}/api/v1/plugins/${plain.provider}/choices`, { method: 'POST', headers: { Authorization: `Bearer ${facts.api_token}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ setting: '/anything', agent: agent.id }) })
  const said = await answer.json()
  assert.equal(said.state, 'unsupported')
  assert.match(said.error, /does not say what this setting may be/)
  await go('/connections/new')
  await page.getByRole('radio').or(page.getByText(plain.title)).first().waitFor()
  assert.equal(await page.getByRole('button', { name: /^Ask the provider/ }).count(), 0)
  await close()
})
