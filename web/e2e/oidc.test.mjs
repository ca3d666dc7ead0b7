// Signing in with an OpenID Connect provider, in a browser: who comes the first time gets an account and the team of his group;
// who turns back is told; an account that was there is linked by its owner; signing out ends the provider's session too.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before } from 'node:test'

import { launch, settled, test } from './browser.mjs'
import { missing, ownCollector } from './collector.mjs'
import { freePort, provider } from './provider.mjs'
import { fit, listening } from './tools.mjs'

let browser, collector, idp, url, admin
before(async () => {
  if (missing) return
  browser = await launch()
  idp = await provider({
    'I am Anna': { sub: 'a-1', preferred_username: 'anna', name: 'Anna A', email: 'anna@example.org', email_verified: true, groups: ['ops'] },
    'I run this': { sub: 'a-2', preferred_username: 'somebody-else' },
  })
  collector = await ownCollector()
  const secret = join(collector.folder, 'oidc-secret')
  await writeFile(secret, idp.client.secret, { mode: 0o600 })
  const listen = `127.0.0.1:${await freePort()}`
  url = await collector.start({
    listen, public_url: `http://${listen}`,
    sign_in: { oidc: { issuer: idp.url, client_id: idp.client.id, client_secret_file: secret, groups_claim: 'groups', username_claim: 'preferred_username', sign_out: true, accounts: { name: 'Example ID', create: true, role: 'reader', teams: ['ops => default/Operations'] } } },
  })
  admin = await collector.admin()
})
after(async () => {
  await browser?.close()
  await collector?.remove()
  idp?.close()
})

const visit = async (path) => {
  const context = await browser.newContext({ locale: 'en-GB' })
  const page = await context.newPage()
  const errors = listening(page)
  await page.goto(url + path)
  return { page, close: async () => { assert.deepEqual(errors, []); await context.close() } }
}

const withPassword = async (page) => {
  await page.getByLabel('User name').fill(admin.username)
  await page.locator('input[type=password]').fill(admin.password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

test('the first sign-in makes an account, in the team of the group, and leads back to the page that was asked for', { skip: missing }, async () => {
  const office = await visit('/settings/teams')
  await withPassword(office.page)
  await office.page.getByRole('heading', { name: 'Teams', level: 1 }).waitFor()
  assert.equal(await office.page.evaluate(async () => (await fetch('/api/v1/teams', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Maestro-CSRF': '1' }, body: JSON.stringify({ name: 'Operations', email: '', members: [] }) })).status), 201)

  const { page, close } = await visit('/inventory/server?filter=web')
  await page.getByRole('link', { name: 'Sign in with Example ID' }).waitFor()
  await fit(page, 'the sign-in page with a provider')
  await page.getByRole('link', { name: 'Sign in with Example ID' }).click()
  await page.getByRole('link', { name: 'Turn back' }).click()
  await page.getByText('The sign-in provider did not let you in').waitFor()
  await page.getByRole('link', { name: 'Sign in with Example ID' }).click()
  await page.getByRole('link', { name: 'I am Anna' }).click()
  await page.getByRole('heading', { name: 'Servers', level: 1 }).waitFor()
  assert.equal(new URL(page.url()).search, '?filter=web', 'where it was asked for, without what came of it')
  await page.goto(`${url}/account`)
  await settled(page)
  const { items: [team] } = await office.page.evaluate(async () => (await fetch('/api/v1/teams')).json())
  assert.deepEqual(team.members.map((m) => m.username), ['anna'], 'the team of the group')
  assert.equal(await page.getByLabel('Current password').count(), 0, 'there is no password to change')
  await fit(page, 'the account of somebody whom a provider signed in')

  await page.getByText('It is the only way in which you sign in').waitFor()
  assert.equal(await page.getByRole('button', { name: /^Unlink/ }).count(), 0, 'the last way in stays')
  const refused = await page.evaluate(async () => { const r = await fetch('/api/v1/session/providers/oidc', { method: 'DELETE', headers: { 'X-Maestro-CSRF': '1', 'Accept-Language': 'pt' } }); return [r.status, (await r.json()).detail] })
  assert.deepEqual(refused, [409, 'Esta é a única maneira em que você pode entrar. Defina uma senha primeiro ou peça a um administrador um link para definir uma.'])

  await page.getByRole('button', { name: /^Account/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Signed out of everything' }).waitFor()
  await page.goto(`${url}/`)
  await page.getByRole('link', { name: 'Sign in with Example ID' }).waitFor()
  await close()
  await office.close()
})

test('who has an account links it, and then needs no password', { skip: missing }, async () => {
  const { page, close } = await visit('/account')
  await withPassword(page)
  await page.getByRole('link', { name: 'Link Example ID' }).click()
  await page.getByRole('link', { name: 'I run this' }).click()
  await page.getByText('Signing in with the provider is linked to your account.').waitFor()
  await close()

  const later = await visit('/settings/users')
  await later.page.getByRole('link', { name: 'Sign in with Example ID' }).click()
  await later.page.getByRole('link', { name: 'I run this' }).click()
  await later.page.getByRole('heading', { name: 'Users', level: 1 }).waitFor()
  await later.page.getByRole('row', { name: /anna/ }).first().waitFor()

  const there = await visit('/account')
  await withPassword(there.page)
  await there.page.getByRole('button', { name: 'Unlink Example ID' }).click()
  const dialog = there.page.getByRole('dialog', { name: 'Unlink Example ID' })
  await fit(there.page, 'unlinking a provider')
  await dialog.getByRole('button', { name: 'Unlink' }).click()
  await there.page.getByRole('link', { name: 'Link Example ID' }).waitFor()
  await fit(there.page, 'the account without a link')
  const { items: entries } = await there.page.evaluate(async () => (await fetch('/api/v1/audit?filter=' + encodeURIComponent('action = "user.unlink_provider"'))).json())
  assert.equal(entries.length, 1, 'it is in the audit trail')
  assert.equal(entries[0].object.id, admin.username)
  await later.page.reload()
  await later.page.getByRole('link', { name: 'Sign in with Example ID' }).waitFor() // the session that the provider began has ended
  await later.page.getByRole('link', { name: 'Sign in with Example ID' }).click()
  await later.page.getByRole('link', { name: 'I run this' }).click()
  await later.page.waitForFunction((name) => !document.body.innerText.includes(name), 'Signed out of everything')
  const who = await later.page.evaluate(async () => (await (await fetch('/api/v1/session')).json()).username)
  assert.notEqual(who, admin.username, 'the provider does not lead to the account any more')
  await there.close()
  await later.close()
})

test('who chose a language elsewhere is spoken to in it after coming back from the provider', { skip: missing }, async () => {
  const enter = async () => {
    const { page, close } = await visit('/inventory/server')
    await page.getByRole('link', { name: 'Sign in with Example ID' }).click()
    await page.getByRole('link', { name: 'I am Anna' }).click()
    return { page, close }
  }
  const first = await enter()
  await first.page.getByRole('heading', { name: 'Servers', level: 1 }).waitFor()
  assert.equal(await first.page.evaluate(async () => (await fetch('/api/v1/session/language', { method: 'PUT', headers: { 'Content-Type': 'application/json', 'X-Maestro-CSRF': '1' }, body: JSON.stringify({ language: 'pt' }) })).ok), true)
  await first.close()
  const second = await enter()
  await second.page.getByRole('heading', { name: 'Servidores', level: 1 }).waitFor()
  assert.equal(await second.page.evaluate(() => document.documentElement.lang), 'pt-BR')
  await second.close()
})
