// The estate of the fixture server: made up, the same every time, with the awkward things a real one has. It is used
// to develop and look at pages when no collector is at hand, and is never shipped.
import { readFileSync } from 'node:fs'

const schema = JSON.parse(readFileSync(new URL('./kinds.json', import.meta.url), 'utf8'))
let seed = 42
const random = () => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff)
const pick = (list) => list[Math.floor(random() * list.length)]
const hex = (n) => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join('')
export const uuid = () => `${hex(8)}-${hex(4)}-7${hex(3)}-a${hex(3)}-${hex(12)}`
const now = Date.now()
export const ago = (s) => new Date(now - s * 1000).toISOString()

const headNames = [['name', 'string'], ['state', 'string'], ['region', 'string'], ['zone', 'string'], ['datacenter', 'string'], ['created_at', 'time'], ['updated_at', 'time']]
export const kinds = schema.kinds.map((k) => ({
  ...k,
  approval: 'approved',
  built_in: true,
  common_fields: schema.common,
  filter_fields: [
    ...headNames.map(([name, type]) => ({ name, type, sortable: true, ...(name === 'state' ? { enum: ['active', 'gone', 'unwatched'] } : {}) })),
    ...k.fields.map((f) => ({ name: f.path, type: f.type, sortable: f.type !== 'array', ...(f.enum ? { enum: f.enum } : {}) })),
  ],
}))
kinds.push({
  ...kinds.find((k) => k.name === 'volume'), name: 'vsphere.license', label: 'License', plural: 'Licenses', group: 'other', icon: 'certificate', built_in: false, approval: 'pending',
  summary: 'A license key’s name and how much of it is used.', fields: [{ path: 'edition', pointer: '/attributes/edition', type: 'string', label: 'Edition', column: true }],
})

export const datacenters = [
  { id: uuid(), version: 1, name: 'Frankfurt', provider: 'vsphere', regions: ['DC0'], zones: ['DC0_C0', 'DC0_C1'], description: 'Colocation, hall 3', created_at: ago(9e6), updated_at: ago(4e5), counts: {} },
  { id: uuid(), version: 2, name: 'Zürich', provider: 'vsphere', regions: ['DC1'], zones: [], created_at: ago(8e6), updated_at: ago(3e5), counts: {} },
]
export const agents = [
  {
    id: uuid(), name: 'fra-agent-1', site: 'frankfurt', status: 'online', version: '0.1.0', os: 'linux', arch: 'amd64', hostname: 'fra-ops-1.example.net', last_contact: ago(4), enrolled_at: ago(5e6), certificate_not_after: ago(-86400 * 5), clock_skew_ms: 240,
    spool: { captures: 0, bytes: 0 }, credentials: [{ name: 'vcenter-readonly', providers: ['vsphere'] }, { name: 'shared' }],
    plugins: [{ provider: 'vsphere', version: '0.1.0', title: 'VMware vSphere', sha256: hex(64) }, { provider: 'host', version: '0.1.0', title: 'This machine', sha256: hex(64) }], policy: ['server: tags.owner_email is masked', 'server: attributes.folder is dropped'], notices: [],
  },
  { id: uuid(), name: 'zrh-agent-1', site: 'zurich', status: 'offline', version: '0.1.0', os: 'linux', arch: 'arm64', hostname: 'zrh-ops-1', last_contact: ago(7300), enrolled_at: ago(4e6), certificate_not_after: ago(-86400), clock_skew_ms: -4200, spool: { captures: 14, bytes: 5_400_000 }, plugins: [{ provider: 'vsphere', version: '0.1.0', title: 'VMware vSphere' }], credentials: [], notices: ['The spool dropped 2 captures that newer ones supersede.'] },
]
const settings = {
  $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', required: ['url'], additionalProperties: false,
  properties: {
    url: { type: 'string', format: 'uri', 'x-maestro-label': 'vCenter address', description: 'Where its API answers.', examples: ['https://vcenter.example.net/sdk'], 'x-maestro-order': 1, 'x-maestro-credential-target': true },
    insecure: { type: 'boolean', 'x-maestro-label': 'Accept any certificate', description: 'Only for a lab.', 'x-maestro-order': 2 },
    datacenters: { type: 'array', items: { type: 'string' }, 'x-maestro-label': 'Only these datacenters', 'x-maestro-narrows': true, 'x-maestro-order': 3 },
    page_size: { type: 'integer', minimum: 10, maximum: 1000, default: 200, 'x-maestro-label': 'Page size', 'x-maestro-group': 'Fine tuning', 'x-maestro-order': 4 },
    timeout_seconds: { type: 'integer', default: 60, 'x-maestro-label': 'Timeout', 'x-maestro-unit': 'seconds', 'x-maestro-group': 'Fine tuning', 'x-maestro-order': 5 },
    templates: { type: 'string', enum: ['include', 'skip'], 'x-maestro-label': 'Templates', 'x-maestro-group': 'Fine tuning', 'x-maestro-narrows': true, 'x-maestro-order': 6 },
  },
}
const support = (kind, permissions) => ({ kind, major: 1, global_ids: true, permissions })
export const plugins = [
  { provider: 'vsphere', version: '0.1.0', title: 'VMware vSphere', summary: 'Virtual machines, hosts, disks and port groups of a vCenter.', digest: hex(64), agents: agents.map((a) => ({ id: a.id, name: a.name })), settings, kinds: [support('server', ['System.View', 'System.Read']), support('volume', ['System.Read']), support('network', ['System.View']), support('cluster', [])], credential_env: [{ name: 'VSPHERE_USERNAME', help: 'Account' }, { name: 'VSPHERE_PASSWORD', help: 'Its password', secret: true }] },
  { provider: 'host', version: '0.1.0', title: 'This machine', summary: 'The machine that the agent runs on.', digest: hex(64), agents: [{ id: agents[0].id, name: agents[0].name }], settings: { type: 'object', properties: {} }, kinds: [support('server'), support('volume'), support('network_interface')] },
]
const schedule = (list, s = 3600) => list.map((kind) => ({ kind, enabled: true, interval_seconds: s }))
const connection = (name, provider, agent, dc, health, list, extra = {}) => ({
  id: uuid(), version: 1, name, provider, agent: { id: agent.id, name: agent.name }, datacenter: { id: dc.id, name: dc.name }, settings: provider === 'vsphere' ? { url: `https://${name}.example.net/sdk`, page_size: 200 } : {}, kinds: schedule(list), rules: [], paused: false, epoch: 3, created_at: ago(5e6), updated_at: ago(6e5), health, ...extra,
})
export const connections = [
  connection('vcenter-fra', 'vsphere', agents[0], datacenters[0], 'ok', ['server', 'volume', 'network', 'cluster'], { credential: 'vcenter-readonly' }),
  connection('vcenter-zrh', 'vsphere', agents[1], datacenters[1], 'degraded', ['server', 'volume', 'network']),
  connection('ops-host', 'host', agents[0], datacenters[0], 'ok', ['server', 'volume', 'network_interface']),
]
for (const a of agents) a.connections = connections.filter((c) => c.agent.id === a.id).map((c) => ({ id: c.id, name: c.name }))

const ref = (x) => ({ id: x.id, name: x.name })
export const runs = []
export const scopes = new Map()
const label = (value) => [{ key: 'datacenter', value }]
function run(c, s, state, extra = {}) {
  const r = {
    id: uuid(), connection: ref(c), agent: c.agent, provider: c.provider, state, trigger: s < 400 ? 'user:admin' : 'schedule', kinds: c.kinds.map((k) => k.kind), queued_at: ago(s + 2), started_at: ago(s), finished_at: ago(s - 14), scopes_total: c.kinds.length * 2, scopes_done: c.kinds.length * 2, listed: 612, created: 0, updated: 0, gone: 0, returned: 0, held: 0, rejected: 0, unchanged: state === 'succeeded', plan_complete: true, plugin_version: '0.1.0', statuses: {}, warnings: [], log: ['connected to vcenter 8.0.2', 'read 612 objects in 4 sweeps'], ...extra,
  }
  runs.push(r)
  scopes.set(r.id, c.kinds.flatMap((k) => (c.provider === 'host' ? [undefined] : ['DC0', 'DC1']).map((dc) => {
    const denied = state === 'partial' && dc === 'DC1' && k.kind === 'volume'
    return {
      kind: k.kind, ...(dc ? { partition: label(dc) } : {}), changed: !r.unchanged, verdict: denied ? 'failed' : r.unchanged ? 'unchanged' : 'applied',
      outcome: denied
        ? { status: 'denied', listed: 0, pages: 1, error: 'ServerFaultCode: Permission to perform this operation was denied.\nprivilege: Datastore.Browse on group-s23', advice: 'Give the role of this account the privilege Datastore.Browse on the datastore folder.', duration_ms: 210 }
        : { status: 'complete', listed: 40 + Math.floor(random() * 200), pages: 3, duration_ms: 800 + Math.floor(random() * 9000) },
    }
  })))
  return r
}
for (let i = 0; i < 22; i++) {
  run(connections[0], 300 + i * 3600, i === 7 ? 'failed' : 'succeeded', i % 5 === 0 ? { unchanged: false, updated: 4, created: i === 5 ? 12 : 0 } : i === 7 ? { unchanged: false, error: 'dial tcp 10.0.0.5:443: i/o timeout' } : {})
  run(connections[1], 7300 + i * 3600, i < 3 ? 'partial' : 'succeeded', i < 3 ? { unchanged: false, held: i === 0 ? 64 : 0 } : {})
  run(connections[2], 700 + i * 1800, 'succeeded', i === 0 ? { unchanged: false, updated: 1 } : {})
}
runs.push({ ...run(connections[0], 12, 'running', { unchanged: false, finished_at: undefined, scopes_done: 3, listed: 214, trigger: 'user:admin', phase: 'reading' }) })
runs.pop()
for (const s of scopes.get(runs.at(-1).id).slice(3)) s.outcome = { status: 'not_tried', listed: 0 }
runs.sort((a, b) => (b.queued_at > a.queued_at ? 1 : -1))
for (const c of connections) c.last_run = runs.find((r) => r.connection.id === c.id)

export const resources = new Map(kinds.map((k) => [k.name, []]))
export const changes = []
export const relations = new Map()
const source = (c) => ({ type: 'discovered', connection: ref(c), at: ago(3e5) })
function add(kind, c, name, attributes, extra = {}) {
  const dc = c.datacenter
  const region = extra.region ?? 'DC0'
  const r = {
    id: uuid(), kind, major: 1, version: 1, state: 'active', state_since: ago(4e6), name, region, datacenter: dc, tags: [], identifiers: [], attributes, common: {}, created_at: ago(4e6 - random() * 3e6), updated_at: ago(random() * 2e6), last_seen: ago(300), ...extra,
  }
  r.provenance = { '/name': source(c), '/region': source(c) }
  for (const key of Object.keys(attributes)) r.provenance[`/attributes/${key}`] = source(c)
  r.observations = [{ connection: ref(c), external_id: `${hex(8)}-${hex(4)}/vm-${resources.get(kind).length + 20}`, partition: label(region), state: 'active', state_since: r.state_since, match: 'instance_uuid', hash: hex(64), observed_at: ago(3e5), last_seen: ago(300), run_id: runs[0].id, envelope: { kind, major: 1, external_id: 'vm-20', name, region, attributes } }]
  resources.get(kind).push(r)
  return r
}
const link = (a, verb, b) => {
  relations.set(a.id, [...(relations.get(a.id) ?? []), { verb, direction: 'out', resource: { ...ref(b), kind: b.kind }, state: b.state }])
  relations.set(b.id, [...(relations.get(b.id) ?? []), { verb, direction: 'in', resource: { ...ref(a), kind: a.kind }, state: a.state }])
}
const GiB = 1024 ** 3
const nets = ['prod-10', 'prod-20', 'dmz', 'backup', 'vMotion', 'mgmt'].map((n, i) => add('network', connections[i % 2], n, { type: 'distributed_port_group', vlan_id: 10 * (i + 1), cidrs: [`10.${i + 1}.0.0/16`], mtu_bytes: 9000, shared: i % 2 === 0 }))
const clusters = ['fra-compute', 'fra-db', 'zrh-compute'].map((n, i) => add('cluster', connections[i === 2 ? 1 : 0], n, { type: 'virtualization', host_count: 4, cpu_core_count: 256, memory_bytes: 2048 * GiB, high_availability: true, load_balancing: true, automation: 'fullyAutomated' }, { region: i === 2 ? 'DC1' : 'DC0' }))
const hosts = Array.from({ length: 12 }, (_, i) => add('server', connections[i > 7 ? 1 : 0], `esx-${String(i + 1).padStart(2, '0')}`, { type: 'hypervisor', power_state: 'on', hostname: `esx-${i + 1}.example.net`, cpu_count: 64, cpu_model: 'AMD EPYC 9354', memory_bytes: 512 * GiB, manufacturer: 'Dell Inc.', model: 'PowerEdge R7625', primary_ip: `10.6.0.${i + 10}`, os: { family: 'esxi', name: 'VMware ESXi', version: '8.0.2' } }, { region: i > 7 ? 'DC1' : 'DC0', identifiers: [{ type: 'serial', value: hex(7).toUpperCase() }] }))
const roles = ['web', 'app', 'db', 'cache', 'queue', 'ci', 'mail', 'dns']
const systems = [['linux', 'Ubuntu', '24.04'], ['linux', 'Debian GNU/Linux', '12'], ['windows', 'Microsoft Windows Server', '2022'], ['linux', 'Red Hat Enterprise Linux', '9.4']]
for (let i = 0; i < 420; i++) {
  const zrh = i % 5 === 4
  const role = roles[i % roles.length]
  const [family, osName, version] = pick(systems)
  const c = connections[zrh ? 1 : 0]
  const s = add('server', c, `${role}-${pick(['prod', 'stage', 'dev'])}-${String(i).padStart(3, '0')}`, {
    type: 'virtual', power_state: random() < 0.86 ? 'on' : pick(['off', 'suspended']), hostname: `${role}${i}.corp.example.net`, os: { family, name: osName, version }, cpu_count: pick([2, 4, 8, 16]), memory_bytes: pick([4, 8, 16, 32, 64]) * GiB, disk_bytes: pick([40, 80, 500]) * GiB,
    primary_ip: `10.${(i % 4) + 1}.${i >> 7}.${(i % 250) + 2}`, ip_addresses: [`10.${(i % 4) + 1}.${i >> 7}.${(i % 250) + 2}`, `fe80::${hex(4)}`], hardware_version: 'vmx-19', guest_agent_status: 'running', folder: `/${zrh ? 'DC1' : 'DC0'}/vm/${role}`, network_adapters: [{ name: 'Network adapter 1', mac: `00:50:56:${hex(2)}:${hex(2)}:${hex(2)}`, type: 'vmxnet3', network: 'prod-10', connected: true, ip_addresses: ['10.1.0.4'] }],
  }, { region: zrh ? 'DC1' : 'DC0', zone: zrh ? 'zrh-compute' : pick(['fra-compute', 'fra-db']), tags: [{ key: 'env', value: pick(['prod', 'stage']) }, { key: 'role', value: role }], identifiers: [{ type: 'instance_uuid', value: uuid() }, { type: 'bios_uuid', value: uuid() }], console_url: `https://${c.name}.example.net/ui/#/vm-${i}` })
  s.volatile = { uptime_seconds: 86400 * (1 + (i % 90)) }
  link(s, 'runs_on', hosts[i % 12])
  link(s, 'connected_to', nets[i % 6])
  link(s, 'member_of', clusters[zrh ? 2 : i % 2])
  for (let d = 0; d < 1 + (i % 3); d++) {
    const v = add('volume', c, `${s.name}/Hard disk ${d + 1}`, { type: 'virtual_disk', size_bytes: pick([40, 80, 500]) * GiB, device_name: `scsi0:${d}`, thin: true, path: `[ds-0${(i % 4) + 1}] ${s.name}/disk${d}.vmdk` }, { region: s.region })
    link(v, 'attached_to', s)
  }
}
const servers = resources.get('server')
const star = servers[12]
star.name = 'db-prod-002'
star.common = { owner: { type: 'team', name: 'Payments' }, environment: 'production', criticality: 'high', lifecycle: 'in_service', notes: 'Fail over by hand: see the runbook.', links: [{ label: 'Runbook', url: 'https://wiki.example.net/db' }], monthly_cost: { amount: 412.5, currency: 'EUR' } }
star.provenance['/common/owner/name'] = { type: 'curated', actor: 'user:anna', at: ago(9e5) }
star.provenance['/attributes/memory_bytes'] = { type: 'curated', actor: 'user:anna', at: ago(9e5) }
star.conflicts = ['/attributes/hostname']
star.stale = ['/attributes/folder']
star.withheld = ['/attributes/description']
star.observations.push({ ...star.observations[0], connection: ref(connections[2]), external_id: 'machine-id/8f3c', match: 'bios_uuid', envelope: { ...star.observations[0].envelope, name: 'db-prod-002', attributes: { ...star.attributes, hostname: 'db-prod-002.internal' } } })
star.version = 3
servers[20].name = '<img src=x onerror=alert(1)> "quoted" & sons'
servers[21].name = 'evil\u202Egpj.exe'
servers[22].name = `a-very-long-name-${'that-goes-on-and-on-'.repeat(12)}end`
servers[30].state = 'unwatched'
servers[30].state_reason = 'settings narrowed'
for (let i = 40; i < 44; i++) Object.assign(servers[i], { state: 'gone', state_since: ago(5000), state_reason: 'no longer listed' })

let at = 200
const change = (r, action, diff, extra = {}) => changes.push({ id: `${r.id}/${r.version}`, resource_id: r.id, kind: r.kind, name: r.name, version: extra.version ?? r.version, action, at: ago((at += 170)), actor: `run:${runs[0].id}`, run_id: runs[0].id, connection: ref(connections[0]), hash: hex(64), diff, ...extra, id: uuid() })
change(star, 'updated', [{ pointer: '/attributes/memory_bytes', old: 16 * GiB, new: 32 * GiB }, { pointer: '/attributes/cpu_count', old: 4, new: 8 }], { version: 3, actor: 'user:anna', run_id: undefined, connection: undefined, reason: 'agreed in CHG-2041' })
change(star, 'updated', [{ pointer: '/attributes/ip_addresses', old: ['10.1.0.4'], new: ['10.1.0.4', '10.1.0.9'] }, { pointer: '/tags/env', old: 'stage', new: 'prod' }], { version: 2 })
change(star, 'created', Object.entries(star.attributes).map(([k, v]) => ({ pointer: `/attributes/${k}`, new: v })), { version: 1 })
for (let i = 50; i < 110; i++) {
  const s = servers[i]
  if (i % 4 === 0) change(s, 'created', [{ pointer: '/name', new: s.name }])
  else if (i % 7 === 0) change(s, 'gone', undefined, { reason: 'no longer listed' })
  else change(s, 'updated', [{ pointer: '/attributes/power_state', old: 'on', new: 'off' }])
}
export const historyOf = (id) => changes.filter((c) => c.resource_id === id)

export const removals = [{ id: uuid(), connection: ref(connections[1]), kind: 'server', partition: label('DC1'), run_id: runs.find((r) => r.held)?.id ?? runs[0].id, held_at: ago(7300), state: 'held', count: 64, scope_size: 84, items: servers.slice(60, 124).map((s) => ({ ...ref(s), kind: 'server' })) }]
export const actions = ['agent.manage', 'audit.verify', 'connection.manage', 'datacenter.manage', 'kind.approve', 'kind.define', 'mapping.manage', 'options.manage', 'removal.decide', 'resource.edit', 'role.manage', 'run.request', 'settings.read', 'team.manage', 'token.manage', 'user.manage', 'view.share']
export const tokens = [{ id: uuid(), name: 'ci', role: 'reader', created_at: ago(3e6), expires_at: ago(-4e6), last_used: ago(120) }, { id: uuid(), name: 'old importer', role: 'admin', created_at: ago(9e6), expires_at: ago(1e5) }]
export const joinTokens = []
export const audit = [
  { id: uuid(), at: ago(60), actor: 'user:admin', action: 'sign_in', outcome: 'ok', address: '10.0.0.7' },
  { id: uuid(), at: ago(350), actor: 'user:anna', action: 'resource.update', outcome: 'ok', object: { id: star.id, name: star.name, kind: 'server' }, reason: 'agreed in CHG-2041', address: '10.0.0.9' },
  { id: uuid(), at: ago(900), actor: 'agent:unknown', action: 'agent.enroll', outcome: 'refused', address: '203.0.113.9', reason: 'join token was used before' },
]
const volumeExceptions = [{ connection: ref(connections[1]), kind: 'volume', partition: label('DC1'), status: 'denied', error: 'ServerFaultCode: Permission to perform this operation was denied.', advice: 'Give the role of this account the privilege Datastore.Browse on the datastore folder.', run_id: runs.find((r) => r.state === 'partial').id, last_complete: ago(2e5) }]
export function coverage(kind) {
  const exceptions = kind && kind !== 'volume' ? [] : volumeExceptions
  const scopes = kind ? { server: 5, volume: 5, network: 4, cluster: 2, network_interface: 1 }[kind] ?? 0 : 17
  return { as_of: scopes ? ago(exceptions.length ? 2e5 : 420) : undefined, scopes, complete: scopes - exceptions.length, unwatched: !kind || kind === 'server' ? 1 : 0, held: !kind || kind === 'server' ? removals.filter((r) => r.state === 'held').length : 0, exceptions }
}
for (const d of datacenters) for (const [kind, list] of resources) d.counts[kind] = list.filter((r) => r.datacenter?.id === d.id && r.state === 'active').length
