// What waits for a person: two records that are one, removals too large to be believed, and an agent of which there are two.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before } from 'node:test'

import { ask, launch, patience, serverFacts, settled, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'
import { twinsOf } from './twins.mjs'

const facts = await serverFacts()
let browser
// Duplicates are looked for every minute: these are made first, and asked for last.
let twins
before(async () => {
  twins = twinsOf(facts, 'merged')
  browser = await launch()
  await twins
})
after(() => browser?.close())

const shots = process.env.MAESTRO_SHOTS
const shoot = async (page, name) => { if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true }) }
const phone = { viewport: { width: 390, height: 844 } }

/** Asks until something is there; a slow machine is no failure. */
async function until(what, fn, limit = 3 * patience) {
  for (const late = Date.now() + limit; ; await new Promise((done) => setTimeout(done, 500))) {
    const got = await fn()
    if (got) return got
    assert.ok(Date.now() < late, `not there after ${limit / 1000} s: ${what}`)
  }
}

async function runOf(connection) {
  const { id } = await send(facts, 'POST', `/connections/${connection}/runs`, {})
  const run = await until(`the run of ${connection} ends`, async () => {
    const r = await ask(facts, `/runs/${id}`)
    return /queued|running/.test(r.state) ? null : r
  })
  assert.equal(run.state, 'succeeded', run.error)
}

/** A connection whose hosts were read once, and of which all but one are gone with the next reading. */
async function lost(hosts) {
  const agent = (await ask(facts, '/agents')).items.find((a) => a.status === 'online' && a.plugins?.some((p) => p.provider === 'ansible'))
  const conn = await send(facts, 'POST', '/connections', { name: unique('uploads'), provider: 'ansible', agent: agent.id, settings: { source: 'upload' } })
  const names = Array.from({ length: hosts }, (_, i) => `${conn.name}-${i}`)
  for (const n of names) {
    await send(facts, 'PUT', `/connections/${conn.id}/files/${n}`, JSON.stringify({ ansible_facts: { ansible_nodename: n, ansible_system: 'Linux', ansible_product_uuid: crypto.randomUUID() } }))
  }
  await runOf(conn.id)
  for (const n of names.slice(1)) await send(facts, 'DELETE', `/connections/${conn.id}/files/${n}`)
  await runOf(conn.id)
  return conn
}

const there = async (conn, state) => (await ask(facts, `/resources/server?filter=${encodeURIComponent(`connection = ${JSON.stringify(conn.name)} AND state = ${state}`)}`)).total_size

test('a removal too large to be believed is refused with a reason, another is approved', async () => {
  const [kept, gone] = [await lost(22), await lost(22)]
  assert.deepEqual([await there(kept, 'active'), await there(gone, 'active')], [22, 22], 'nobody has decided yet')
  const { page, go, close } = await open(browser, facts, phone)
  await go('/removals')
  const panel = (conn) => page.locator('section').filter({ hasText: conn.name })
  await panel(kept).getByText('21 servers').first().waitFor()
  await panel(kept).getByRole('button', { name: 'Show them' }).click()
  await panel(kept).getByRole('link', { name: `${kept.name}-7`, exact: true }).waitFor()
  await fit(page, 'held removals')
  await shoot(page, 'removals-held-390')
  await panel(kept).getByRole('button', { name: 'Keep them' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('Somebody emptied the wrong folder')
  await fit(page, 'refusing a removal')
  await shoot(page, 'removals-refuse-390')
  await dialog.getByRole('button', { name: 'Keep them' }).click()
  await page.getByText('21 servers kept').waitFor()
  await panel(kept).waitFor({ state: 'detached' })
  await panel(gone).getByRole('button', { name: 'They are gone' }).click()
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('Rack 4 was switched off')
  await dialog.getByRole('button', { name: 'They are gone' }).click()
  await page.getByText('21 servers marked as gone').waitFor()
  await go('/removals?show=decided')
  await panel(kept).getByText('Somebody emptied the wrong folder').waitFor()
  await panel(gone).getByText('Rack 4 was switched off').waitFor()
  await fit(page, 'decided removals')
  await shoot(page, 'removals-decided-390')
  await until('what was approved is gone', async () => await there(gone, 'gone') === 21)
  await runOf(kept.id) // a refusal stays
  assert.deepEqual([await there(kept, 'active'), await there(gone, 'active')], [22, 1])
  const waiting = (await ask(facts, `/removals?filter=${encodeURIComponent('state = held')}`)).items.filter((r) => [kept.id, gone.id].includes(r.connection.id))
  assert.deepEqual(waiting, [])
  await close()
  for (const { id } of [kept, gone]) await send(facts, 'DELETE', `/connections/${id}`, undefined, { 'If-Match': `"${(await ask(facts, `/connections/${id}`)).version}"` })
})

/** Agents of a test's own, with no plugin, beside the one of `maestro dev`. */
async function crew() {
  const dev = dirname(process.env.MAESTRO_E2E_DEV_JSON)
  const config = await readFile(join(dev, 'agent.yaml'), 'utf8')
  const [collector, plugins] = ['collector', 'plugin_dir'].map((k) => new RegExp(`^${k}: (.*)$`, 'm').exec(config)[1])
  const home = await mkdtemp(join(tmpdir(), 'maestro-e2e-agent-'))
  await mkdir(join(home, 'none'))
  const running = []
  return {
    folder: (name) => join(home, name),
    write: (name, text) => writeFile(join(home, name), text, { mode: 0o600 }),
    async start(name, agent) {
      const yaml = `collector: ${collector}\ndata_dir: ${join(home, name)}\njoin_token_file: ${join(home, 'token')}\nname: ${agent}\nplugin_dir: ${join(home, 'none')}\nsite: lab\n`
      await writeFile(join(home, `${name}.yaml`), yaml)
      const p = spawn(join(plugins, 'maestro-agent'), ['serve', '--config', join(home, `${name}.yaml`)], { stdio: ['ignore', 'pipe', 'pipe'] })
      const said = []
      for (const s of [p.stdout, p.stderr]) s.on('data', (b) => said.push(b))
      p.on('error', (err) => said.push(err.message))
      running.push(p)
      return () => said.join('')
    },
    async end() {
      for (const p of running) {
        if (p.exitCode !== null || p.signalCode !== null || p.pid === undefined) continue
        const gone = once(p, 'exit')
        p.kill('SIGTERM')
        await gone
      }
      await rm(home, { recursive: true, force: true })
    },
  }
}

test('two copies of an agent are shown, and one of them is said to be the agent', { timeout: 6 * patience }, async () => {
  const name = unique('zz-copied')
  const agents = await crew()
  try {
    const { token } = await send(facts, 'POST', '/join-tokens', { name, site: 'lab' })
    await agents.write('token', token)
    const said = await agents.start('first', name)
    const mine = async (status) => (await ask(facts, '/agents')).items.find((a) => a.name === name && a.status === status)
    await until('the agent is online', () => mine('online'), patience).catch((err) => { throw new Error(`${err.message}\n${said()}`) })
    await cp(agents.folder('first'), agents.folder('second'), { recursive: true, filter: (path) => !path.endsWith('.sock') })
    await agents.start('second', name)
    const held = await until('the copies are held', () => mine('held'), 4 * patience)
    const { page, go, close } = await open(browser, facts, phone)
    await go(`/agents/${held.id}`)
    const panel = page.locator('section').filter({ hasText: 'Two copies of this agent' })
    await panel.getByRole('button', { name: 'This one is the agent …' }).nth(1).waitFor()
    await fit(page, 'a copied agent')
    await shoot(page, 'agent-held-390')
    await panel.getByRole('button', { name: 'This one is the agent …' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox', { name: 'Reason' }).fill('The other is a test clone')
    await fit(page, 'keeping a copy')
    await shoot(page, 'agent-keep-390')
    await dialog.getByRole('button', { name: 'Keep this one' }).click()
    await page.getByText(`${name} is released`).waitFor()
    await panel.waitFor({ state: 'detached' })
    const entry = (await ask(facts, `/audit?filter=${encodeURIComponent('action = agent.release')}`)).items.find((e) => e.object?.id === held.id)
    assert.equal(entry?.reason, 'The other is a test clone')
    await close()
    await send(facts, 'POST', `/agents/${held.id}/revoke`, {})
  } finally {
    await agents.end()
  }
})

test('two records that are one are merged from the list of those to decide', async () => {
  const { name, older, newer } = await twins
  await until('the two are asked about', async () => (await ask(facts, '/review-items?page_size=200')).items.some((x) => x.resources.some((r) => r.id === older.id)))
  const { page, go, close } = await open(browser, facts, phone)
  await go('/reviews')
  const panel = page.locator('section').filter({ hasText: `${name}-b` })
  await panel.getByRole('button', { name: 'They are one' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('The same label on the machine')
  await fit(page, 'merging')
  await shoot(page, 'reviews-merge-390')
  await dialog.getByRole('button', { name: 'One thing' }).click()
  await page.getByText('They are one').last().waitFor()
  await panel.waitFor({ state: 'detached' })
  const one = await ask(facts, `/resources/server/${older.id}`)
  assert.deepEqual([one.attributes.cpu_count, one.attributes.memory_bytes, one.absorbed?.map((a) => a.id)], [4, 8589934592, [newer.id]])
  await go('/reviews?show=merged')
  await page.locator('section').filter({ hasText: 'The same label on the machine' }).first().waitFor()
  await go(`/inventory/server/${older.id}?tab=history`)
  await settled(page)
  await page.getByText('The same label on the machine').first().waitFor()
  await page.getByText(`${name}-b`, { exact: false }).first().waitFor()
  await fit(page, 'history of a merge')
  await shoot(page, 'history-merge-390')
  await close()
})

test('a kind of one’s own is defined with what it contains, and both are filtered by it', async () => {
  const label = unique('Rack').replaceAll('-', ' ')
  const key = label.toLowerCase().replaceAll(' ', '_')
  const { page, go, close } = await open(browser, facts, phone)
  await go('/kinds')
  await page.getByRole('button', { name: 'Define a kind' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'What one is called' }).fill(label)
  await dialog.getByLabel('What it contains').first().click()
  await page.getByRole('option', { name: 'Servers', exact: true }).click()
  await page.keyboard.press('Tab')
  await fit(page, 'defining a kind')
  await shoot(page, 'define-kind-390')
  await dialog.getByRole('button', { name: 'Define the kind' }).click()
  await page.waitForURL(`**/inventory/custom.${key}`)
  const server = (await ask(facts, '/resources/server?page_size=1')).items[0]
  const rack = await make(facts, `custom.${key}`, { name: 'R1', relations: [{ verb: 'contains', target: { kind: 'server', id: server.id } }] })
  await go(`/inventory/server?filter=${encodeURIComponent(`${key}s.name = R1`)}`)
  await page.getByRole('link', { name: server.name, exact: true }).first().waitFor()
  assert.deepEqual((await ask(facts, `/resources/custom.${key}?filter=${encodeURIComponent(`servers.name = ${JSON.stringify(server.name)}`)}`)).items.map((r) => r.id), [rack.id])
  await close()
})
