// Every text field that a kind declares, those of providers included, holds markup and an address that would run: it is text on
// the resource's page, in its lists, in exports and in the raw document, of every kind.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'

import { launch, serverFacts, test } from './browser.mjs'
import { listening, make, open, send, unique } from './tools.mjs'

const facts = await serverFacts()
const mark = unique('xss')
const evil = `<script>alert(1)</script><img src=x onerror=alert(2)>"'><svg onload=alert(3)> ${mark}`
const link = 'javascript:alert(4)' // what a field that becomes a link must not lead to
const ran = []
const made = []
let browser, page, errors, go

/** A document with the value in each place where the schema takes any text, and how many places that were. */
function filled(schema, value) {
  let places = 0
  const of = (s) => {
    if (s.enum || s.format || s.pattern || s.const !== undefined) return undefined
    if (s.type === 'string') { places++; return value }
    if (s.type === 'array' && s.items) { const item = of(s.items); return item === undefined ? undefined : [item] }
    if (s.type === 'object' && s.properties) {
      const entries = Object.entries(s.properties).map(([k, v]) => [k, of(v)]).filter(([, v]) => v !== undefined)
      return entries.length ? Object.fromEntries(entries) : undefined
    }
    return undefined
  }
  return { document: of(schema) ?? {}, places }
}

before(async () => {
  browser = await launch()
  ;({ page, errors, go } = await open(browser, facts))
  page.on('dialog', (d) => { ran.push(d.message()); void d.dismiss() })
  // Kinds of other tests may have no text field at all.
  for (const { name: kind } of (await send(facts, 'GET', '/kinds')).items.filter((k) => k.built_in)) {
    const { schema } = await send(facts, 'GET', `/kinds/${kind}`)
    const { document, places } = filled({ type: 'object', ...schema }, evil)
    const doc = { name: `${kind} ${evil}`, attributes: document, tags: [{ key: mark, value: evil }], common: { notes: `${link} ${evil}` } }
    made.push({ kind, places, resource: await make(facts, kind, doc) })
  }
})
after(async () => {
  for (const { kind, resource } of made) await send(facts, 'DELETE', `/resources/${kind}/${resource.id}`, undefined, { 'If-Match': `"${(await send(facts, 'GET', `/resources/${kind}/${resource.id}`)).version}"` })
  await browser?.close()
})

/** Nothing ran, nothing of it became an element, and no link leads where a browser would run something. */
async function harmless(what) {
  const found = await page.evaluate(() => ({
    elements: [...document.querySelectorAll('img[src="x"], svg[onload], [onerror]')].map((e) => e.outerHTML.slice(0, 120)),
    scripts: [...document.scripts].filter((s) => s.textContent.includes('alert')).length,
    links: [...document.querySelectorAll('a[href], form[action]')].map((a) => a.getAttribute('href') ?? a.getAttribute('action')).filter((h) => /^\s*(javascript|data|vbscript):/i.test(h)),
  }))
  assert.deepEqual({ ...found, ran, errors }, { elements: [], scripts: 0, links: [], ran: [], errors: [] }, what)
}

test('markup in every field of every kind is text on the resource’s page', async () => {
  const filledIn = made.reduce((n, m) => n + m.places, 0)
  assert.ok(filledIn >= 500, `only ${filledIn} text fields of ${made.length} kinds`)
  for (const { kind, places, resource } of made) {
    assert.ok(places > 0, `${kind}: no text field`)
    await go(`/inventory/${kind}/${resource.id}`)
    await harmless(kind)
    assert.ok((await page.evaluate(() => document.body.textContent)).includes('<script>alert(1)</script>'), `${kind}: it is not shown as it was written`)
  }
})

// These are drawn by what is common to all kinds: those with most fields stand for the rest.
test('markup is text in the other tabs, and in lists with many columns', async () => {
  for (const { kind, resource } of made.toSorted((a, b) => b.places - a.places).slice(0, 5)) {
    for (const tab of ['sources', 'relations', 'history', 'raw']) {
      await go(`/inventory/${kind}/${resource.id}?tab=${tab}`)
      await harmless(`${kind}, ${tab}`)
    }
    const { filter_fields: fields } = await send(facts, 'GET', `/kinds/${kind}`)
    const columns = fields.map((f) => f.name).slice(0, 40).join(',')
    await go(`/inventory/${kind}?filter=${encodeURIComponent(`tags.${mark} = "*"`)}&columns=${columns}`)
    await harmless(`list of ${kind}`)
  }
})

test('a page that is not ours cannot frame it, and an answer of the API is no page', async () => {
  const { kind, resource } = made[0]
  const context = await browser.newContext({ extraHTTPHeaders: { Authorization: `Bearer ${facts.api_token}` } })
  const tab = await context.newPage()
  const said = listening(tab)
  tab.on('dialog', (d) => { ran.push(d.message()); void d.dismiss() })
  const answer = await tab.goto(`${facts.url}/api/v1/resources/${kind}/${resource.id}`)
  assert.match(answer.headers()['content-type'], /^application\/json/)
  assert.equal(answer.headers()['x-content-type-options'], 'nosniff')
  assert.match((await (await fetch(facts.url)).headers.get('content-security-policy')) ?? '', /frame-ancestors 'none'/)
  assert.deepEqual({ ran, said }, { ran: [], said: [] })
  await context.close()
})
