// The dialogues in which people decide: importing, merging and splitting, rules, fields of their own.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { ask, launch, patience, serverFacts, settled, test } from './browser.mjs'
import { fit, make, open, send, unique } from './tools.mjs'
import { twinsOf } from './twins.mjs'

const facts = await serverFacts()
let browser
// Duplicates are looked for every minute: these are made first, and asked for last.
let twins
before(async () => {
  twins = twinsOf(facts, 'apart')
  browser = await launch()
  await twins
})
after(() => browser?.close())

const enter = (options) => open(browser, facts, options)
const phone = { viewport: { width: 390, height: 844 } }
const named = async (kind, name) => (await ask(facts, `/resources/${kind}?filter=${encodeURIComponent(`name = ${JSON.stringify(name)}`)}`)).items

test('a file is looked at, its wrong row is named, it is imported, and taken back', async () => {
  const [a, b] = [unique('imported'), unique('imported')]
  const file = (second) => ({ name: `${a}.csv`, mimeType: 'text/csv', buffer: Buffer.from(`name,environment,criticality\n${a},production,high\n${b},production,${second}\n`) })
  const { page, go, close } = await enter(phone)
  await go('/import?kind=application')
  const choose = page.locator('input[type=file]')
  await choose.setInputFiles({ ...file('high'), buffer: Buffer.from(`name,tags\n${a},x\n,y\n`) })
  await page.getByRole('button', { name: 'See what would change' }).click()
  await page.getByRole('list', { name: 'Wrong rows' }).getByText('row 3').waitFor()
  assert.equal((await named('application', a)).length, 0, 'looking at a file writes nothing')
  await fit(page, 'import with a wrong row')
  await choose.setInputFiles(file('high'))
  await page.getByRole('button', { name: 'See what would change' }).click()
  await page.getByRole('list', { name: 'Counts' }).getByText('2 new').waitFor()
  await page.getByRole('button', { name: 'Import: 2 resources change' }).click()
  await page.getByText('The import is done').waitFor()
  assert.equal((await named('application', a)).length, 1)
  await page.getByRole('listitem').filter({ hasText: `${a}.csv` }).getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Undo', exact: true }).click()
  await page.getByText('The undo is done').waitFor()
  assert.equal((await named('application', a)).length, 0)
  await close()
})

test('two that are one are merged by hand, and split again', async () => {
  const [keep, join] = [unique('keep'), unique('join')]
  const r = await make(facts, 'application', { name: keep })
  await make(facts, 'application', { name: join })
  const { page, go, close } = await enter(phone)
  await go(`/inventory/application/${r.id}`)
  await page.getByRole('button', { name: 'Merge…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'The other one' }).fill(join)
  await dialog.getByRole('group', { name: 'Found' }).getByRole('button', { name: join }).click()
  await fit(page, 'merge')
  await dialog.getByRole('button', { name: 'Merge', exact: true }).click()
  await page.getByText(`${join} lives on as this one`).waitFor()
  assert.equal((await named('application', join)).length, 0)
  await page.getByRole('button', { name: /^Sources/ }).click()
  await page.getByRole('button', { name: 'Split it off again' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Split' }).click()
  await page.getByText(`${join} is a resource of its own`).waitFor()
  assert.equal((await named('application', join)).length, 1)
  await close()
})

test('a field of one’s own is defined, typed into a form, and found by the filter', async () => {
  const label = `Rack ${Date.now().toString(36)}`
  const { page, go, close } = await enter()
  const before = (await ask(facts, '/kinds/application')).custom_fields ?? []
  await go('/kinds')
  await page.getByRole('button', { name: /custom fields of Applications$/ }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Add a field' }).click()
  await dialog.getByRole('textbox', { name: 'Label' }).last().fill(label)
  const name = await dialog.getByRole('textbox', { name: 'Name in filters' }).last().inputValue()
  assert.match(name, /^rack_[a-z0-9]+$/)
  await fit(page, 'custom fields')
  await dialog.getByRole('button', { name: 'Save the fields' }).click()
  await page.getByText('The fields of Applications are saved').waitFor()
  const info = await ask(facts, '/kinds/application')
  const field = info.fields.find((f) => f.label === label)
  const r = await make(facts, 'application', { name: unique('racked') })
  await go(`/inventory/application/${r.id}`)
  await page.getByRole('button', { name: /more that nobody has said$/ }).click()
  await page.getByRole('button', { name: `Edit ${label}` }).click()
  await page.locator(`input[aria-label="${label}"]`).fill('R7')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText(`${label} saved`).waitFor()
  assert.deepEqual((await ask(facts, `/resources/application?filter=${encodeURIComponent(`${field.path} = "R7"`)}`)).items.map((x) => x.id), [r.id])
  const { version } = await ask(facts, `/resources/application/${r.id}`)
  await send(facts, 'PATCH', `/resources/application/${r.id}`, { reset: [field.pointer] }, { 'If-Match': `"${version}"` })
  await send(facts, 'PUT', '/kinds/application/custom-fields', { fields: before }).catch(() => undefined)
  await close()
})

test('a rule is tried before it is saved, does its work, and is taken back', async () => {
  const key = unique('team').replace('-', '')
  const r = await make(facts, 'application', { name: unique('ruled'), tags: [{ key, value: 'Harbour' }] })
  const { page, go, close } = await enter()
  await go('/mapping')
  await page.getByRole('button', { name: 'Add a rule' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Name' }).fill(key)
  await dialog.getByLabel('Takes the value from').first().fill(`tags.${key}`)
  await page.keyboard.press('Enter')
  await fit(page, 'rule')
  await dialog.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('button', { name: 'See what would change' }).click()
  await page.getByRole('heading', { name: '1 resource would change' }).waitFor()
  await fit(page, 'preview')
  assert.equal((await ask(facts, `/resources/application/${r.id}`)).common.environment, undefined, 'a look changes nothing')
  await page.getByRole('button', { name: 'Save the rules' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Save the rules' }).click()
  await page.getByText('The rules are saved; the inventory follows').waitFor()
  for (const late = Date.now() + patience; Date.now() < late && !(await ask(facts, `/resources/application/${r.id}`)).common.environment;) await new Promise((done) => setTimeout(done, 200))
  assert.match((await ask(facts, `/resources/application/${r.id}`)).common.environment, /harbour/i)
  await settled(page)
  const { version, rules, spellings, policy } = await ask(facts, '/mapping')
  await send(facts, 'PUT', '/mapping', { rules: rules.filter((x) => x.name !== key), ...(spellings ? { spellings } : {}), ...(policy ? { policy } : {}) }, { 'If-Match': `"${version}"` })
  await close()
})

test('a prefix stands in the tree below the one around it, with who has an address in it', async () => {
  const [wide, near] = [unique('wide'), unique('near')]
  const octet = 1 + Math.floor(Math.random() * 250)
  await make(facts, 'network', { name: wide, attributes: { cidrs: [`10.${octet}.0.0/16`] } })
  await make(facts, 'network', { name: near, attributes: { cidrs: [`10.${octet}.7.0/24`] } })
  const host = unique('addressed')
  await make(facts, 'server', { name: host, attributes: { primary_ip: `10.${octet}.7.9` } })
  const { page, go, close } = await enter(phone)
  // What stands in no datacenter has a routing domain of its own.
  await go('/prefixes?domain=none')
  await page.getByRole('link', { name: `10.${octet}.7.0/24` }).first().waitFor()
  await fit(page, 'address space')
  await page.getByRole('link', { name: `10.${octet}.0.0/16` }).first().click()
  await page.getByRole('heading', { level: 1 }).getByText(`10.${octet}.0.0/16`).waitFor()
  await page.getByRole('link', { name: `10.${octet}.7.0/24` }).first().click()
  await page.getByRole('heading', { level: 1 }).getByText(`10.${octet}.7.0/24`).waitFor()
  await page.getByText(host).first().waitFor()
  await settled(page)
  await fit(page, 'prefix')
  await close()
})

test('a tag that must be there is asked for by the policy, and what lacks it is listed', async () => {
  const key = unique('cost').replace('-', '')
  const { page, go, close } = await enter()
  await go('/mapping')
  await page.getByRole('button', { name: 'Add a requirement' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Key' }).fill(key)
  await fit(page, 'requirement')
  await dialog.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('button', { name: 'See what would change' }).click()
  await page.getByRole('button', { name: 'Save the rules' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Save the rules' }).click()
  await page.getByText('The rules are saved; the inventory follows').waitFor()
  await page.getByText(key).first().waitFor()
  assert.ok((await ask(facts, '/mapping')).policy.some((r) => r.key === key))
  await settled(page)
  const { version, rules, spellings, policy } = await ask(facts, '/mapping')
  await send(facts, 'PUT', '/mapping', { rules: rules ?? [], ...(spellings ? { spellings } : {}), policy: policy.filter((r) => r.key !== key) }, { 'If-Match': `"${version}"` })
  await close()
})

test('a likely duplicate is listed, kept apart with a reason, and stays apart', async () => {
  const { one, a, ip } = await twins
  let item
  for (const late = Date.now() + 3 * patience; !item && Date.now() < late; await new Promise((done) => setTimeout(done, 500))) {
    item = (await ask(facts, '/review-items?page_size=200')).items.find((x) => x.resources.some((r) => r.id === a.id))
  }
  assert.ok(item, 'the two are asked about')
  const { page, go, close } = await enter(phone)
  await go('/reviews')
  const panel = page.locator('section').filter({ hasText: `${one}-b` })
  await panel.getByText(`both have the address ${ip}`).waitFor()
  await fit(page, 'reviews')
  await panel.getByRole('button', { name: 'Keep them apart' }).click()
  await page.getByRole('dialog').getByRole('textbox', { name: 'Reason' }).fill('Behind one address, on purpose')
  await page.getByRole('dialog').getByRole('button', { name: 'Two things' }).click()
  await page.getByText('They are kept apart').waitFor()
  await go('/reviews?show=apart')
  await page.locator('section').filter({ hasText: `${one}-b` }).getByText('Behind one address, on purpose').waitFor()
  await close()
})
