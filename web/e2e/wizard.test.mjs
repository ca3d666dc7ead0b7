// The wizard in a real browser, against the simulated vCenter: from nothing to a first run.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const demo = JSON.parse(await readFile(join(dirname(process.env.MAESTRO_E2E_DEV_JSON), 'demo-ready.json'), 'utf8'))
const next = (page) => page.getByRole('button', { name: /^(Next|Save and go on)$/ }).click()
const at = (page, n, title) => page.locator('nav[aria-label="Steps"] [aria-current="step"]').filter({ hasText: `${n}` }).filter({ hasText: title }).waitFor()

async function remove(name) {
  for (const c of (await ask(facts, '/connections?page_size=1000')).items) if (c.name === name) await send(facts, 'DELETE', `/connections/${c.id}`)
  for (const d of (await ask(facts, '/datacenters?page_size=1000')).items) if (d.name === `${name} hall`) await send(facts, 'DELETE', `/datacenters/${d.id}`)
}

/** Through the first three steps. */
async function settings(page, name, thumbprint = demo.thumbprint) {
  await page.getByLabel('Or a new datacenter').fill(`${name} hall`)
  await page.getByRole('button', { name: 'Add it' }).click()
  await page.waitForFunction((want) => [...document.querySelectorAll('input')].some((i) => i.value === want), `${name} hall`)
  await next(page)
  await at(page, 2, 'Provider')
  await page.getByRole('radio', { name: /VMware/ }).check()
  await next(page)
  await at(page, 3, 'Settings')
  await page.getByLabel('Name', { exact: false }).first().fill(name)
  await page.getByLabel('vCenter', { exact: false }).or(page.getByLabel('URL', { exact: false })).first().fill(demo.url)
  await page.getByLabel(/thumbprint/i).first().fill(thumbprint)
}

for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`the wizard leads from nothing to a first run, at ${viewport.width} px`, async () => {
    const name = unique('wizard')
    const { page, go, close } = await open(browser, facts, { viewport })
    const sent = []
    page.on('request', (r) => sent.push(`${r.url()} ${r.postData() ?? ''}`))
    try {
      await go('/connections/setup')
      await fit(page, 'place')
      await settings(page, name)
      // A reload loses nothing, and Back leads to the step before.
      await page.reload()
      await settled(page)
      await at(page, 3, 'Settings')
      assert.equal(await page.getByLabel('Name', { exact: false }).first().inputValue(), name)
      await page.goBack()
      await at(page, 2, 'Provider')
      await page.goForward()
      await at(page, 3, 'Settings')
      await fit(page, 'settings')
      await next(page)
      await at(page, 4, 'Credential')
      const saved = (await ask(facts, '/connections?page_size=1000')).items.find((c) => c.name === name)
      assert.ok(saved.paused, 'nothing is read before the last step')
      await page.getByRole('radio', { name: /^With what I enter here/ }).check()
      await page.getByRole('textbox', { name: 'User name', exact: true }).fill(demo.username)
      await page.getByRole('textbox', { name: 'Password', exact: true }).fill('not the password')
      await page.getByRole('button', { name: 'Seal it' }).click()
      await page.getByText('ready', { exact: true }).waitFor()
      await fit(page, 'credential')
      // What went wrong is said with the way back to it.
      await next(page)
      await at(page, 5, 'Permissions')
      await page.getByText('Mend it and come back').waitFor()
      await fit(page, 'refused')
      await page.getByRole('button', { name: 'the credential', exact: true }).click()
      await at(page, 4, 'Credential')
      await page.getByRole('textbox', { name: 'User name', exact: true }).fill(demo.username)
      await page.getByRole('textbox', { name: 'Password', exact: true }).fill(demo.password)
      await page.getByRole('button', { name: 'Seal it' }).click()
      await page.waitForFunction(() => document.querySelector('input[type="password"]')?.value === '')
      await next(page)
      await at(page, 5, 'Permissions')
      await page.getByText('Everything it needs is there.').waitFor()
      await fit(page, 'permissions')
      await next(page)
      await at(page, 6, 'Kinds')
      const off = page.getByRole('switch').first()
      const kind = await off.evaluate((e) => e.closest('label, div')?.textContent ?? '')
      await off.press('Space')
      await fit(page, 'kinds')
      await next(page)
      await at(page, 7, 'First run')
      await fit(page, 'before the run')
      await page.getByRole('button', { name: 'Start reading' }).click()
      await page.getByTestId('first-run').waitFor()
      await page.getByTestId('first-run').getByText('succeeded').first().waitFor()
      await fit(page, 'first run')
      assert.match(new URL(page.url()).search, /run=/)
      await page.reload()
      await settled(page)
      await page.getByTestId('first-run').getByText('succeeded').first().waitFor()
      const now = await ask(facts, `/connections/${saved.id}`)
      assert.equal(now.paused, false)
      assert.equal(now.kinds.filter((k) => !k.enabled).length, 1, `${kind} stays off`)
      assert.ok(now.last_run.listed > 0)
      assert.ok(!sent.join('\n').includes(demo.password), 'the password left the browser')
      assert.ok(!(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).includes(demo.password), 'the password was kept')
      await close()
    } finally {
      await remove(name)
    }
  })
}

test('the wizard works by keyboard, opens no step too early, and what was made is discarded', async () => {
  const name = unique('keys')
  const { page, go, close } = await open(browser, facts)
  try {
    await go('/connections/setup?step=run')
    await at(page, 2, 'Provider')
    const radio = page.getByRole('radio', { name: /VMware/ })
    await page.getByRole('radio').first().focus()
    for (let i = 0; i < 10 && !(await radio.isChecked()); i++) await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await at(page, 3, 'Settings')
    await page.keyboard.press('Tab')
    await next(page)
    await page.getByText('This is needed.').first().waitFor()
    await page.getByLabel('Name', { exact: false }).first().focus()
    await page.keyboard.type(name)
    const like = demo
    await page.getByLabel('vCenter', { exact: false }).or(page.getByLabel('URL', { exact: false })).first().focus()
    await page.keyboard.type(like.url)
    await page.keyboard.press('Enter')
    await at(page, 4, 'Credential')
    // Somebody else changes it meanwhile: both versions are shown.
    const c = (await ask(facts, '/connections?page_size=1000')).items.find((x) => x.name === name)
    await page.getByRole('radio', { name: /agent’s own file/ }).check()
    const { id, version, agent, provider, settings: kept, kinds } = c
    await send(facts, 'PUT', `/connections/${id}`, { name, provider, agent: agent.id, settings: { ...kept, thumbprint: like.thumbprint }, kinds, paused: true, rules: [] }, { 'If-Match': `"${version}"` })
    await page.getByLabel('Credential', { exact: true }).or(page.getByRole('combobox', { name: 'Credential' })).first().click()
    await page.getByRole('option').first().click()
    await next(page)
    await page.getByTestId('conflict').waitFor()
    await page.getByRole('button', { name: 'Take theirs' }).click()
    await page.getByTestId('conflict').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Discard …' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Discard it' }).click()
    await page.getByText(`${name} discarded`).waitFor()
    await go('/connections/setup?connection=' + id)
    await page.getByText('This connection is gone').waitFor()
    await close()
  } finally {
    await remove(name)
  }
})

for (const look of [{ viewport: { width: 1440, height: 900 }, colorScheme: 'light' }, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }]) {
  test(`a certificate that nobody trusts is offered before a password is asked for, at ${look.viewport.width} px`, async () => {
    const name = unique('pin')
    const { page, go, close } = await open(browser, facts, look)
    try {
      await go('/connections/setup')
      await settings(page, name, '')
      await next(page)
      await at(page, 4, 'Credential')
      const offer = page.getByTestId('certificate')
      await offer.getByText(demo.thumbprint).waitFor()
      await offer.getByText('Nobody whom the agent’s machine trusts').waitFor()
      await offer.getByText('Issued by').waitFor()
      await offer.getByText('Valid', { exact: true }).waitFor()
      await fit(page, 'certificate')
      const saved = async () => (await ask(facts, '/connections?page_size=1000')).items.find((c) => c.name === name)
      assert.equal((await saved()).settings.thumbprint, undefined, 'nothing is trusted before somebody says so')
      await offer.getByRole('button', { name: 'I have compared it: trust this one' }).click()
      await offer.waitFor({ state: 'detached' })
      assert.equal((await saved()).settings.thumbprint, demo.thumbprint)
      // It shows another one than it did: both are there to compare, on the connection's own page too.
      const c = await saved()
      const other = Array(32).fill('AB').join(':')
      await send(facts, 'PUT', `/connections/${c.id}`, { name, provider: c.provider, agent: c.agent.id, settings: { ...c.settings, thumbprint: other }, kinds: c.kinds, paused: true, rules: [] }, { 'If-Match': `"${c.version}"` })
      await go(`/connections/${c.id}`)
      await page.getByRole('button', { name: 'Check permissions' }).click()
      await offer.getByText('another certificate than the one the settings trust').waitFor()
      await offer.getByText(other).waitFor()
      await fit(page, 'another certificate')
      await offer.getByRole('button', { name: 'I have compared it: trust this one' }).click()
      await page.getByText('the credential has no user name or password').waitFor()
      await offer.waitFor({ state: 'detached' })
      assert.equal((await saved()).settings.thumbprint, demo.thumbprint)
      await close()
    } finally {
      await remove(name)
    }
  })
}
