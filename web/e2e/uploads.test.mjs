// The panel of a connection's uploaded files: what it reads is said, what it does not read is refused by name and keeps no other out.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
const shots = process.env.MAESTRO_SHOTS
const shoot = async (page, name) => { if (shots) { await settled(page); await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }) } }
before(async () => { browser = await launch() })
after(async () => { await browser.close() })

const file = (name, text) => ({ name, mimeType: 'application/json', buffer: Buffer.from(text) })
const host = (name) => file(name, JSON.stringify({ ansible_facts: { ansible_nodename: name, ansible_system: 'Linux' } }))

for (const [size, viewport] of [[1440, undefined], [390, { width: 390, height: 844 }]]) {
  test(`files that the plugin does not read are refused by name, at ${size}`, async () => {
    const agent = (await ask(facts, '/agents')).items.find((a) => a.status === 'online' && a.plugins?.some((p) => p.provider === 'ansible'))
    assert.ok(agent, 'an agent has the plugin')
    const conn = await send(facts, 'POST', '/connections', { name: unique('uploads'), provider: 'ansible', agent: agent.id, settings: { source: 'upload' } })
    const { page, go, close } = await open(browser, facts, viewport ? { viewport } : undefined)
    await go(`/connections/${conn.id}`)
    const panel = page.locator('section#files, #files').first()
    await panel.getByText('It reads:').waitFor()
    assert.match(await panel.innerText(), /facts that Ansible gathered of a host.*a JSON object.*ansible_facts.*16 MiB/s)
    await panel.scrollIntoViewIfNeeded()
    await fit(page, 'an empty panel')
    await shoot(page, `uploads-empty-${size}`)

    await panel.locator('input[type=file]').setInputFiles([host('web-1.json'), file('prod.tfstate', '{"version": 4, "terraform_version": "1.9.0"}'), host('web-2.json'), file('half.json', '{"ansible_facts": {"a')])
    await panel.getByText('2 files were not taken').waitFor()
    const refused = await panel.getByRole('alert').innerText()
    assert.match(refused, /"prod\.tfstate" has none of the members ansible_facts, .*; wanted is facts that Ansible gathered of a host/)
    assert.match(refused, /"half\.json" is broken or half-written JSON at byte 19/)
    await panel.getByText('web-2.json', { exact: true }).waitFor()
    await fit(page, 'refused files')
    await shoot(page, `uploads-refused-${size}`)
    const kept = (await ask(facts, `/connections/${conn.id}/files`)).items
    assert.deepEqual(kept.map((f) => f.name), ['web-1.json', 'web-2.json'], 'the others are taken')

    await panel.locator('input[type=file]').setInputFiles([host('web-3.json')])
    await panel.getByText('web-3.json', { exact: true }).waitFor()
    assert.equal(await panel.getByRole('alert').count(), 0, 'what was refused before is no longer spoken of')
    await close()
  })
}
