// Makes src/texts/names.gen.ts: what the built-in kinds are called, what the plugins of this repository say of their
// settings and fields, and what the collector calls its roles, option lists, usual rules and audited actions, as texts
// that the catalogue can translate. The collector says them in English; what a foreign plugin says, or a person, stays.
// With --check it only says whether the committed file is current.
import { readdir, readFile, writeFile } from 'node:fs/promises'

const top = new URL('../../', import.meta.url)
const schemas = new URL('sdk/schema/gen/', top)
const target = new URL('../src/texts/names.gen.ts', import.meta.url)

// Words that the API says as identifiers: states, outcomes, actions and relations.
const words = [
  'complete', 'partial', 'denied', 'throttled', 'unreachable', 'unsupported', 'failed', 'not_tried', 'queued', 'running', 'succeeded', 'canceled',
  'planning', 'reading', 'sending', 'merging', 'healthy', 'degraded', 'failing', 'never_run', 'paused', 'no_agent', 'online', 'offline', 'revoked',
  'active', 'gone', 'unwatched', 'merged', 'created', 'updated', 'returned', 'deleted', 'held', 'approved', 'refused', 'released', 'pending', 'done',
  'applied', 'unchanged', 'superseded', 'stops_here', 'cannot_tell', 'split', 'restored', 'curated', 'observed', 'draining', 'drained',
  'attached_to', 'member_of', 'runs_on', 'depends_on', 'routes_to', 'owned_by', 'contained_in', 'stored_on', 'connected_to', 'part_of', 'uses',
  'contains', 'created_from', 'has_attached', 'has_members', 'runs', 'is_needed_by', 'is_routed_to_by', 'owns', 'stores', 'consists_of', 'is_used_by',
  'reader', 'operator', 'editor', 'admin', 'member', 'lead', 'user', 'team', 'token', 'rule', 'agent', 'system', 'brass', 'lotus', 'gold', 'wine', 'blue', 'green', 'orange',
]

const abbreviations = { id: 'id', ip: 'IP', os: 'OS', cpu: 'CPU', mac: 'MAC', dns: 'DNS', url: 'URL', vlan: 'VLAN', mtu: 'MTU', iops: 'IOPS', vm: 'VM', uuid: 'UUID', cidr: 'CIDR' }
const human = (name) => {
  const out = name.split(/[_\s]+/).filter(Boolean).map((w) => abbreviations[w] ?? w).join(' ')
  return out.charAt(0).toUpperCase() + out.slice(1)
}

const found = new Set(words.map(human))
const walk = (node, key) => {
  if (Array.isArray(node)) {
    for (const one of node) if (key === 'enum' && typeof one === 'string') found.add(human(one)); else walk(one)
    return
  }
  if (node === null || typeof node !== 'object') return
  for (const [name, value] of Object.entries(node)) {
    if (typeof value !== 'string') walk(value, name)
    else if (['x-maestro-label', 'x-maestro-plural', 'x-maestro-summary'].includes(name) || (name === 'x-maestro-group' && node !== root) || (name === 'description' && node['x-maestro-label'])) found.add(value)
  }
}
let root
for (const file of (await readdir(schemas)).sort()) {
  root = JSON.parse(await readFile(new URL(file, schemas), 'utf8'))
  walk(root)
}

// What Go code says in literals: each place with what it looks like there.
const literal = String.raw`("(?:[^"\\]|\\.)*")`
const nouns = 'agent|approval|approval_rules|audit|connection|credential|credential_rotation|datacenter|grant|history|import_mapping|join_token|kind|mapping|member|operation|options|permission_group|plugin|recovery_key|removal|resource|resources|retention|review|role|run|second_factor|session|staleness|subscription|team|tenant|tenant_group|token|user|view'
const identifier = (word) => human(word.replaceAll('.', ' '))
const said = [
  ['plugins', new RegExp(String.raw`\b(?:label|help|group):${literal}|\b(?:Title|Summary|Help):\s*${literal}`, 'g')],
  ['plugins', /\benum:"([^"]*)"/g, (list) => list.split(',').map(human)],
  ['collector/internal/access/role.go', new RegExp(String.raw`\b(?:[A-Z]\w+):\s+${literal}`, 'g')],
  ['collector/internal/inventory/options.go', new RegExp(String.raw`\bLabel: ${literal}`, 'g')],
  ['collector/internal/mapping/mapping.go', new RegExp(String.raw`\{Name: ${literal}, From:`, 'g')],
  ['collector', new RegExp(`"((?:${nouns})\\.[a-z_]+)"`, 'g'), (action) => (/\.(manage|csv|ndjson|list|id|name|client|connect|allow_recovery|ask_to_enroll|new_spool|syslog|webhook_secret_file)$/.test(action) ? [] : [identifier(action)])],
  ['collector', /\bAction: "(sign_in)"/g, (action) => [human(action)]],
  ['collector', /\baudit\.Ref\{[^}]*?\bKind: "([a-z_]+)"/g, (kind) => [human(kind)]],
]
async function* sources(path) {
  if (path.endsWith('.go')) return yield path
  for (const it of (await readdir(new URL(path + '/', top), { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (it.isDirectory() ? it.name !== 'testdata' : it.name.endsWith('.go') && !it.name.endsWith('_test.go')) yield* sources(`${path}/${it.name}`)
  }
}
for (const [place, pattern, make = (text) => [JSON.parse(text)]] of said) {
  let any = false
  for await (const file of sources(place)) {
    for (const match of (await readFile(new URL(file, top), 'utf8')).matchAll(pattern)) {
      for (const text of make(match.slice(1).find((part) => part !== undefined))) {
        if (/\p{L}/u.test(text)) found.add(text)
        any = true
      }
    }
  }
  if (!any) throw new Error(`${place} has nothing like ${pattern}: the code changed, and this script did not`)
}

const lines = [...found].sort().map((text) => `  msg({ context: 'name', message: ${JSON.stringify(text)} }),`)
const text = `// Code generated by "npm run generate" from sdk/schema/gen. DO NOT EDIT.
import { msg } from '@lingui/core/macro'

export const names = [
${lines.join('\n')}
]
`
if (process.argv.includes('--check')) {
  if ((await readFile(target, 'utf8').catch(() => '')) !== text) {
    console.error('web/src/texts/names.gen.ts is not current: run "npm run generate" in web/ and commit the result')
    process.exit(1)
  }
  console.log('src/texts/names.gen.ts is current')
} else {
  await writeFile(target, text)
}
