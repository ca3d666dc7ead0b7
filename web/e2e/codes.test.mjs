// What protects an account, in a real browser: known passwords are refused, and fresh recovery codes take the place of those that were kept.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, listening, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** What an authenticator shows (RFC 6238), so many steps from now. */
function codeOf(secret, ahead = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead))
  const mac = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))).update(step).digest()
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

test('a known password is refused, and fresh recovery codes end the former ones', async (t) => {
  const username = unique('cody').toLowerCase()
  const password = 'tall grass near the river'
  const { link } = await send(facts, 'POST', '/users', { username, role: 'reader' })
  t.after(() => send(facts, 'DELETE', `/users/${username}`))
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = listening(page)
  await page.goto(new URL(link.link, facts.url).toString())
  const set = async (text) => {
    await page.getByLabel(/^New password( \*)?$/).fill(text)
    await page.getByLabel(/^New password again/).fill(text)
    await page.getByRole('button', { name: /Set the password/ }).click()
  }
  await set('qwerty123456')
  await page.getByText(/known from stolen lists/).waitFor()
  await fit(page, 'a known password')
  await set(password)
  await page.getByRole('link', { name: 'Overview' }).first().waitFor()

  await page.goto(`${facts.url}/account`)
  await page.getByRole('button', { name: 'Set one up' }).click()
  await page.getByLabel('Your password').fill(password)
  await page.getByRole('button', { name: 'Go on' }).click()
  const secret = (await page.getByRole('button', { name: 'Copy the secret' }).locator('bdi').textContent()).trim()
  await page.getByLabel(/^Code/).fill(codeOf(secret, -1))
  await page.getByRole('button', { name: 'Confirm the code' }).click()
  const read = async () => (await page.getByLabel('the recovery codes', { exact: true }).textContent()).trim().split('\n')
  const old = await read()
  await page.getByRole('button', { name: 'I have kept them' }).click()

  await page.getByRole('button', { name: 'New recovery codes' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Your password').fill(password)
  await dialog.getByLabel(/^Code/).fill('000000')
  await dialog.getByRole('button', { name: 'Make new codes' }).click()
  await dialog.getByText(/wrong or was used already/).waitFor()
  await dialog.getByLabel('Your password').fill(password)
  await dialog.getByLabel(/^Code/).fill(codeOf(secret, 1))
  await dialog.getByRole('button', { name: 'Make new codes' }).click()
  const fresh = await read()
  assert.equal(fresh.length, 10)
  assert.equal(fresh.filter((c) => old.includes(c)).length, 0)
  await settled(page)
  await fit(page, 'new recovery codes')
  for (const [width, scheme] of [[1440, 'light'], [390, 'dark']]) {
    if (!process.env.MAESTRO_E2E_LOOK) break
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width, height: 900 })
    await settled(page)
    await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/codes-${width}-${scheme}.png` })
  }
  await dialog.getByRole('button', { name: 'I have kept them' }).click()
  await page.getByText('10 recovery codes are left').waitFor()
  const enter = (code) => fetch(`${facts.url}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Maestro-CSRF': '1' }, body: JSON.stringify({ username, password, code }) })
  assert.equal((await enter(old[0])).status, 401)
  assert.equal((await enter(fresh[0])).status, 200)
  assert.deepEqual(errors, [])
})
