// What pages show only after something was done or has happened, for the pictures: dialogs, and states that a fresh demo does
// not have. prepare() records what they need; the pictures' own server is thrown away afterwards.
import { ask, settled } from './browser.mjs'
import { make, send } from './tools.mjs'

/** Records people, teams, saved lists and rules that disagree; answers the scenes: [name, path, what is done there]. */
export async function prepare(facts, world) {
  const connection = world.connection.id
  for (const username of ['berta', 'karim']) await send(facts, 'POST', '/users', { username, role: 'none' })
  const team = await send(facts, 'POST', '/teams', { name: 'Storage and databases, follow the sun', members: [{ username: 'berta', role: 'lead' }, { username: 'karim', role: 'member' }] })
  for (const target of [{ kind: world.kind, id: world.resource.id }, { kind: 'connection', id: connection }]) await send(facts, 'POST', '/grants', { subject: { type: 'team', id: team.id }, right: 'write', target })
  for (const [name, kind, filter, shared] of [['Databases that are on', 'server', 'name ~ db AND power_state = on', true], ['Large disks', 'volume', 'size_bytes > 100000000000', false]]) await send(facts, 'POST', '/views', { name, kind, filter, shared })
  const { version, rules } = await ask(facts, '/mapping')
  await send(facts, 'PUT', '/mapping', { rules: [...rules, { name: 'all of Frankfurt is production', set: 'environment', from: ['region'], pattern: 'Frankfurt', value: 'production' }], spellings: [{ key: 'environment', also: ['env', 'stage'] }], policy: [{ key: 'owner', kinds: ['server'] }] }, { 'If-Match': `"${version}"` })
  for (const name of ['billing', 'shop']) await make(facts, 'system', { name })

  const button = (page, name) => page.getByRole('button', { name }).first()
  const rejected = { items: [
    { scope: 's1', kind: 'server', external_id: '6d616573-7472-4f2d-a4e5/vm-730', hash: 'x', partition: [{ key: 'datacenter', value: 'Frankfurt' }], reason: '/attributes/cpu_count: must be an integer, is "four"', rejected_at: new Date(Date.now() - 7_200_000).toISOString() },
    { scope: 's1', kind: 'server', external_id: '6d616573-7472-4f2d-a4e5/vm-731', hash: 'x', reason: 'internal: the store did not take it', kept_bytes: 812, rejected_at: new Date(Date.now() - 60_000).toISOString() },
  ] }
  return [
    ['saved-lists', `/inventory/server`, (page) => button(page, 'Views').click()],
    ['facets', '/inventory/server?facets=1'],
    ['selection', '/inventory/server', async (page) => { for (const row of [0, 2, 3]) await page.locator(`[data-row="${row}"] input[type=checkbox]`).check() }],
    ['copy-as', '/inventory/server?filter=power_state+%3D+on', (page) => button(page, 'This list as a command or an API call').click()],
    ['staleness', '/settings', (page) => button(page, 'Edit the rule of silence').click()],
    ['rejected', `/connections/${connection}`, (page) => page.getByRole('heading', { name: /^Rejected/ }).scrollIntoViewIfNeeded(), { '/rejected': rejected }],
    ['sealed', `/connections/${connection}`, async (page) => { await button(page, 'Enter it').click(); await page.getByRole('dialog').waitFor() }],
    ['access-granted', `/inventory/${world.kind}/${world.resource.id}?tab=access`],
    ['teams-full', '/settings/teams'],
    ['team-edit', '/settings/teams', (page) => button(page, 'Make a team').click()],
    ['conflicts', '/mapping', async (page) => { await button(page, 'Find conflicts').click(); await page.getByRole('heading', { name: /^Conflicts between rules/ }).waitFor(); await page.getByRole('heading', { name: /^Conflicts between rules/ }).scrollIntoViewIfNeeded() }],
    ['rule', '/mapping', (page) => button(page, 'environment from tags').click()],
    ['past', `/inventory/server?as_of=${encodeURIComponent(new Date(Date.now() - 1000).toISOString())}`],
    ['add-by-hand', '/inventory/server', (page) => button(page, 'Add by hand').click()],
    ['keys', '/', (page) => page.keyboard.press('?')],
  ]
}

/** Shows a scene: goes there, with answers put in place of the collector's, and does what is done. */
export async function show(page, facts, [, path, act, instead = {}]) {
  await page.route((url) => Object.keys(instead).some((end) => url.pathname.endsWith(end)), (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(Object.entries(instead).find(([end]) => new URL(route.request().url()).pathname.endsWith(end))[1]) }))
  await page.goto(facts.url + path)
  await settled(page)
  await act?.(page)
  await settled(page)
}
