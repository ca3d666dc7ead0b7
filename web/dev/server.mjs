// A stand-in for the collector while pages are developed: the same paths and documents over made-up data, and the
// strictest content security policy the UI must live with. It prints its address and writes dev.json as
// "maestro dev" does. Usage: node dev/server.mjs [dev.json]
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

import * as d from './data.mjs'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const sessions = new Set()

class Refused extends Error {
  constructor(status, title, more = {}) {
    super(title)
    this.body = { status, title, ...more }
  }
}
const missing = (what) => new Refused(404, 'Not Found', { detail: `There is no such ${what}, or you may not see it.` })
const find = (list, id, what) => list.find((x) => x.id === id) ?? (() => { throw missing(what) })()

const get = (r, name) => (['region', 'zone', 'name', 'state', 'id', 'kind', 'action', 'actor', 'run_id', 'resource_id', 'created_at', 'updated_at', 'outcome'].includes(name) ? r[name] : name === 'datacenter' || name === 'connection' ? r[name]?.id : name.split('.').reduce((v, p) => v?.[p], r.attributes ?? r))

/** Enough of the filter language to develop with: conditions joined by AND, and bare words. */
function matcher(text, known) {
  const tests = []
  let at = 0
  for (const part of text.split(/(\s+AND\s+)/)) {
    const start = at
    at += [...part].length
    if (/^\s+AND\s+$/.test(part) || !part.trim()) continue
    const m = /^\s*([\w.]+)\s*(!=|>=|<=|=|~|>|<)\s*(.*?)\s*$/.exec(part)
    if (!m) {
      tests.push((r) => JSON.stringify(r).toLowerCase().includes(part.trim().toLowerCase()))
      continue
    }
    const [, name, op, raw] = m
    if (known && !known.some((f) => f.name === name)) {
      const near = known.find((f) => f.name.startsWith(name.slice(0, 3)))
      throw new Refused(400, 'Bad Request', { detail: 'The filter could not be understood.', filter: { parameter: 'filter', position: start, byte: start, length: name.length, message: `there is no field ${name}`, ...(near ? { suggestion: near.name } : {}) } })
    }
    if (!raw) throw new Refused(400, 'Bad Request', { filter: { parameter: 'filter', position: at, byte: at, message: 'the filter ends where a value should stand', expected: 'a value' } })
    const want = raw.replace(/^"|"$/g, '')
    tests.push((r) => {
      const v = get(r, name)
      switch (op) {
        case '=': return String(v ?? '') === want
        case '!=': return String(v ?? '') !== want
        case '~': return String(v ?? '').toLowerCase().includes(want.toLowerCase())
        case '>': return v > Number(want)
        case '<': return v < Number(want)
        case '>=': return v >= Number(want)
        default: return v <= Number(want)
      }
    })
  }
  return (r) => tests.every((t) => t(r))
}

function page(list, query, known) {
  const filter = query.get('filter') ?? ''
  let out = filter ? list.filter(matcher(filter, known)) : list
  const [by, dir] = (query.get('order_by') ?? '').split(' ')
  if (by) out = [...out].sort((a, b) => { const x = get(a, by) ?? '', y = get(b, by) ?? ''; return (x < y ? -1 : x > y ? 1 : 0) * (dir === 'desc' ? -1 : 1) })
  const from = Number(query.get('page_token') || 0)
  const size = Number(query.get('page_size') || 50)
  return { items: out.slice(from, from + size), total_size: out.length, ...(from + size < out.length ? { next_page_token: String(from + size) } : {}) }
}

function put(target, pointer, value) {
  const parts = pointer.slice(1).split('/')
  const last = parts.pop()
  const at = parts.reduce((v, p) => (v[p] ??= {}), target)
  if (value === null || value === undefined) delete at[last]
  else at[last] = value
}

function version(req, thing) {
  const given = req.headers['if-match']?.replaceAll('"', '')
  if (!given) throw new Refused(428, 'Precondition Required')
  if (Number(given) !== thing.version) throw new Refused(412, 'Precondition Failed', { detail: 'Somebody else changed it meanwhile.', current_version: thing.version })
  thing.version++
  thing.updated_at = new Date().toISOString()
}

const live = new Map()
function startRun(c) {
  const r = { ...d.runs[0], id: d.uuid(), connection: { id: c.id, name: c.name }, agent: c.agent, provider: c.provider, state: 'queued', trigger: 'user:admin', queued_at: new Date().toISOString(), started_at: undefined, finished_at: undefined, scopes_total: 0, scopes_done: 0, listed: 0, created: 0, updated: 0, unchanged: false, error: undefined }
  d.runs.unshift(r)
  c.last_run = r
  const planned = c.kinds.flatMap((k) => ['DC0', 'DC1'].map((v) => ({ kind: k.kind, partition: [{ key: 'datacenter', value: v }], changed: false, outcome: { status: 'not_tried', listed: 0 } })))
  d.scopes.set(r.id, [])
  let step = 0
  const timer = setInterval(() => {
    step++
    if (step === 1) Object.assign(r, { state: 'running', started_at: new Date().toISOString() })
    if (step === 2) { d.scopes.set(r.id, planned); r.scopes_total = planned.length }
    if (step > 2 && step - 3 < planned.length) { planned[step - 3].outcome = { status: 'complete', listed: 25 + step, pages: 1, duration_ms: 300 }; r.scopes_done++; r.listed += 25 + step }
    if (step - 2 > planned.length) { Object.assign(r, { state: 'succeeded', finished_at: new Date().toISOString(), unchanged: true }); clearInterval(timer) }
  }, 400)
  live.set(r.id, timer)
  return r
}

const active = (kind) => d.resources.get(kind).filter((r) => r.state === 'active')
const brief = ({ provenance: _p, observations: _o, ...r }) => r
const write = (body, c = {}) => ({ ...c, ...body, agent: body.agent ? pickRef(d.agents, body.agent) : undefined, datacenter: body.datacenter ? pickRef(d.datacenters, body.datacenter) : undefined })
const pickRef = (list, id) => { const x = find(list, id, 'object'); return { id: x.id, name: x.name } }
const decide = (state) => ({ id, body }) => Object.assign(find(d.removals, id, 'removal'), { state, decided_by: 'user:admin', decided_at: new Date().toISOString(), reason: body?.reason })

const routes = [
  ['GET', '/session', ({ me }) => me],
  ['DELETE', '/session', ({ cookie }) => void sessions.delete(cookie)],
  ['POST', '/session/password', ({ body }) => { if (body.current_password !== 'fixture') throw new Refused(422, 'Unprocessable Entity', { errors: [{ location: 'body.current_password', message: 'That is not the current password.' }] }) }],
  ['GET', '/kinds', ({ query }) => page(d.kinds, query)],
  ['POST', '/kinds/:id/approve', ({ id }) => Object.assign(d.kinds.find((k) => k.name === id), { approval: 'approved' })],
  ['GET', '/summary', () => ({ kinds: [...d.resources].map(([kind, list]) => ({ kind, active: active(kind).length, gone: list.filter((r) => r.state === 'gone').length, unwatched: list.filter((r) => r.state === 'unwatched').length })), connections: d.connections.length, agents: d.agents.length, agents_online: 1, held_removals: d.removals.filter((r) => r.state === 'held').length, pending_kinds: d.kinds.filter((k) => k.approval === 'pending').length })],
  ['GET', '/coverage', ({ query }) => d.coverage(query.get('kind'))],
  ['GET', '/resources', ({ query }) => page([...d.resources.values()].flat().filter((r) => r.state === 'active' && r.name.toLowerCase().includes((query.get('q') ?? '').toLowerCase())).map(brief), new URLSearchParams({ page_size: query.get('page_size') ?? '50' }))],
  ['GET', '/resources/:kind', ({ kind, query }) => {
    const list = d.resources.get(kind)
    if (!list) throw missing('kind')
    const named = /\bstate\b/.test(query.get('filter') ?? '')
    return page(list.filter((r) => named || r.state !== 'gone').map(brief), query, d.kinds.find((k) => k.name === kind).filter_fields)
  }],
  ['POST', '/resources/:kind', ({ kind, body }) => { const r = { id: d.uuid(), kind, major: 1, version: 1, state: 'active', state_since: new Date().toISOString(), attributes: {}, common: {}, created_at: new Date().toISOString(), updated_at: new Date().toISOString(), ...body, datacenter: undefined }; d.resources.get(kind).push(r); return r }],
  ['GET', '/resources/:kind/:id', ({ kind, id }) => find(d.resources.get(kind) ?? [], id, 'resource')],
  ['PATCH', '/resources/:kind/:id', ({ kind, id, body, req }) => {
    const r = find(d.resources.get(kind), id, 'resource')
    version(req, r)
    const actor = 'user:admin'
    for (const [pointer, value] of Object.entries(body.set ?? {})) { put(r, pointer, value); (r.provenance ??= {})[pointer] = { type: 'curated', actor, at: r.updated_at } }
    for (const pointer of body.reset ?? []) delete r.provenance[pointer]
    d.changes.unshift({ id: d.uuid(), resource_id: id, kind, name: r.name, version: r.version, action: 'updated', at: r.updated_at, actor, hash: '0', diff: Object.entries(body.set ?? {}).map(([pointer, value]) => ({ pointer, new: value })) })
    return r
  }],
  ['GET', '/resources/:kind/:id/history', ({ id, query }) => page(d.historyOf(id), query)],
  ['GET', '/resources/:kind/:id/relations', ({ id, query }) => page(d.relations.get(id) ?? [], query)],
  ['GET', '/changes', ({ query }) => page(d.changes, query, ['action', 'kind', 'name', 'actor', 'run_id', 'resource_id'].map((name) => ({ name })))],
  ['GET', '/audit', ({ query }) => page(d.audit, query, ['action', 'actor', 'outcome'].map((name) => ({ name })))],
  ['GET', '/runs', ({ query }) => page(d.runs, query, ['state', 'connection', 'provider'].map((name) => ({ name })))],
  ['GET', '/runs/:id', ({ id }) => find(d.runs, id, 'run')],
  ['GET', '/runs/:id/scopes', ({ id, query }) => page(d.scopes.get(id) ?? [], query)],
  ['GET', '/connections', ({ query }) => page(d.connections, query)],
  ['POST', '/connections', ({ body }) => { const c = write(body, { id: d.uuid(), version: 1, epoch: 1, health: 'never', created_at: new Date().toISOString(), updated_at: new Date().toISOString() }); d.connections.push(c); return c }],
  ['GET', '/connections/:id', ({ id }) => find(d.connections, id, 'connection')],
  ['PUT', '/connections/:id', ({ id, body, req }) => { const c = find(d.connections, id, 'connection'); version(req, c); if (body.settings?.url && !/^https?:/.test(body.settings.url)) throw new Refused(422, 'Unprocessable Entity', { detail: 'A setting is wrong.', errors: [{ location: 'body.settings.url', message: 'must begin with https://' }] }); return Object.assign(c, write(body, c), { health: body.paused ? 'paused' : 'ok' }) }],
  ['DELETE', '/connections/:id', ({ id }) => void d.connections.splice(d.connections.indexOf(find(d.connections, id, 'connection')), 1)],
  ['POST', '/connections/:id/runs', ({ id }) => startRun(find(d.connections, id, 'connection'))],
  ['POST', '/connections/:id/check', () => ({ state: 'done', report: { items: [{ name: 'System.Read', kind: 'server', ok: true }, { name: 'Datastore.Browse', kind: 'volume', ok: false, message: 'not granted on group-s23', advice: 'Add it to the role “Maestro reader”.' }], policy: 'role: maestro-reader\nprivileges:\n  - System.View\n  - System.Read\n  - Datastore.Browse' } })],
  ['GET', '/plugins', ({ query }) => page(d.plugins, query)],
  ['GET', '/agents', ({ query }) => page(d.agents, query)],
  ['GET', '/agents/:id', ({ id }) => find(d.agents, id, 'agent')],
  ['POST', '/agents/:id/revoke', ({ id }) => Object.assign(find(d.agents, id, 'agent'), { status: 'revoked' })],
  ['GET', '/join-tokens', ({ query }) => page(d.joinTokens, query)],
  ['POST', '/join-tokens', ({ body }) => { const t = { id: d.uuid(), name: body.name, site: body.site, created_at: new Date().toISOString(), expires_at: new Date(Date.now() + 1000 * body.ttl_seconds).toISOString() }; d.joinTokens.push(t); return { ...t, token: `mjt_${'0f'.repeat(37)}`, command: 'maestro-agent enroll --collector collector.example.net:7071' } }],
  ['DELETE', '/join-tokens/:id', ({ id }) => void d.joinTokens.splice(d.joinTokens.findIndex((t) => t.id === id), 1)],
  ['GET', '/datacenters', ({ query }) => page(d.datacenters, query)],
  ['POST', '/datacenters', ({ body }) => { const x = { id: d.uuid(), version: 1, created_at: new Date().toISOString(), updated_at: new Date().toISOString(), ...body }; d.datacenters.push(x); return x }],
  ['GET', '/datacenters/:id', ({ id }) => find(d.datacenters, id, 'datacenter')],
  ['PUT', '/datacenters/:id', ({ id, body, req }) => { const x = find(d.datacenters, id, 'datacenter'); version(req, x); return Object.assign(x, body) }],
  ['DELETE', '/datacenters/:id', ({ id }) => void d.datacenters.splice(d.datacenters.findIndex((x) => x.id === id), 1)],
  ['GET', '/removals', ({ query }) => page(d.removals.map(({ items: _i, ...r }) => r), query)],
  ['GET', '/removals/:id', ({ id }) => find(d.removals, id, 'removal')],
  ['POST', '/removals/:id/approve', decide('approved')],
  ['POST', '/removals/:id/refuse', decide('refused')],
  ['GET', '/tokens', ({ query }) => page(d.tokens, query)],
  ['POST', '/tokens', ({ body }) => { const t = { id: d.uuid(), name: body.name, role: body.role, created_at: new Date().toISOString() }; d.tokens.push(t); return { ...t, secret: `mst_${'ab'.repeat(20)}` } }],
  ['DELETE', '/tokens/:id', ({ id }) => void d.tokens.splice(d.tokens.findIndex((t) => t.id === id), 1)],
].map(([method, path, fn]) => ({ method, fn, re: new RegExp('^' + path.replace(/:(\w+)/g, '(?<$1>[^/]+)') + '$') }))

async function answer(req, url) {
  let text = ''
  for await (const chunk of req) text += chunk
  const body = text ? JSON.parse(text) : undefined
  const path = url.pathname.slice('/api/v1'.length)
  const cookie = /maestro_session=(\w+)/.exec(req.headers.cookie ?? '')?.[1]
  const me = { username: 'admin', tenant: 'default', role: 'admin', actions: d.actions, somewhere: d.actions, expires_at: d.ago(-40000), version: '0.1.0-fixture', engine: 'fixture', demo: true }
  if (path === '/session' && req.method === 'POST') {
    if (body.username !== 'admin' || body.password !== 'fixture') throw new Refused(401, 'Unauthorized', { detail: 'That user name and password do not belong together.' })
    const id = d.uuid().replaceAll('-', '')
    sessions.add(id)
    return { status: 200, body: me, headers: { 'Set-Cookie': `maestro_session=${id}; HttpOnly; SameSite=Lax; Path=/` } }
  }
  const bearer = req.headers.authorization === 'Bearer mst_fixture'
  if (!bearer && !sessions.has(cookie)) throw new Refused(401, 'Unauthorized', { detail: 'Sign in.' })
  if (!bearer && req.method !== 'GET' && req.headers['x-maestro-csrf'] !== '1') throw new Refused(403, 'Forbidden', { detail: 'No CSRF header.' })
  for (const r of routes) {
    const m = r.method === req.method && r.re.exec(path)
    if (!m) continue
    const params = Object.fromEntries(Object.entries(m.groups ?? {}).map(([k, v]) => [k, decodeURIComponent(v)]))
    const out = await r.fn({ ...params, query: url.searchParams, body, req, me, cookie })
    return { status: out === undefined ? 204 : 200, body: out }
  }
  throw missing('path')
}

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json' }
async function file(res, path) {
  const wanted = normalize(join(dist, path))
  let name = wanted.startsWith(dist) ? wanted : dist
  let bytes = await readFile(name).catch(() => null)
  if (!bytes) bytes = await readFile((name = join(dist, 'index.html')))
  res.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'application/octet-stream', 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff' })
  res.end(bytes)
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost')
  try {
    if (!url.pathname.startsWith('/api/')) return await file(res, url.pathname)
    const out = await answer(req, url)
    res.writeHead(out.status, { 'Content-Type': 'application/json', ...out.headers })
    res.end(out.body === undefined ? undefined : JSON.stringify(out.body))
  } catch (err) {
    const doc = err instanceof Refused ? err.body : { status: 500, title: 'Internal Server Error', detail: String(err?.stack ?? err) }
    res.writeHead(doc.status, { 'Content-Type': 'application/problem+json', 'X-Request-Id': 'fixture-1' })
    res.end(JSON.stringify(doc))
  }
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  if (process.argv[2]) await writeFile(process.argv[2], JSON.stringify({ url, username: 'admin', password: 'fixture', api_token: 'mst_fixture' }), { mode: 0o600 })
  console.log(url)
})
