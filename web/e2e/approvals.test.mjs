// Approvals, in a real browser: a large edit waits for another person, who sees what it does and decides.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

async function rule(kind, change) {
  const { version, items } = await ask(facts, '/approval-rules')
  await send(facts, 'PUT', '/approval-rules', { items: items.map((x) => (x.kind === kind ? { ...x, ...change } : x)) }, { 'If-Match': `"${version}"` })
}

test('an edit of more than the rule says waits, and is made when it is approved', async (t) => {
  const { page, go, close } = await open(browser, facts)
  await go('/settings')
  await page.getByRole('button', { name: 'Edit the rule of Bulk edit' }).click()
  const form = page.getByRole('dialog', { name: 'Rule: Bulk edit' })
  await form.getByRole('checkbox', { name: 'Ask before it is done' }).check()
  await form.getByLabel('Resources that may be edited without asking').fill('1')
  await form.getByRole('checkbox', { name: 'Who asked may decide too' }).check()
  t.after(() => rule('bulk_edit', { required: false, over: 100, requester_may_decide: false }))
  await form.getByRole('button', { name: 'Save' }).click()
  await form.waitFor({ state: 'detached' })
  await page.getByText('of more than 1 resources, 1 person decides').waitFor()

  const name = unique('approve')
  const ids = []
  for (const n of [1, 2]) ids.push((await make(facts, 'application', { name: `${name}-${n} <b>x</b>` })).id)
  ids.push((await make(facts, 'application', { name: `${name}-so-already`, common: { environment: 'staging' } })).id)
  const op = await send(facts, 'POST', '/edits', { kind: 'application', ids, set: { '/common/environment': 'staging' }, reason: 'they move' })
  let is = op
  for (let i = 0; i < 100 && is.state === 'running'; i++) {
    await new Promise((r) => setTimeout(r, 100))
    is = await ask(facts, `/operations/${op.id}`)
  }
  assert.equal(is.state, 'asked')
  assert.equal(is.updated, 2)

  await go('/approvals')
  const one = page.locator('section.panel').filter({ hasText: 'Edit resources of kind application: 2' }).filter({ hasText: 'they move' })
  await one.waitFor()
  assert.match(await one.innerText(), /0 of 1 person has approved/)
  assert.match(await one.innerText(), /finds 3 resources; 2 of them change\./)
  assert.match(await one.getByLabel('What the fields become').innerText(), /Environment\s+staging/)
  await one.getByRole('button', { name: 'Show what it is about' }).click()
  const changes = one.getByRole('list', { name: 'What changes' })
  await changes.getByRole('link', { name: `${name}-1 <b>x</b>` }).waitFor()
  assert.equal(await changes.getByRole('listitem').count(), 2)
  assert.match(await changes.innerText(), /Environment\s+staging/)
  await fit(page, 'approvals')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 390, height: 844 })
  await settled(page)
  await fit(page, 'approvals on a phone')
  await page.setViewportSize({ width: 1440, height: 900 })

  await one.getByRole('button', { name: 'Approve' }).click()
  const dialog = page.getByRole('dialog', { name: 'Approve this' })
  await dialog.getByLabel('Reason').fill('looked at it')
  await dialog.getByRole('button', { name: 'Approve' }).click()
  await dialog.waitFor({ state: 'detached' })
  await one.waitFor({ state: 'detached' })
  for (let i = 0; i < 100 && is.state !== 'done'; i++) {
    await new Promise((r) => setTimeout(r, 100))
    is = await ask(facts, `/operations/${op.id}`)
  }
  assert.equal(is.state, 'done')
  assert.equal((await ask(facts, `/resources/application/${ids[0]}`)).common.environment, 'staging')
  await go('/approvals?show=ended')
  const was = page.locator('section.panel').filter({ hasText: 'they move' }).filter({ hasText: 'looked at it' })
  await was.first().waitFor()
  await close()
})

test('a merge by hand waits where the rule says so, and has a page of its own', async (t) => {
  await rule('merge', { required: true, requester_may_decide: true })
  t.after(() => rule('merge', { required: false, requester_may_decide: false }))
  const name = unique('twin')
  const [one, other] = [await make(facts, 'application', { name: `${name}-one` }), await make(facts, 'application', { name: `${name}-other <i>x</i>` })]
  const is = await send(facts, 'POST', `/resources/application/${one.id}/merge`, { with: other.id, reason: 'twice in the list' }, { 'If-Match': `"${one.version}"` })
  assert.ok(is.approval, 'it waits')
  const { page, go, close } = await open(browser, facts)
  await go('/approvals')
  await page.getByRole('link', { name: `Merge application ${name}-other <i>x</i> into ${name}-one` }).click()
  await page.waitForURL(`**/approvals/${is.approval}`)
  await page.getByRole('heading', { level: 1, name: 'Merge or split' }).waitFor()
  await page.getByRole('link', { name: `${name}-one` }).waitFor()
  await fit(page, 'an approval')
  assert.equal((await ask(facts, `/resources/application/${other.id}`)).state, 'active')
  await page.getByRole('button', { name: 'Approve' }).click()
  const dialog = page.getByRole('dialog', { name: 'Approve this' })
  await dialog.getByRole('button', { name: 'Approve' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('heading', { level: 2, name: /^Approved/ }).waitFor()
  assert.equal((await ask(facts, `/resources/application/${other.id}`)).state, 'merged')
  await close()
})
