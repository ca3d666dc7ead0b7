// Agents in a real browser: the command to join with per platform, what they did lately, and taking work from one.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

test('the join dialogue has a command to copy for each platform, and never the token in it', async () => {
  const { page, go, close } = await open(browser, facts, { viewport: { width: 390, height: 844 } })
  await go('/agents?join=1')
  const name = unique('agent')
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('dialog').getByRole('button', { name: 'Make the command' }).click()
  const command = page.getByLabel('the command', { exact: true })
  await command.waitFor()
  assert.match(await command.textContent(), /^sudo maestro-agent enroll --collector \S+:\d+$/)
  const token = await page.getByLabel('the token', { exact: true }).textContent()
  assert.match(token, /^mjt_/)
  await page.getByText('Windows', { exact: true }).click()
  assert.match(await command.textContent(), /^\.\\maestro-agent\.exe enroll --collector \S+:\d+ --data-dir /)
  assert.ok(!(await command.textContent()).includes(token))
  await fit(page, 'join')
  await page.getByText('Waiting for the agent to join').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click()
  await page.getByRole('listitem').filter({ hasText: name }).getByRole('button', { name: 'Withdraw' }).click()
  await page.getByText('The token was withdrawn').waitFor()
  await close()
})

test('an agent shows its last runs with what they logged, and is drained', async () => {
  const agent = (await ask(facts, '/agents')).items.find((a) => a.status === 'online')
  const { page, go, close } = await open(browser, facts, )
  try {
    await go(`/agents/${agent.id}`)
    await page.getByRole('button', { name: /^Log of the run of/ }).first().click()
    await page.getByText('It logged nothing.').or(page.getByLabel('Log of the run')).first().waitFor()
    await fit(page, 'agent')
    await page.getByRole('button', { name: 'Drain …' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Drain it' }).click()
    await page.getByText(`${agent.name} takes no new run`).waitFor()
    await page.getByText(/^drained/).waitFor({ timeout: 90_000 })
    assert.equal((await ask(facts, `/agents/${agent.id}`)).drain.state, 'drained')
    for (const c of (await ask(facts, '/connections')).items) assert.ok(!c.paused, 'the connections stay as they are')
    await fit(page, 'drained agent')
    await page.getByRole('button', { name: 'Resume …' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Resume it' }).click()
    await page.getByRole('button', { name: 'Drain …' }).waitFor()
  } finally {
    if ((await ask(facts, `/agents/${agent.id}`)).drain) await send(facts, 'POST', `/agents/${agent.id}/resume`, {})
  }
  await close()
})
