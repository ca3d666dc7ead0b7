// What the browser tests of pages share: a page that remembers what went wrong in it, accessibility, and calls of the API.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

import { settled, signIn } from './browser.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Remembers what a page tells its console, broken policies included. Chromium reports every answer over 399 by itself; pages show those as problems. */
export function listening(page) {
  const errors = []
  page.on('console', (m) => { if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) errors.push(m.text()) })
  page.on('pageerror', (e) => errors.push(e.stack ?? String(e)))
  return errors
}

/** A page of a signed-in administrator. `errors` holds what its console told; close() insists that it told nothing. */
export async function open(browser, facts, options = {}) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const errors = listening(page)
  await signIn(page, facts)
  const go = async (path) => {
    await page.goto(facts.url + path)
    await settled(page)
  }
  return { page, errors, go, close: async () => { assert.deepEqual(errors, []); await context.close() } }
}

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** Insists on no scrolling sideways. */
export async function narrow(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(over <= 0, `${what}: scrolls sideways by ${over} px`)
}

/** Insists on no violation of WCAG 2.2 AA, and on no scrolling sideways. Axe is put in by the debugger, so that the page's policy holds. */
export async function fit(page, what) {
  await narrow(page, what)
  const line = await page.context().newCDPSession(page)
  const { result } = await line.send('Runtime.evaluate', { expression: 'typeof globalThis.axe' })
  if (result.value === 'undefined') await line.send('Runtime.evaluate', { expression: axe })
  await line.detach()
  const found = await page.evaluate(async (runOnly) => {
    // A long table's rows are one like another; the first dozen stand for all.
    const result = await globalThis.axe.run({ include: document, exclude: ['tbody tr:nth-of-type(n+13)'] }, { runOnly, resultTypes: ['violations'], rules: { region: { enabled: false } } })
    return result.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.failureSummary?.split('\n')[1] ?? ''}`).join(' | ')}`)
  }, rules)
  assert.deepEqual(found, [], what)
}

/** A call of the API as the administrator's token; throws what was refused. */
export async function send(facts, method, path, body, headers = {}) {
  const raw = typeof body === 'string'
  const response = await fetch(`${facts.url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${facts.api_token}`, ...(body === undefined ? {} : { 'Content-Type': raw ? 'application/octet-stream' : 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : null
}

/** Sets fields of a resource by its newest version. */
export async function edit(facts, kind, id, set) {
  const { version } = await send(facts, 'GET', `/resources/${kind}/${id}`)
  return send(facts, 'PATCH', `/resources/${kind}/${id}`, { set }, { 'If-Match': `"${version}"` })
}

/** A name that no other test of this run has. */
export const unique = (word) => `${word}-${Date.now().toString(36)}${Math.floor(Math.random() * 1296).toString(36)}`

/** Makes a resource by hand. */
export const make = (facts, kind, doc) => send(facts, 'POST', `/resources/${kind}`, { request_id: crypto.randomUUID(), ...doc })
