// People in a real browser: invited by a link, a second factor set up and asked for, sessions ended, help by an administrator.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { missing, ownCollector } from './collector.mjs'
import { fit, listening, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** What an authenticator shows (RFC 6238), so many steps from now. */
function codeOf(secret, ahead = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead))
  const mac = createHmac('sha1', key).update(step).digest()
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** A page of nobody, in a browser of its own. */
async function stranger(options = {}) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const errors = listening(page)
  return { page, close: async () => { assert.deepEqual(errors, []); await context.close() } }
}

const password = 'a password of my own'

async function setPassword(page, link) {
  await page.goto(link)
  await page.getByLabel(/^New password( \*)?$/).fill(password)
  await page.getByLabel('New password again').fill(password)
  await page.getByRole('button', { name: 'Set the password and sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

/** Invites over the API and answers the link. */
async function invited(name, role = 'reader') {
  const { link } = await send(facts, 'POST', '/users', { username: name, role })
  return new URL(link.link, facts.url).toString()
}

test('somebody is invited, sets a password, enrols a second factor and signs in with a code', async () => {
  const name = unique('berta')
  const admin = await open(browser, facts, )
  await admin.go('/settings')
  await admin.page.getByRole('link', { name: 'Users', exact: true }).click()
  await admin.page.getByRole('button', { name: 'Invite somebody' }).click()
  await admin.page.getByLabel('User name').fill(name)
  await admin.page.getByLabel('Name', { exact: true }).fill('Berta <b>B</b>')
  await fit(admin.page, 'invite')
  await admin.page.getByRole('button', { name: 'Invite', exact: true }).click()
  const link = await admin.page.getByLabel('the link', { exact: true }).textContent()
  assert.match(link, /\/link#.{40,}/)
  await fit(admin.page, 'invited')
  await admin.page.getByRole('button', { name: 'Done' }).click()
  await admin.page.getByRole('row', { name }).getByText('invited').waitFor()

  const berta = await stranger()
  await berta.page.goto(link)
  await berta.page.getByText('Welcome, Berta <b>B</b>').waitFor()
  await fit(berta.page, 'link')
  await setPassword(berta.page, link)
  assert.equal(new URL(berta.page.url()).hash, '', 'the secret is gone from the address')

  await berta.page.getByRole('button', { name: `Account of ${name}` }).click()
  await berta.page.getByRole('menuitem', { name: 'Profile and security' }).click()
  await berta.page.getByRole('button', { name: 'Set one up' }).click()
  await berta.page.getByLabel('Your password').fill(password)
  await berta.page.getByRole('button', { name: 'Go on' }).click()
  await berta.page.getByRole('img', { name: 'QR code for the authenticator' }).waitFor()
  await fit(berta.page, 'enrol')
  const secret = (await berta.page.getByRole('button', { name: 'Copy the secret' }).locator('bdi').textContent()).trim()
  await berta.page.getByLabel(/^Code/).fill(codeOf(secret))
  await berta.page.getByRole('button', { name: 'Confirm the code' }).click()
  const codes = (await berta.page.getByLabel('the recovery codes', { exact: true }).textContent()).trim().split('\n')
  assert.equal(codes.length, 10)
  await fit(berta.page, 'recovery codes')
  await berta.page.getByRole('button', { name: 'I have kept them' }).click()
  await berta.page.getByText('10 recovery codes are left').waitFor()
  await settled(berta.page)
  await fit(berta.page, 'account')

  const again = await stranger()
  await again.page.goto(facts.url)
  await again.page.getByLabel('User name').fill(name)
  await again.page.locator('input[type=password]').fill(password)
  await again.page.getByRole('button', { name: 'Sign in' }).click()
  await again.page.getByLabel(/^Code/).fill('000000')
  await again.page.getByRole('button', { name: 'Sign in' }).click()
  await again.page.getByText('Wrong, or used already').waitFor()
  await fit(again.page, 'code')
  await again.page.getByLabel(/^Code/).fill(codeOf(secret, 1))
  await again.page.getByRole('button', { name: 'Sign in' }).click()
  await again.page.getByRole('heading', { name: 'Overview' }).waitFor()

  // Berta ends the session that she does not use.
  await berta.page.reload()
  const sessions = berta.page.getByRole('list', { name: 'Sessions' }).getByRole('listitem')
  await sessions.filter({ hasText: 'this one' }).waitFor()
  assert.equal(await sessions.count(), 2)
  await berta.page.getByRole('button', { name: 'End it' }).click()
  await berta.page.waitForFunction(() => document.querySelectorAll('[aria-label="Sessions"] li').length === 1)
  assert.equal((await again.page.request.get(`${facts.url}/api/v1/session`)).status(), 401)

  // The phone is lost, and a recovery code turns the second factor off.
  await berta.page.getByRole('button', { name: 'Turn it off' }).click()
  await berta.page.getByRole('dialog').getByLabel('Your password').fill(password)
  await berta.page.getByRole('dialog').getByLabel(/^Code/).fill(codes[4])
  await berta.page.getByRole('dialog').getByRole('button', { name: 'Turn it off' }).click()
  await berta.page.getByRole('button', { name: 'Set one up' }).waitFor()

  await admin.page.reload()
  await admin.page.getByRole('button', { name: `Actions for ${name}` }).click()
  await admin.page.getByRole('menuitem', { name: 'Edit' }).click()
  await admin.page.getByLabel('Disabled').check()
  await admin.page.getByRole('button', { name: 'Save' }).click()
  await admin.page.getByRole('row', { name }).getByText('disabled').waitFor()
  assert.equal((await berta.page.request.get(`${facts.url}/api/v1/session`)).status(), 401)
  await admin.page.getByRole('button', { name: `Actions for ${name}` }).click()
  await admin.page.getByRole('menuitem', { name: 'Delete' }).click()
  await admin.page.getByRole('button', { name: 'Delete the user' }).click()
  await admin.page.getByRole('row', { name }).waitFor({ state: 'detached' })
  for (const p of [berta, again, admin]) await p.close()
})

test('a link works once, and a broken one says what to do', async () => {
  const name = unique('carla')
  const link = await invited(name)
  const first = await stranger({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  await setPassword(first.page, link)
  await first.page.goto(`${facts.url}/account`)
  await settled(first.page)
  await fit(first.page, 'account at 390')
  const second = await stranger({ viewport: { width: 390, height: 844 } })
  await second.page.goto(link)
  await second.page.getByRole('heading', { name: 'This link does not work' }).waitFor()
  await fit(second.page, 'used link')
  await second.page.getByRole('link', { name: 'Sign in' }).click()
  await second.page.getByRole('link', { name: 'Forgotten password?' }).click()
  await second.page.getByLabel('User name or e-mail address').fill(name)
  await second.page.getByRole('button', { name: 'Send the link' }).click()
  // This site has no mail server; it says so, and to everybody.
  await second.page.getByText('This collector sends no mail').waitFor()
  await fit(second.page, 'forgotten')
  await first.close()
  await second.close()
  await send(facts, 'DELETE', `/users/${name}`)
})

test('users fit a phone, and a reader is told whose they are', async () => {
  const admin = await open(browser, facts, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  await admin.go('/settings/users')
  await fit(admin.page, 'users at 390')
  await admin.close()
  const name = unique('dora')
  const reader = await stranger()
  await setPassword(reader.page, await invited(name))
  await reader.page.goto(`${facts.url}/settings/users`)
  await reader.page.getByRole('heading', { name: 'Users are an administrator’s to manage' }).waitFor()
  await reader.close()
  await send(facts, 'DELETE', `/users/${name}`)
})

test('on a phone everything can be done to a user too', async () => {
  const name = unique('emil')
  await invited(name)
  const admin = await open(browser, facts, { viewport: { width: 390, height: 844 } })
  await admin.go('/settings/users')
  await admin.page.getByRole('button', { name: `Actions for ${name}` }).click()
  await admin.page.getByRole('menuitem', { name: 'New invitation link' }).click()
  await admin.page.getByRole('button', { name: 'Make a link' }).click()
  await admin.page.getByLabel('the link', { exact: true }).waitFor()
  await fit(admin.page, 'a new link at 390')
  await admin.close()
  await send(facts, 'DELETE', `/users/${name}`)
})

test('whoever signs in with a generated password is told so until it is changed', { skip: missing }, async () => {
  const own = await ownCollector()
  try {
    const url = await own.start({ listen: '127.0.0.1:0' })
    const { username, password: given } = await own.admin()
    for (const options of [{ viewport: { width: 1440, height: 900 } }, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }]) {
      const { page, close } = await stranger(options)
      await page.goto(url)
      await page.getByLabel(/^User name/).fill(username)
      await page.getByLabel(/^Password/).fill(given)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('heading', { name: 'Overview' }).waitFor()
      const notice = page.getByTestId('password-given')
      await notice.getByText('generated for you').waitFor()
      await fit(page, 'generated password')
      if (options.colorScheme) {
        await notice.getByRole('link', { name: 'Choose one of your own' }).click()
        await page.getByLabel(/^Current password/).fill(given)
        await page.getByLabel(/^New password( \*)?$/).fill(password)
        await page.getByLabel('New password again').fill(password)
        await page.getByRole('button', { name: 'Change the password' }).click()
        await notice.waitFor({ state: 'detached' })
        await page.reload()
        await page.getByRole('button', { name: 'Change the password' }).waitFor()
        assert.equal(await notice.count(), 0)
      }
      await close()
    }
  } finally {
    await own.remove()
  }
})
