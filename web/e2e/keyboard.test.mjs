// The main flow with keys only: signing in, going around, filtering, ticking, opening, editing, finding, adding, signing out.
// The mouse is never used, and wherever the focus is it can be seen.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { listening, make, send, unique } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** What has the focus: its name as one hears it, and whether one sees that it has it. */
const focus = (page) => page.evaluate(() => {
  const e = document.activeElement
  const label = e?.getAttribute('aria-labelledby')?.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ')
  const name = e?.getAttribute('aria-label') ?? label ?? (e instanceof HTMLInputElement ? [...(e.labels ?? [])].map((l) => l.textContent).join(' ') : e?.textContent) ?? ''
  const seen = (s) => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none'
  const style = getComputedStyle(e)
  return { name: name.trim(), tag: e.tagName, seen: seen(style) || /^(INPUT|TEXTAREA)$/.test(e.tagName) || e.getAttribute('role') === 'dialog' }
})

/** Presses Tab until what is meant has the focus; every stop on the way must be seen. */
async function tabTo(page, name, most = 80) {
  const passed = []
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab')
    const at = await focus(page)
    if (at.tag !== 'BODY') assert.ok(at.seen, `the focus on ${at.tag} “${at.name}” cannot be seen`)
    if (name instanceof RegExp ? name.test(at.name) : at.name === name) return
    passed.push(`${at.tag} ${at.name.slice(0, 40)}`)
  }
  assert.fail(`Tab does not reach ${name}; it passes ${passed.join(' | ')}`)
}

test('the whole day’s work is done without a mouse', async () => {
  const name = unique('keys')
  const r = await make(facts, 'application', { name, common: { environment: 'test' } })
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = listening(page)
  const heading = (text) => page.getByRole('heading', { name: text, level: 1 }).waitFor()

  await page.goto(facts.url)
  await page.getByLabel('User name').waitFor()
  await tabTo(page, /^User name/)
  await page.keyboard.type(facts.username)
  await tabTo(page, /^Password/)
  await page.keyboard.type(facts.password)
  await page.keyboard.press('Enter')
  await heading('Overview')
  await settled(page)

  // The first stop leads past the menu.
  await page.evaluate(() => document.activeElement?.blur())
  await tabTo(page, 'Skip to the content')
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.activeElement?.id === 'content')

  await page.keyboard.press('g')
  await page.keyboard.press('s')
  await heading('Servers')
  await page.locator('[data-row="0"]').waitFor()
  await page.keyboard.press('/')
  await page.waitForFunction(() => document.activeElement?.getAttribute('role') === 'combobox')
  await page.keyboard.type('power_state = on')
  await page.keyboard.press('Enter')
  await page.waitForURL(/filter=/)
  await settled(page)
  await page.evaluate(() => document.activeElement?.blur())
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.getByRole('region', { name: 'Selection' }).getByText('1 server selected').waitFor()

  // The palette finds a thing by its name.
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Find things, pages and actions' }).waitFor()
  await page.keyboard.type(name)
  await page.getByRole('option', { name }).first().waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL(new RegExp(r.id))
  await heading(name)
  await settled(page)

  await tabTo(page, 'Edit Environment', 150)
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Environment')
  await page.keyboard.press('Control+a')
  await page.keyboard.type('production')
  await tabTo(page, 'Save', 10)
  await page.keyboard.press('Enter')
  await page.getByText('Environment saved').waitFor()
  assert.equal((await ask(facts, `/resources/application/${r.id}`)).common.environment, 'production')

  await page.evaluate(() => document.querySelector('h1').scrollIntoView())
  await page.evaluate(() => document.activeElement?.blur())
  await tabTo(page, /^History/, 150)
  await page.keyboard.press('Enter')
  await page.getByText('production').first().waitFor()

  // A dialogue takes the focus, keeps it, and gives it back.
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Find things, pages and actions' }).waitFor()
  await page.keyboard.type('Datacenters')
  await page.getByRole('option', { name: /^Datacenters/ }).first().waitFor()
  await page.keyboard.press('Enter')
  await heading('Datacenters')
  await settled(page)
  await tabTo(page, 'Add a datacenter', 120)
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Name' }).waitFor()
  await page.waitForFunction(() => document.activeElement?.closest('[role=dialog]') && document.activeElement.tagName === 'INPUT')
  const site = unique('site')
  await page.keyboard.type(site)
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab')
    assert.ok(await page.evaluate(() => !!document.activeElement?.closest('[role=dialog]')), 'the focus stays in the dialogue')
  }
  await tabTo(page, 'Save', 12)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('Add a datacenter'))
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.activeElement?.closest('[role=dialog]') && document.activeElement.tagName === 'INPUT')
  await page.keyboard.type(site)
  await page.keyboard.press('Enter')
  await page.getByText(`${site} saved`).waitFor()

  await page.evaluate(() => document.activeElement?.blur())
  await tabTo(page, /^Account of/, 60)
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: 'Sign out' }).waitFor()
  for (let i = 0; i < 10 && (await focus(page)).name !== 'Sign out'; i++) await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByLabel('User name').waitFor()
  assert.deepEqual(errors, [])
  const made = (await ask(facts, '/datacenters')).items.find((d) => d.name === site)
  await send(facts, 'DELETE', `/datacenters/${made.id}`)
})
