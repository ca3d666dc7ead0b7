// The past: with the clock set back, the values beside a list and the address space are those of the moment, and links stay there.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, test } from './browser.mjs'
import { open as enter } from './tools.mjs'

const facts = await serverFacts()
let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

async function api(method, path, body, headers = {}) {
  const r = await fetch(`${facts.url}/api/v1${path}`, { method, headers: { authorization: `Bearer ${facts.api_token}`, 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  const doc = await r.json()
  assert.ok(r.ok, `${method} ${path}: ${JSON.stringify(doc)}`)
  return doc
}

test('the address space and the values of a list are shown as they were', async () => {
  const mark = Math.random().toString(36).slice(2, 8)
  const site = await api('POST', '/datacenters', { name: `site ${mark}` })
  const net = await api('POST', '/resources/subnet', { name: `front ${mark}`, datacenter: site.id, region: `old-${mark}`, attributes: { cidrs: ['10.1.0.0/24'] } })
  const then = net.updated_at
  await api('PATCH', `/resources/subnet/${net.id}`, { set: { '/attributes/cidrs': ['10.9.0.0/25'], '/region': `new-${mark}` } }, { 'if-match': `"${net.version}"` })
  const domain = encodeURIComponent(`datacenter:${site.id}`)
  const at = encodeURIComponent(then)

  const { page, go, close } = await enter(browser, facts, {})
  await go(`/prefixes?domain=${domain}`)
  await page.getByRole('link', { name: '10.9.0.0/25' }).waitFor()
  await go(`/prefixes?domain=${domain}&as_of=${at}`)
  await page.getByText('You are looking at the past').waitFor()
  await page.getByRole('link', { name: '10.1.0.0/24' }).click()
  await page.getByRole('heading', { name: '10.1.0.0/24' }).waitFor()
  await page.getByText('256 free of').waitFor()
  assert.equal(new URL(page.url()).searchParams.get('as_of'), then)
  if (process.env.MAESTRO_E2E_PAST_PICTURE) await page.screenshot({ path: process.env.MAESTRO_E2E_PAST_PICTURE })
  await page.getByRole('link', { name: `front ${mark}` }).first().click()
  await page.getByText('You are looking at the past').waitFor()

  const filter = encodeURIComponent(`name = "front ${mark}"`)
  await go(`/inventory/subnet?filter=${filter}&facets=1&as_of=${at}`)
  await page.getByRole('region', { name: 'Region' }).getByText(`old-${mark}`).waitFor()
  if (process.env.MAESTRO_E2E_PAST_PICTURE) await page.screenshot({ path: process.env.MAESTRO_E2E_PAST_PICTURE.replace('.png', '-facets.png') })
  // Where there was nothing, the page speaks of that moment, and not of how the estate is covered now.
  const before = '2020-01-31T08:00:00Z'
  for (const [query, words] of [['', /No subnets were known at .*2020/], [`&filter=${filter}`, /No subnets matched this filter at .*2020/]]) {
    await go(`/inventory/subnet?as_of=${before}${query}`)
    await page.getByRole('heading', { name: words }).waitFor()
    await page.getByTestId('coverage').getByText('as it was at').waitFor()
    if (process.env.MAESTRO_E2E_PAST_PICTURE) await page.screenshot({ path: process.env.MAESTRO_E2E_PAST_PICTURE.replace('.png', `-nothing${query ? '-found' : ''}.png`) })
  }
  await page.getByRole('link', { name: 'Show the list of now' }).click()
  await page.getByRole('link', { name: `front ${mark}` }).first().waitFor()
  assert.equal(new URL(page.url()).searchParams.get('as_of'), null)

  await go(`/inventory/subnet?filter=${filter}&facets=1`)
  await page.getByRole('region', { name: 'Region' }).getByText(`new-${mark}`).waitFor()
  await close()
})
