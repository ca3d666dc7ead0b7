// What was typed is never lost: every form is sent while the collector fails, while nobody is signed in any more, and while
// no answer comes. Each time the form stays as it was, says what happened, and can be sent again.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, pages, serverFacts, test } from './browser.mjs'
import { make, open, unique } from './tools.mjs'

const facts = await serverFacts()
const world = await pages(facts)
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const dialog = (page) => page.getByRole('dialog').filter({ hasNotText: 'Your session has ended' })
const typed = unique('typed')
const save = (page) => page.getByRole('button', { name: 'Save', exact: true })

/** Each: where it is, how it is opened, which of its fields is typed into, and what sends it. */
const forms = [
  ['a datacenter', '/datacenters', (p) => p.getByRole('button', { name: 'Add a datacenter' }).click(), (p) => dialog(p).getByRole('textbox', { name: 'Name' }), save],
  ['a resource by hand', '/inventory/application', (p) => p.getByRole('button', { name: /^Add/ }).first().click(), (p) => dialog(p).getByRole('textbox', { name: 'Name' }), (p) => dialog(p).getByRole('button', { name: 'Add', exact: true })],
  ['a field of a resource', async () => `/inventory/application/${(await make(facts, 'application', { name: unique('edited') })).id}`, (p) => p.getByRole('button', { name: 'Edit Environment' }).click(), (p) => p.locator('input[aria-label="Environment"]'), save],
  ['a view', '/inventory/server', async (p) => { await p.getByRole('button', { name: 'Views' }).click(); await p.getByRole('menuitem', { name: 'Save this list …' }).click() }, (p) => dialog(p).getByRole('textbox', { name: 'Name' }), save],
  ['a connection', `/connections/${world.connection.id}/edit`, () => undefined, (p) => p.getByRole('textbox', { name: 'Name', exact: true }), save],
  ['a token', '/settings?token=new', () => undefined, (p) => dialog(p).getByRole('textbox', { name: 'Name' }), (p) => p.getByRole('button', { name: 'Make the token' })],
  ['an invitation', '/settings/users', (p) => p.getByRole('button', { name: 'Invite somebody' }).click(), (p) => dialog(p).getByLabel('User name'), (p) => p.getByRole('button', { name: 'Invite', exact: true })],
  ['one’s own profile', '/account', () => undefined, (p) => p.getByRole('textbox', { name: 'Name', exact: true }), (p) => p.getByRole('button', { name: 'Save the profile' })],
  ['a join token', '/agents?join=1', () => undefined, (p) => dialog(p).getByRole('textbox', { name: 'Name' }), (p) => p.getByRole('button', { name: 'Make the command' })],
  ['custom fields', '/kinds', async (p) => { await p.getByRole('button', { name: /custom fields of Applications$/ }).click(); await dialog(p).getByRole('button', { name: 'Add a field' }).click() }, (p) => dialog(p).getByRole('textbox', { name: 'Label' }).last(), (p) => p.getByRole('button', { name: 'Save the fields' })],
]

for (const [what, where, begin, field, send] of forms) {
  test(`${what}: what was typed outlives a failure, the end of the session and silence`, async () => {
    const { page, go, errors, close } = await open(browser, facts)
    await page.clock.install()
    await go(typeof where === 'string' ? where : await where())
    await begin(page)
    await field(page).fill(typed)
    const held = []
    let mood = 'failing'
    const problem = (status, title, detail) => ({ status, contentType: 'application/problem+json', body: JSON.stringify({ title, status, detail }) })
    await page.route((url) => url.pathname.startsWith('/api/v1/') && url.pathname !== '/api/v1/session', (route) => {
      if (route.request().method() === 'GET' || mood === 'calm') return route.continue()
      if (mood === 'silent') return void held.push(route)
      return route.fulfill(mood === 'failing' ? problem(500, 'Internal Server Error', 'The store is away.') : problem(401, 'Unauthorized', 'Nobody is signed in.'))
    })
    const kept = async (after) => assert.equal(await field(page).inputValue(), typed, `after ${after}`)
    await send(page).click()
    await page.getByRole('alert').getByText('The store is away.').waitFor()
    await kept('a failure')

    mood = 'stranger'
    await send(page).click()
    const ended = page.getByRole('dialog', { name: 'Your session has ended' })
    await ended.locator('input[type=password]').fill(facts.password)
    await ended.getByRole('button', { name: 'Sign in' }).click()
    await ended.waitFor({ state: 'detached' })
    await kept('signing in again')

    mood = 'silent'
    await send(page).click()
    await page.waitForFunction(() => document.querySelector('button[data-loading]'))
    await page.clock.fastForward(121_000)
    await page.getByRole('alert').getByText('The collector has not answered').waitFor()
    await page.getByText('Whether it was done is not known').waitFor()
    await kept('silence')
    assert.ok(await send(page).isEnabled(), 'it can be sent again')
    for (const route of held) await route.abort().catch(() => undefined)
    assert.deepEqual(errors, [])
    await page.close({ runBeforeUnload: false })
    await close()
  })
}

test('two windows edit one field: the second sees both versions and decides', async () => {
  const r = await make(facts, 'application', { name: unique('shared'), common: { environment: 'first' } })
  const one = await open(browser, facts)
  const two = await one.page.context().newPage()
  await two.goto(`${facts.url}/inventory/application/${r.id}`)
  await one.go(`/inventory/application/${r.id}`)
  for (const [page, text] of [[one.page, 'of the first window'], [two, 'of the second window']]) {
    await page.getByRole('button', { name: 'Edit Environment' }).click()
    await page.locator('input[aria-label="Environment"]').fill(text)
  }
  await save(one.page).click()
  await one.page.getByText('Environment saved').waitFor()
  // The second window has heard of it by now; what is typed there stays, and is not saved over it by accident.
  await save(two).click()
  const conflict = two.getByTestId('edit-conflict')
  await conflict.getByText('of the first window').waitFor()
  await conflict.getByText('of the second window').waitFor()
  assert.equal((await ask(facts, `/resources/application/${r.id}`)).common.environment, 'of the first window')
  await conflict.getByRole('button', { name: 'Keep theirs' }).click()
  await two.getByRole('button', { name: 'Edit Environment' }).waitFor()
  assert.equal((await ask(facts, `/resources/application/${r.id}`)).common.environment, 'of the first window')
  await one.close()
})
