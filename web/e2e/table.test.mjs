// The list as a tool: facets, conditions and the filter line say the same; columns, order and selection are where one left
// them; views are saved; many rows are edited at once, looked at first and taken back; what is shown is copied and exported.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, serverFacts, settled, test } from './browser.mjs'
import { fit, open as enter } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

async function open(path, options = {}) {
  const { page, go, close } = await enter(browser, facts, options)
  await go(path)
  return { page, close }
}

const found = (filter) => ask(facts, `/resources/server?page_size=1&filter=${encodeURIComponent(filter)}`).then((l) => l.total_size)
const filterOf = (page) => new URL(page.url()).searchParams.get('filter') ?? ''
const line = (page) => page.getByRole('combobox', { name: 'Filter' })
const unique = () => Math.random().toString(36).slice(2, 8)

test('facets, conditions and the filter line are one filter', async () => {
  const { page, close } = await open('/inventory/server')
  await page.getByRole('button', { name: 'Facets' }).click()
  const regions = page.getByRole('region', { name: 'Region' })
  await regions.waitFor()
  const { facets } = await ask(facts, '/resources/server/facets?fields=region')
  const value = facets[0].values[0]
  await regions.getByRole('checkbox').first().click() // the address follows, and the box the address
  await regions.getByRole('checkbox', { checked: true }).first().waitFor()
  await settled(page)
  assert.equal(filterOf(page), value.where)
  assert.equal(await line(page).inputValue(), value.where)
  await page.getByText(`${value.count} servers found`).waitFor()
  await line(page).fill(`${value.where} AND cpu_count > 2`)
  await page.keyboard.press('Enter')
  await settled(page)
  const chips = page.getByRole('group', { name: 'Conditions' })
  await chips.getByRole('button', { name: 'cpu_count > 2', exact: true }).waitFor()
  await chips.getByRole('button', { name: `Remove ${value.where}` }).click()
  await settled(page)
  assert.equal(filterOf(page), 'cpu_count > 2')
  assert.equal(await regions.getByRole('checkbox', { checked: true }).count(), 0)
  await page.goBack()
  await settled(page)
  assert.equal(await regions.getByRole('checkbox', { checked: true }).count(), 1)
  await close()
})

test('a condition is built by clicking', async () => {
  const { page, close } = await open('/inventory/server?filter=cpu_count+%3E+2')
  await page.getByRole('button', { name: 'Condition', exact: true }).click()
  const dialog = page.getByRole('dialog', { name: 'Add a condition' })
  await dialog.getByRole('combobox', { name: 'Field' }).fill('Power')
  await page.getByRole('option', { name: 'Power', exact: true }).click()
  await dialog.getByRole('combobox', { name: 'Value' }).click()
  await page.getByRole('option', { name: 'on', exact: true }).click()
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await settled(page)
  assert.equal(filterOf(page), 'cpu_count > 2 AND power_state = on')
  await page.getByText(`${await found('cpu_count > 2 AND power_state = on')} servers found`).waitFor()
  await page.getByRole('button', { name: 'cpu_count > 2', exact: true }).click()
  const edit = page.getByRole('dialog', { name: 'Edit a condition' })
  await edit.getByRole('textbox', { name: 'Value' }).fill('4')
  await edit.getByRole('button', { name: 'Change' }).click()
  await settled(page)
  assert.equal(await line(page).inputValue(), 'cpu_count > 4 AND power_state = on')
  await close()
})

test('columns are ordered and kept in sight, and a view keeps it all', async () => {
  const { page, close } = await open('/inventory/server?columns=os.name,cpu_count,region')
  await page.getByRole('button', { name: 'Columns' }).click()
  await page.getByRole('button', { name: 'Move Region to the left' }).click()
  await page.getByRole('button', { name: 'Keep the columns up to OS in sight' }).click()
  await page.keyboard.press('Escape')
  const headers = () => page.getByRole('columnheader').allInnerTexts().then((l) => l.map((t) => t.trim()))
  assert.deepEqual(await headers(), ['Name', 'OS', 'Region', 'CPUs'])
  const name = `e2e ${unique()}`
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name: 'Save this list …' }).click()
  await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.goto(`${facts.url}/inventory/server`)
  await settled(page)
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('menuitem', { name }).click()
  await settled(page)
  assert.deepEqual(await headers(), ['Name', 'OS', 'Region', 'CPUs'])
  assert.equal(new URL(page.url()).searchParams.get('pinned'), '1')
  await page.getByRole('button', { name }).click()
  await page.getByRole('menuitem', { name: 'Delete this view …' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('button', { name: 'Views' }).waitFor()
  await close()
})

test('rows are ticked with the keyboard and edited together, after a look, and back', async () => {
  const { page, close } = await open('/inventory/server?filter=power_state+%3D+on')
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('Shift+X')
  const bar = page.getByRole('region', { name: 'Selection' })
  await bar.getByText('3 servers selected').waitFor()
  await bar.getByRole('button', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog', { name: 'Edit 3 servers' })
  await dialog.getByRole('combobox', { name: 'Field' }).fill('Notes')
  await page.getByRole('option', { name: 'Notes' }).first().click()
  const note = `noted ${unique()}`
  await dialog.getByRole('textbox', { name: 'Notes' }).fill(note)
  await dialog.getByRole('button', { name: 'See what would change' }).click()
  await dialog.getByRole('button', { name: 'Change 3 resources' }).waitFor()
  // A tag in the same edit: what was looked at is old then.
  await dialog.getByRole('button', { name: 'Another field' }).click()
  await dialog.getByRole('button', { name: 'Change 3 resources' }).waitFor({ state: 'detached' })
  const second = dialog.getByRole('group', { name: 'Change 2', exact: true })
  await second.getByRole('combobox', { name: 'Field' }).fill('A tag')
  await page.getByRole('option', { name: 'A tag', exact: true }).click()
  await dialog.getByRole('button', { name: 'See what would change' }).click()
  await second.getByText('Say which tag.').waitFor()
  const tag = `t${unique()}`
  await second.getByRole('textbox', { name: 'Tag', exact: true }).fill(tag)
  await second.getByRole('textbox', { name: 'Value', exact: true }).fill('blue')
  await dialog.getByRole('button', { name: 'See what would change' }).click()
  await dialog.getByRole('button', { name: 'Change 3 resources' }).click()
  await dialog.getByText(/Edited: 3 resources/).waitFor()
  const filter = `common.notes = "${note}"`
  assert.equal(await found(`tags.${tag} = "blue"`), 3)
  assert.equal(await found(filter), 3)
  await dialog.getByRole('button', { name: 'Undo' }).click()
  await dialog.getByText(/Taken back: 3 resources/).waitFor()
  assert.equal(await found(filter), 0)
  assert.equal(await found(`tags.${tag} = "blue"`), 0)
  await dialog.getByRole('button', { name: 'Done' }).click()
  await bar.getByRole('button', { name: /^Select all/ }).click()
  await bar.getByText(`${await found('power_state = on')} servers selected`).waitFor()
  await bar.getByRole('button', { name: 'Clear the selection' }).click()
  await bar.waitFor({ state: 'detached' })
  await close()
})

test('what is shown is copied as a call that finds the same', async () => {
  const { page, close } = await open('/inventory/server?filter=power_state+%3D+on&order_by=name+desc&columns=os.name,region')
  await page.getByRole('button', { name: 'Export' }).click()
  const href = await page.getByRole('link', { name: 'CSV' }).getAttribute('href')
  const answer = await fetch(facts.url + href, { headers: { Authorization: `Bearer ${facts.api_token}` } })
  const rows = (await answer.text()).trim().split(/\r?\n/)
  assert.equal(rows.length - 1, await found('power_state = on'))
  assert.match(rows[0], /id.*name.*os\.name.*region/)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'This list as a command or an API call' }).click()
  await page.getByText(/maestro get server --filter 'power_state = on' --order-by 'name desc'/).waitFor()
  await close()
})

test('the search finds things by id, tag and address', async () => {
  const { page, close } = await open('/')
  const server = (await ask(facts, '/resources/server?page_size=1&order_by=name&filter=' + encodeURIComponent('power_state = on AND name ~ web'))).items[0]
  for (const text of [server.id, server.id.slice(0, 8), server.name]) {
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Find things, pages and actions' }).fill(text)
    await page.getByRole('option', { name: server.name }).first().waitFor()
    await page.keyboard.press('Escape')
  }
  await close()
})

for (const [width, height, colorScheme] of [[1440, 900, 'light'], [390, 844, 'dark']]) {
  test(`the list with everything open is usable at ${width} px, ${colorScheme}`, async () => {
    const { page, close } = await open('/inventory/server?facets=1&filter=power_state+%3D+on&pinned=1', { viewport: { width, height }, colorScheme })
    await page.locator('[data-row="0"] input[type=checkbox]').check()
    await fit(page, 'everything open')
    await close()
  })
}
