// A datacenter is moved from one client to another, in a real browser: the dialog says who loses it and which grants go, one is kept, and the
// old client's token is out.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, settled, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

const token = async (name) => {
  const made = await send(facts, 'POST', '/tokens', { name, role: 'none' })
  return { ...made, sees: async (id) => (await fetch(`${facts.url}/api/v1/datacenters/${id}`, { headers: { Authorization: `Bearer ${made.secret}` } })).status }
}
const grant = (who, right, kind, id) => send(facts, 'POST', '/grants', { subject: { type: 'token', id: who.id }, right, target: { kind, id } })

test('moving a datacenter shows who loses and gains it, and cuts the old client off', async () => {
  const [acme, globex] = [await make(facts, 'client', { name: `${unique('ACME')} <b>Ltd</b>` }), await make(facts, 'client', { name: unique('Globex') })]
  const d = await send(facts, 'POST', '/datacenters', { name: unique('moved') })
  await make(facts, 'server', { name: unique('inside'), datacenter: d.id })
  const [old, next, operators] = [await token(unique('old-reader')), await token(unique('new-reader')), await token(unique('operators'))]
  await grant(old, 'read', 'client', acme.id)
  await grant(next, 'read', 'client', globex.id)
  const { page, go, close } = await open(browser, facts)

  // It serves nobody yet.
  await go(`/datacenters/${d.id}`)
  await page.getByRole('button', { name: 'Serve a client' }).click()
  const dialog = page.getByRole('dialog')
  const choose = async (client) => {
    const asked = page.waitForResponse((r) => new URL(r.url()).searchParams.get('filter') === JSON.stringify(client.name))
    await dialog.getByRole('combobox', { name: 'Client' }).fill(client.name)
    assert.equal((await asked).status(), 200)
    await page.getByRole('option', { name: client.name }).click()
    await dialog.getByTestId('move-plan').waitFor()
  }
  await choose(acme)
  await dialog.getByText('1 person or token may do more').waitFor()
  await fit(page, 'a first client')
  await dialog.getByRole('button', { name: 'Move it' }).click()
  await page.getByRole('link', { name: acme.name }).waitFor()
  assert.equal(await old.sees(d.id), 200)
  assert.equal(await next.sees(d.id), 404)

  // Grants of their own would survive a move.
  await grant(old, 'write', 'datacenter', d.id)
  await grant(operators, 'read', 'datacenter', d.id)
  await go(`/datacenters/${d.id}`)
  await page.getByRole('button', { name: 'Move', exact: true }).click()
  await choose(globex)
  await dialog.getByText('2 people and tokens may do less').waitFor()
  await dialog.getByRole('checkbox', { name: `Keep ${operators.name}: read on the datacenter ${d.name}` }).check()
  await dialog.getByText('1 person or token may do less').waitFor()
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('sold')
  for (const [width, scheme] of [[1440, 'light'], [1440, 'dark'], [390, 'light'], [390, 'dark']]) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.setViewportSize({ width, height: 900 })
    await settled(page)
    await fit(page, `moving a datacenter at ${width}`)
    if (process.env.MAESTRO_E2E_LOOK) await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/move-${width}-${scheme}.png` })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  await dialog.getByRole('button', { name: 'Move it' }).click()
  await page.getByText(`${d.name} serves ${globex.name} now`).waitFor()
  await page.getByRole('link', { name: globex.name }).waitFor()
  assert.deepEqual([await old.sees(d.id), await next.sees(d.id), await operators.sees(d.id)], [404, 200, 200])
  if (process.env.MAESTRO_E2E_LOOK) await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/moved-datacenter.png` })

  // The client says what serves it, and access through which.
  await page.getByRole('link', { name: globex.name }).click()
  await page.getByRole('list', { name: 'Accounts' }).getByRole('link', { name: d.name }).waitFor()
  await fit(page, 'a client with an account')
  if (process.env.MAESTRO_E2E_LOOK) await page.screenshot({ path: `${process.env.MAESTRO_E2E_LOOK}/moved-client.png`, fullPage: true })
  await go(`/datacenters/${d.id}/access`)
  await page.getByText(`client ${globex.name} through the datacenter ${d.name}`).waitFor()
  await page.getByText(`read on the client ${globex.name}`).first().waitFor()

  // A refusal says why.
  await send(facts, 'PUT', `/datacenters/${d.id}`, { name: d.name, client: acme.id }, { 'If-Match': `"${(await send(facts, 'GET', `/datacenters/${d.id}`)).version}"` }).then(() => assert.fail('an edit moved it'), (err) => assert.match(String(err), /move it/))
  await close()
})
