// The history in a real browser: two moments compared, and the chain of checkpoints verified.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { edit, fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const enter = (options) => open(browser, facts, options)

test('what is different since a moment is shown side by side; what changed back is not', async () => {
  const [kept, back, made] = [unique('kept'), unique('back'), unique('made')]
  const a = await make(facts, 'application', { name: kept, common: { environment: 'test' } })
  const b = await make(facts, 'application', { name: back, common: { environment: 'test' } })
  // A browser counts milliseconds, the collector microseconds.
  const since = new Date(Date.parse((await send(facts, 'GET', `/resources/application/${b.id}`)).updated_at) + 1).toISOString()
  await edit(facts, 'application', a.id, { '/common/environment': 'production' })
  await edit(facts, 'application', b.id, { '/common/environment': 'production' })
  await edit(facts, 'application', b.id, { '/common/environment': 'test' })
  await make(facts, 'application', { name: made })

  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    const { page, go, close } = await enter({ viewport })
    await go(`/changes?tab=compare&kind=application&since=${encodeURIComponent(since)}`)
    const rows = page.getByRole('list', { name: 'Differences' }).getByRole('listitem')
    await rows.filter({ hasText: made }).getByText('first seen').waitFor()
    assert.equal(await rows.filter({ hasText: back }).count(), 0, 'what changed back is not a difference')
    await rows.filter({ hasText: kept }).getByRole('button', { name: `Side by side the differences of ${kept}` }).click()
    const table = page.getByRole('region', { name: `${kept}, then and now` })
    const cells = await table.getByRole('row', { name: 'Environment' }).getByRole('cell').allTextContents()
    assert.deepEqual(cells, ['test', 'production'])
    await fit(page, `compare at ${viewport.width}`)
    await close()
  }
  const { page, go, close } = await enter()
  await go('/changes')
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
  // "Since Monday" needs nothing typed.
  assert.equal(await page.getByRole('button', { name: 'Monday' }).getAttribute('aria-pressed'), 'true')
  await page.getByRole('button', { name: '1 hour ago' }).click()
  await page.waitForURL(/since=hour/)
  await settled(page)
  await page.getByText(/differences?( so far)?$/).first().waitFor()
  await close()
})

test('the history is verified, and a hash that is missing is a finding', async () => {
  const { page, go, close } = await enter()
  await go('/changes?tab=audit')
  await page.getByRole('button', { name: 'Verify the history' }).click()
  await page.getByRole('button', { name: 'Verify now' }).click()
  await page.getByTestId('verification').getByText('the history is whole').waitFor()
  await fit(page, 'verification')
  await page.getByLabel('Hashes that must be there').fill('0'.repeat(64))
  await page.getByRole('button', { name: 'Verify now' }).click()
  await page.getByRole('list', { name: 'Findings' }).getByRole('listitem').first().waitFor()
  await page.getByText('1 finding').waitFor()
  // It is itself in the audit trail.
  await page.getByText('Audit verify').first().waitFor()
  await close()
})
