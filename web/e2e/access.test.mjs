// Teams and rights in a real browser: a team is made, gets a right on a resource, the resource says through what, and it is taken back.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

test('a team is granted a right on a resource, which says who may see it and why', async (t) => {
  const { page, go, close } = await open(browser, facts)
  const name = unique('Ops')
  await go('/settings/teams')
  await page.getByRole('button', { name: 'Make a team' }).first().click()
  const form = page.getByRole('dialog')
  await form.getByRole('textbox', { name: 'Name' }).fill(name)
  await form.getByLabel('Members').fill(facts.username)
  await page.keyboard.press('Enter')
  await form.getByRole('checkbox', { name: facts.username }).check()
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByText(`${facts.username} (lead)`).first().waitFor()
  await fit(page, 'teams')
  if (process.env.MAESTRO_E2E_LOOK) await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/teams.png` })

  const r = await send(facts, 'POST', '/resources/server', { name: unique('granted') })
  t.after(() => send(facts, 'DELETE', `/resources/server/${r.id}`, undefined, { 'If-Match': '"1"' }).catch(() => null))
  await go(`/inventory/server/${r.id}?tab=access`)
  await page.getByRole('combobox', { name: 'Team' }).click()
  await page.getByRole('option', { name }).click()
  await page.getByRole('button', { name: 'Grant', exact: true }).click()
  const revoke = page.getByRole('button', { name: `Revoke read of ${name}` })
  await revoke.waitFor()
  await page.getByText(`read of the team ${name}, on the server`).first().waitFor()
  await page.getByRole('textbox', { name: 'User name of whom to ask about' }).fill(facts.username)
  await page.getByRole('button', { name: 'Say why' }).click()
  assert.match(await page.getByRole('status').filter({ hasText: 'can read, change and grant' }).textContent(), /by the role admin/)
  await fit(page, 'access tab')
  if (process.env.MAESTRO_E2E_LOOK) {
    for (const [width, scheme] of [[1440, 'light'], [1440, 'dark'], [390, 'light']]) {
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize({ width, height: 900 })
      await settled(page)
      await fit(page, `access tab at ${width}`)
      await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/access-${width}-${scheme}.png`, fullPage: true })
    }
    await page.setViewportSize({ width: 1440, height: 900 })
  }
  await revoke.click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await revoke.waitFor({ state: 'detached' })

  await go('/settings/teams')
  await page.getByRole('button', { name: `Actions for ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the team' }).click()
  await page.getByRole('button', { name: `Actions for ${name}` }).waitFor({ state: 'detached' })
  await close()
})

test('what is granted on a datacenter holds for what stands in it, and a connection says who may do what', async (t) => {
  const { page, go, close } = await open(browser, facts)
  const name = unique('Site')
  const team = await send(facts, 'POST', '/teams', { name, members: [] })
  const datacenter = await send(facts, 'POST', '/datacenters', { name: unique('dc') })
  const server = await send(facts, 'POST', '/resources/server', { name: unique('in-it'), datacenter: datacenter.id })
  t.after(async () => {
    await send(facts, 'DELETE', `/resources/server/${server.id}`, undefined, { 'If-Match': '"1"' }).catch(() => null)
    await send(facts, 'DELETE', `/teams/${team.id}`).catch(() => null)
  })
  await go(`/datacenters/${datacenter.id}`)
  await page.getByRole('link', { name: 'Access', exact: true }).click()
  await page.getByRole('heading', { name: `Access to ${datacenter.name}` }).waitFor()
  await page.getByRole('combobox', { name: 'Team' }).click()
  await page.getByRole('option', { name }).click()
  await page.getByRole('combobox', { name: 'Right' }).click()
  await page.getByRole('option', { name: 'write' }).click()
  await page.getByRole('button', { name: 'Grant', exact: true }).click()
  await page.getByRole('button', { name: `Revoke write of ${name}` }).waitFor()
  await fit(page, 'access to a datacenter')
  await go(`/inventory/server/${server.id}?tab=access`)
  await page.getByText(`Inherits from datacenter ${datacenter.name}`).waitFor()
  const connection = (await send(facts, 'GET', '/connections')).items[0]
  await go(`/connections/${connection.id}`)
  await page.getByRole('link', { name: 'Access', exact: true }).click()
  await page.getByRole('heading', { name: `Access to ${connection.name}` }).waitFor()
  await page.getByText('Nothing; all rights come from above.').waitFor()
  if (process.env.MAESTRO_E2E_LOOK) await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/access-connection.png` })
  await close()
})

// One red dot.
const dot = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC', 'base64')

test('a team and a user are given pictures, which stand beside their names', async (t) => {
  const { page, go, close } = await open(browser, facts)
  const name = unique('Faces')
  const team = await send(facts, 'POST', '/teams', { name, members: [{ username: facts.username, role: 'lead' }] })
  t.after(async () => {
    await send(facts, 'DELETE', `/teams/${team.id}`).catch(() => null)
    await send(facts, 'DELETE', `/users/${facts.username}/picture`).catch(() => null)
  })
  const choose = async (dialog) => {
    await dialog.locator('input[type=file]').setInputFiles({ name: 'face.png', mimeType: 'image/png', buffer: dot })
    await page.getByText('The picture is saved').waitFor()
    await dialog.getByRole('button', { name: 'Remove it' }).waitFor()
  }
  await go('/settings/teams')
  await page.getByRole('button', { name: `Actions for ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.locator('input[type=file]').setInputFiles({ name: 'face.png', mimeType: 'image/png', buffer: Buffer.from('<svg onload="alert(1)">') })
  await dialog.getByText(/is no picture|cannot be read|PNG/).nth(1).waitFor()
  await choose(dialog)
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  const row = page.getByRole('row').filter({ hasText: name })
  await row.locator('img').first().waitFor()
  await go('/settings/users')
  await page.getByRole('button', { name: `Actions for ${facts.username}` }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  await choose(page.getByRole('dialog'))
  if (process.env.MAESTRO_E2E_LOOK) await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/user-picture.png` })
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('row').filter({ hasText: facts.username }).locator('img').first().waitFor()
  await go('/settings/teams')
  await page.waitForFunction((n) => [...document.querySelectorAll('tr, [role=row]')].find((r) => r.textContent.includes(n))?.querySelectorAll('img').length === 2, name)
  await fit(page, 'teams with faces')
  if (process.env.MAESTRO_E2E_LOOK) await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/teams-faces.png` })
  await close()
})
