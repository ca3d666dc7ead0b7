// Somebody who may read one thing only, in a real browser: lists, search and the stream of events tell of that thing and of
// nothing else, while all kinds of things happen.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, pages, patience, serverFacts, settled, test } from './browser.mjs'
import { edit, fit, listening, make, narrow, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** A page of somebody who is invited with a role and signs in. */
async function somebody(name, role) {
  const { link } = await send(facts, 'POST', '/users', { username: name, role })
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = listening(page)
  await page.goto(new URL(link.link, facts.url).toString())
  await page.getByLabel(/^New password( \*)?$/).fill('a password of my own')
  await page.getByLabel('New password again').fill('a password of my own')
  await page.getByRole('button', { name: 'Set the password and sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  return { page, close: async () => { assert.deepEqual(errors, []); await context.close() } }
}

test('who may read one thing is told of it as it happens, and of nothing else', async (t) => {
  const name = unique('narrow')
  const seen = await make(facts, 'application', { name: unique('seen') })
  const hidden = await make(facts, 'application', { name: unique('hidden') })
  const connection = (await ask(facts, '/connections')).items.find((c) => c.last_run?.state !== 'running')
  t.after(() => send(facts, 'DELETE', `/users/${name}`).catch(() => null))
  const { page, close } = await somebody(name, 'none')
  await send(facts, 'POST', '/grants', { subject: { type: 'user', id: name }, right: 'read', target: { kind: 'application', id: seen.id } })

  // Everything that reaches this browser: answers, and a second stream with the same session, since nobody can read the page's own.
  const answers = []
  page.on('response', (r) => { if (r.url().includes('/api/v1/') && !r.url().includes('/events')) answers.push(r.text().catch(() => '')) })
  await page.goto(`${facts.url}/inventory/application`)
  await page.getByRole('link', { name: seen.name }).waitFor()
  await settled(page)
  await page.evaluate(async () => {
    window.told = ''
    const { body } = await fetch('/api/v1/events')
    const reader = body.pipeThrough(new TextDecoderStream()).getReader()
    void (async () => {
      for (;;) {
        const { value, done } = await reader.read()
        if (done) return
        window.told += value
      }
    })()
  })
  const hears = (text, from = 0) => page.waitForFunction(([text, from]) => window.told.slice(from).includes(text), [text, from], { timeout: patience })
  await hears('event: hello')
  assert.deepEqual(await page.locator('[data-row] a[href*="/inventory/"]').allInnerTexts(), [seen.name], 'the list has the one')

  // What this reader may not know of happens first: an edit, something new, a run, another datacenter.
  await edit(facts, 'application', hidden.id, { '/common/notes': 'secret plans' })
  const born = await make(facts, 'application', { name: unique('born') })
  const run = await send(facts, 'POST', `/connections/${connection.id}/runs`, {})
  await edit(facts, 'application', seen.id, { '/common/notes': `read by ${name}` })
  await hears(seen.id)
  const here = await page.evaluate(() => window.told.length)
  await hears('event: heartbeat', here)
  const told = await page.evaluate(() => window.told)

  await page.goto(`${facts.url}/inventory/application/${seen.id}`)
  await page.getByText(`read by ${name}`).first().waitFor()
  await fit(page, 'read only')
  assert.equal(await page.getByRole('button', { name: /^Edit / }).count(), 0, 'who may only read is offered no edits')
  await page.keyboard.press('Control+k')
  const search = page.getByRole('combobox', { name: 'Find things, pages and actions' })
  await search.fill(hidden.name)
  await page.getByText(/^Nothing/).first().waitFor()
  const all = [told, ...(await Promise.all(answers))].join('\n')
  for (const [what, text] of [['the hidden thing', hidden.id], ['its name', hidden.name], ['its notes', 'secret plans'], ['what was made', born.id], ['its name', born.name], ['the connection', connection.id], ['the run', run.id]]) {
    assert.ok(text && !all.includes(text), `${what} reached a reader who may not see it: ${text}`)
  }
  await page.goto(`${facts.url}/inventory/application/${hidden.id}`)
  await page.getByRole('heading', { name: 'There is no such application' }).waitFor()
  await close()
})

test('who may see nothing yet finds every page at rest: empty, or with a word on who can help', async (t) => {
  const world = await pages(facts)
  const name = unique('nobody')
  t.after(() => send(facts, 'DELETE', `/users/${name}`).catch(() => null))
  const { page, close } = await somebody(name, 'none')
  for (const [what, path] of world.list.filter(([n]) => !n.startsWith('list-') || n === `list-${world.kind}`)) {
    await page.goto(facts.url + path)
    await settled(page) // nothing is waited for without end
    assert.equal(await page.locator('h1').count(), 1, what)
    assert.ok(!(await page.locator('main').innerText()).includes(world.resource.id.slice(0, 13)) || path.includes(world.resource.id), `${what} names a resource`)
    await narrow(page, what)
  }
  await close()
})
