// Roles in a real browser: a permission group and a role are made, a user gets it, sees and may do exactly that, and the access tab says by what.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, signIn, test } from './browser.mjs'
import { fit, listening, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const look = async (page, name) => {
  if (!process.env.MAESTRO_E2E_LOOK) return
  for (const [width, scheme] of [[1440, 'light'], [1440, 'dark'], [390, 'light'], [390, 'dark']]) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width, height: 900 })
    await settled(page)
    await fit(page, `${name} at ${width}`)
    await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/${name}-${width}-${scheme}.png`, fullPage: true })
  }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1440, height: 900 })
}

/** Somebody with a password, through the link that an invitation gives. */
async function invited(role) {
  const username = unique('roly').toLowerCase()
  const { link } = await send(facts, 'POST', '/users', { username, role })
  const password = 'tall grass near the river'
  const token = link.link.split('#')[1]
  const response = await fetch(`${facts.url}/api/v1/session/link`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token, new_password: password }) })
  assert.equal(response.status, 200, await response.text())
  return { ...facts, username, password }
}

test('a role is made of a permission group, and who has it may do that and no more', async (t) => {
  const group = unique('g').replace(/-/g, '_').toLowerCase()
  const role = unique('r').replace(/-/g, '_').toLowerCase()
  const { page, go, close } = await open(browser, facts)
  await go('/settings/roles')
  await page.getByRole('button', { name: 'Make a permission group' }).click()
  let form = page.getByRole('dialog')
  await form.getByRole('textbox', { name: 'Name' }).fill(group)
  await form.getByRole('textbox', { name: 'What it is for' }).fill('Looks and runs')
  for (const action of ['See resources, connections, runs and changes', 'See settings: mapping, kinds, roles, option lists', 'Ask for a run, or cancel one', 'Invite, edit and disable users']) await form.getByRole('checkbox', { name: action }).check()
  await look(page, 'roles-group')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: `Actions for ${group}` }).waitFor()
  await page.getByText(`The read-only twin of ${group}: follows it.`).waitFor()
  await page.getByRole('button', { name: 'Make a role' }).click()
  form = page.getByRole('dialog')
  await form.getByRole('textbox', { name: 'Name' }).fill(role)
  await form.getByRole('combobox', { name: 'Permission groups' }).click()
  await page.getByRole('option', { name: group, exact: true }).click()
  await page.keyboard.press('Escape')
  if (!(await form.isVisible())) throw new Error('Escape closed the dialog with the list')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: `Actions for ${role}` }).waitFor()
  await fit(page, 'roles')
  await look(page, 'roles')

  const who = await invited(role)
  t.after(async () => {
    await send(facts, 'DELETE', `/users/${who.username}`)
    await send(facts, 'DELETE', `/roles/${role}`)
    await send(facts, 'DELETE', `/permission-groups/${group}`)
  })
  const context = await browser.newContext()
  const theirs = await context.newPage()
  const errors = listening(theirs)
  await signIn(theirs, who)
  const visit = async (path) => { await theirs.goto(facts.url + path); await settled(theirs) }
  await visit('/connections')
  await theirs.getByRole('heading', { name: 'Connections' }).waitFor()
  assert.equal(await theirs.getByRole('link', { name: 'Add a connection' }).count(), 0)
  const [connection] = (await send(facts, 'GET', '/connections')).items
  await visit(`/connections/${connection.id}`)
  await theirs.getByRole('button', { name: 'Run now' }).waitFor()
  assert.equal(await theirs.getByRole('link', { name: 'Edit', exact: true }).count(), 0)
  // May manage users, and gives no role that has more.
  await visit('/settings/users?invite=1')
  const invite = theirs.getByRole('dialog')
  await invite.getByRole('combobox', { name: 'Role', exact: true }).click()
  await theirs.getByRole('option', { name: role }).waitFor()
  assert.equal(await theirs.getByRole('option', { name: /^admin/ }).count(), 0)
  await theirs.keyboard.press('Escape')
  // Acting on somebody who has more is refused, and the page says what is missing.
  await visit('/settings/users')
  await theirs.getByRole('button', { name: `Actions for ${facts.username}` }).click()
  await theirs.getByRole('menuitem', { name: 'Link for a new password' }).click()
  await theirs.getByRole('dialog').getByRole('button', { name: 'Make a link' }).click()
  await theirs.getByRole('dialog').getByText(/rights that you do not have yourself: .*agent\.manage/).waitFor()
  await look(theirs, 'roles-refused')
  assert.deepEqual(errors, [])

  // Why somebody sees something names the role and the group.
  await go(`/connections/${connection.id}`)
  const [server] = (await send(facts, 'GET', '/resources/server?page_size=1')).items
  await go(`/inventory/server/${server.id}?tab=access`)
  await page.getByText(`read by the role ${role} (${group})`).first().waitFor()
  await page.getByRole('textbox', { name: 'User name of whom to ask about' }).fill(who.username)
  await page.getByRole('button', { name: 'Say why' }).click()
  await page.getByRole('status').filter({ hasText: `the role ${role} (permission group ${group})` }).waitFor()
  await close()
})

test('roles that cannot be read say so', async () => {
  const { page, close } = await open(browser, facts)
  await page.route('**/api/v1/roles?*', (r) => r.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'This took too long.' }) }))
  await page.goto(`${facts.url}/settings/roles`)
  await page.getByText('This took too long.').waitFor()
  await look(page, 'roles-broken')
  await close()
})
