// What pages ask for. One place says how each thing is called in the cache and how often it is asked for again.
import { QueryCache, QueryClient, keepPreviousData, queryOptions } from '@tanstack/react-query'

import { api } from './client'
import { kindsPage } from './early'
import { bell, every, live as stream } from './live'
import { place } from './place'
import { Problem } from './problem'
import type { KindInfo, Run, SealedCredential, Session } from './types'
import { inLanguage, pluginInLanguage } from '../kinds/language'
import { named } from '../texts/language'

export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    // What is refused after it was shown, or is no more, is not left standing as if it were only from before.
    onError: (err, query) => {
      if (err instanceof Problem && (err.status === 403 || err.status === 404) && query.state.data !== undefined) query.setState({ data: undefined, dataUpdatedAt: 0 })
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 30 * 60_000,
      refetchOnWindowFocus: true,
      // The collector away is worth another try; what it refused it will refuse again.
      retry: (n, err) => n < 2 && err instanceof Problem && !err.late && (err.status === 0 || err.status === 502 || err.status === 503),
      retryDelay: (n) => 1000 * (n + 1),
    },
  },
})

const slow = 30_000
const soon = 1_500
const all = { page_size: 1000 }

/** Runs that still move are asked for every two seconds, unless events tell of them. */
export const moving = (r: Pick<Run, 'state'>) => r.state === 'queued' || r.state === 'running'
/** A new credential that the agent tries just now. */
const isTried = (x: Pick<SealedCredential, 'candidate'>) => x.candidate?.state === 'checking'
const fast = (ms: number) => (stream.stands() ? 15_000 : ms)
export const pace = (runs: readonly Run[] | undefined, idle = 10_000) => (runs?.some(moving) ? fast(2000) : every(idle)())

/** The moment as a parameter, if the page shows the past. */
const then = (asOf: string | undefined) => (asOf ? { as_of: asOf } : {})

export const q = {
  session: () =>
    queryOptions({
      queryKey: ['session'],
      queryFn: async ({ signal, client }): Promise<Session | null> => {
        try {
          const session = await api.get('/api/v1/session', { signal })
          place.set(session.tenant)
          return session
        } catch (err) {
          // 403 is a tenant that has shut its people out; signing in again leads to another, or says so.
          if (!(err instanceof Problem) || (err.status !== 401 && err.status !== 403)) throw err
          // Who was signed in stays on the page, and is asked to sign in again over it.
          const before = client.getQueryData<Session | null>(['session']) ?? null
          if (before) client.setQueryData(['session', 'expired'], true)
          return before
        }
      },
      staleTime: 60_000,
    }),
  expired: () => queryOptions({ queryKey: ['session', 'expired'], queryFn: (): boolean => false, enabled: false, initialData: false, staleTime: Infinity }),
  kinds: () =>
    queryOptions({
      queryKey: ['kinds'],
      queryFn: async ({ signal }): Promise<KindInfo[]> => (await api.get('/api/v1/kinds', { query: kindsPage, signal })).items.map(inLanguage),
      staleTime: 60_000,
      refetchInterval: every(120_000),
    }),
  /** The kinds of a tenant that this window is not in. */
  kindsOf: (tenant: string) =>
    queryOptions({
      queryKey: ['kinds', 'of', tenant],
      queryFn: async ({ signal }): Promise<KindInfo[]> => (await api.get('/api/v1/kinds', { query: kindsPage, signal, tenant })).items.map(inLanguage),
      staleTime: 60_000,
      enabled: tenant !== '',
    }),
  summary: (asOf?: string) =>
    queryOptions({ queryKey: asOf ? ['summary', asOf] : ['summary'], queryFn: ({ signal }) => api.get('/api/v1/summary', { query: then(asOf), signal }), refetchInterval: asOf ? false : every(10_000) }),
  coverage: (kind?: string) =>
    queryOptions({
      queryKey: ['coverage', kind ?? ''],
      queryFn: ({ signal }) => api.get('/api/v1/coverage', { query: kind ? { kind } : {}, signal }),
      refetchInterval: every(slow),
    }),
  coverageOfKinds: () =>
    queryOptions({ queryKey: ['coverage', 'kinds'], queryFn: ({ signal }) => api.get('/api/v1/coverage/kinds', { query: all, signal }), refetchInterval: every(slow) }),
  why: (asked: { name: string; kind: string; connection: string }) =>
    queryOptions({
      queryKey: ['why', asked],
      queryFn: ({ signal }) => api.get('/api/v1/why', { query: { name: asked.name, ...(asked.kind ? { kind: asked.kind } : {}), ...(asked.connection ? { connection: asked.connection } : {}) }, signal }),
      enabled: asked.name.trim() !== '',
    }),
  reference: () => queryOptions({ queryKey: ['reference'], queryFn: ({ signal }) => api.get('/api/v1/reference', { query: all, signal }), staleTime: 600_000 }),
  resourceCoverage: (kind: string, id: string) =>
    queryOptions({
      queryKey: ['resource-coverage', kind, id],
      queryFn: ({ signal }) => api.get('/api/v1/resources/{kind}/{id}/coverage', { path: { kind, id }, query: { page_size: 500 }, signal }),
      refetchInterval: slow,
    }),
  rejected: (id: string) =>
    queryOptions({ queryKey: ['connections', id, 'rejected'], queryFn: ({ signal }) => api.get('/api/v1/connections/{id}/rejected', { path: { id }, signal }), refetchInterval: slow }),
  search: (text: string) =>
    queryOptions({
      queryKey: ['search', text],
      queryFn: ({ signal }) => api.get('/api/v1/resources', { query: { q: text, page_size: 12 }, signal }),
      placeholderData: keepPreviousData,
      enabled: text.trim() !== '',
    }),
  facets: (kind: string, filter: string, fields = '', asOf?: string) =>
    queryOptions({
      queryKey: ['facets', kind, filter, fields, asOf ?? ''],
      queryFn: ({ signal }) => api.get('/api/v1/resources/{kind}/facets', { path: { kind }, query: { filter, fields, ...then(asOf) }, signal }),
      placeholderData: keepPreviousData,
      staleTime: slow,
    }),
  views: () => queryOptions({ queryKey: ['views'], queryFn: ({ signal }) => api.get('/api/v1/views', { query: all, signal }), staleTime: slow }),
  resource: (kind: string, id: string, asOf?: string) =>
    queryOptions({
      queryKey: ['resource', kind, id, asOf ?? ''],
      queryFn: ({ signal }) =>
        api.get('/api/v1/resources/{kind}/{id}', { path: { kind, id }, query: asOf ? { as_of: asOf } : {}, signal }),
      refetchInterval: asOf ? false : every(slow),
    }),
  relations: (kind: string, id: string, asOf?: string) =>
    queryOptions({
      queryKey: ['relations', kind, id, asOf ?? ''],
      queryFn: ({ signal }) => api.get('/api/v1/resources/{kind}/{id}/relations', { path: { kind, id }, query: { page_size: 500, ...(asOf ? { as_of: asOf } : {}) }, signal }),
      refetchInterval: asOf ? false : every(slow),
    }),
  compareResource: (kind: string, id: string, since: string) =>
    queryOptions({
      queryKey: ['resource', kind, id, 'since', since],
      queryFn: ({ signal }) => api.get('/api/v1/resources/{kind}/{id}/compare', { path: { kind, id }, query: { since }, signal }),
    }),
  connections: () =>
    queryOptions({
      queryKey: ['connections'],
      queryFn: ({ signal }) => api.get('/api/v1/connections', { query: all, signal }),
      refetchInterval: (query) => pace(query.state.data?.items.flatMap((c) => (c.last_run ? [c.last_run] : []))),
    }),
  health: () =>
    queryOptions({ queryKey: ['connections', 'health'], queryFn: ({ signal }) => api.get('/api/v1/connections/health', { query: all, signal }), refetchInterval: every(slow) }),
  connection: (id: string) =>
    queryOptions({
      queryKey: ['connections', id],
      queryFn: ({ signal }) => api.get('/api/v1/connections/{id}', { path: { id }, signal }),
      refetchInterval: (query) => pace(query.state.data?.last_run ? [query.state.data.last_run] : []),
    }),
  files: (id: string) =>
    queryOptions({
      queryKey: ['connections', id, 'files'],
      queryFn: ({ signal }) => api.get('/api/v1/connections/{id}/files', { path: { id }, query: { page_size: 200, order_by: 'name' }, signal }),
      refetchInterval: slow,
    }),
  sealed: () => queryOptions({ queryKey: ['sealed'], queryFn: ({ signal }) => api.get('/api/v1/sealed-credentials', { query: { page_size: 1000 }, signal }), refetchInterval: (list) => ((list.state.data?.items ?? []).some(isTried) ? soon : slow) }),
  sealedOf: (id: string) => queryOptions({ queryKey: ['sealed', id], queryFn: ({ signal }) => api.get('/api/v1/sealed-credentials/{id}', { path: { id }, signal }), refetchInterval: (one) => (one.state.data && isTried(one.state.data) ? soon : slow) }),
  credentialRotation: () => queryOptions({ queryKey: ['sealed', 'rotation'], queryFn: ({ signal }) => api.get('/api/v1/credential-rotation', { signal }) }),
  recoveryKey: () => queryOptions({ queryKey: ['sealed', 'recovery-key'], queryFn: ({ signal }) => api.get('/api/v1/recovery-key', { signal }) }),
  operations: () =>
    queryOptions({
      queryKey: ['operations'],
      queryFn: ({ signal }) => api.get('/api/v1/operations', { query: { page_size: 30 }, signal }),
      refetchInterval: (query) => (query.state.data?.items.some((o) => o.state === 'running') ? 2000 : 30_000),
    }),
  operation: (id: string) =>
    queryOptions({
      queryKey: ['operations', id],
      queryFn: ({ signal }) => api.get('/api/v1/operations/{id}', { path: { id }, signal }),
      refetchInterval: (query) => (query.state.data && query.state.data.state !== 'running' ? false : 700),
      enabled: id !== '',
    }),
  importMappings: () =>
    queryOptions({ queryKey: ['import-mappings'], queryFn: ({ signal }) => api.get('/api/v1/import-mappings', { query: all, signal }), staleTime: 60_000 }),
  runs: (filter: string, size = 50) =>
    queryOptions({
      queryKey: ['runs', filter, size],
      queryFn: ({ signal }) => api.get('/api/v1/runs', { query: { filter, page_size: size }, signal }),
      refetchInterval: (query) => pace(query.state.data?.items),
      placeholderData: keepPreviousData,
    }),
  run: (id: string) =>
    queryOptions({
      queryKey: ['run', id],
      queryFn: ({ signal }) => api.get('/api/v1/runs/{id}', { path: { id }, signal }),
      refetchInterval: (query) => (query.state.data && moving(query.state.data) ? fast(1500) : false),
    }),
  runScopes: (id: string, live: boolean) =>
    queryOptions({
      // What was read while it went is asked for once more when it has ended.
      queryKey: ['run', id, 'scopes', live ? 'live' : 'ended'],
      placeholderData: keepPreviousData,
      staleTime: 0,
      queryFn: ({ signal }) => api.get('/api/v1/runs/{id}/scopes', { path: { id }, query: all, signal }),
      refetchInterval: live ? () => fast(1500) : false,
    }),
  pluginVersions: () => queryOptions({ queryKey: ['plugin-versions'], queryFn: ({ signal }) => api.get('/api/v1/plugin-versions', { query: all, signal }), refetchInterval: 10_000 }),
  agents: () => queryOptions({ queryKey: ['agents'], queryFn: ({ signal }) => api.get('/api/v1/agents', { query: all, signal }), refetchInterval: every(10_000) }),
  agent: (id: string) =>
    queryOptions({
      queryKey: ['agents', id],
      queryFn: ({ signal }) => api.get('/api/v1/agents/{id}', { path: { id }, signal }),
      refetchInterval: (query) => (query.state.data?.drain?.state === 'draining' ? 2000 : every(10_000)()),
    }),
  joinTokens: () =>
    queryOptions({ queryKey: ['join-tokens'], queryFn: ({ signal }) => api.get('/api/v1/join-tokens', { query: all, signal }), refetchInterval: every(10_000) }),
  plugins: () =>
    queryOptions({ queryKey: ['plugins'], queryFn: async ({ signal }) => { const list = await api.get('/api/v1/plugins', { query: all, signal }); return { ...list, items: list.items.map(pluginInLanguage) } }, staleTime: slow, refetchInterval: slow }),
  datacenters: () =>
    queryOptions({
      queryKey: ['datacenters'],
      queryFn: ({ signal }) => api.get('/api/v1/datacenters', { query: all, signal }),
      staleTime: slow,
      refetchInterval: every(60_000),
    }),
  datacenter: (id: string) =>
    queryOptions({ queryKey: ['datacenters', 'one', id], queryFn: ({ signal }) => api.get('/api/v1/datacenters/{id}', { path: { id }, signal }), refetchInterval: every(60_000) }),
  origins: (id: string) =>
    queryOptions({ queryKey: ['datacenters', 'origins', id], queryFn: ({ signal }) => api.get('/api/v1/datacenters/{id}/origins', { path: { id }, signal }), refetchInterval: every(60_000) }),
  capacity: (id: string) =>
    queryOptions({ queryKey: ['datacenters', 'capacity', id], queryFn: ({ signal }) => api.get('/api/v1/datacenters/{id}/capacity', { path: { id }, signal }), staleTime: slow }),
  routingDomains: (asOf?: string) =>
    queryOptions({ queryKey: ['routing-domains', asOf ?? ''], queryFn: ({ signal }) => api.get('/api/v1/routing_domains', { query: { ...all, ...then(asOf) }, signal }), staleTime: slow }),
  prefixes: (domain: string, asOf?: string) =>
    queryOptions({ queryKey: ['prefixes', domain, asOf ?? ''], queryFn: ({ signal }) => api.get('/api/v1/prefixes', { query: { ...all, domain, ...then(asOf) }, signal }), refetchInterval: asOf ? false : every(60_000) }),
  prefix: (id: string, asOf?: string) =>
    queryOptions({ queryKey: ['prefixes', 'one', id, asOf ?? ''], queryFn: ({ signal }) => api.get('/api/v1/prefixes/{id}', { path: { id }, query: then(asOf), signal }) }),
  prefixAddresses: (id: string, asOf?: string) =>
    queryOptions({ queryKey: ['prefixes', 'addresses', id, asOf ?? ''], queryFn: ({ signal }) => api.get('/api/v1/prefixes/{id}/addresses', { path: { id }, query: { ...all, ...then(asOf) }, signal }) }),
  mapping: () =>
    queryOptions({ queryKey: ['mapping'], queryFn: ({ signal }) => api.get('/api/v1/mapping', { signal }), refetchInterval: (x) => (x.state.data?.job?.running ? 2000 : slow) }),
  options: () =>
    queryOptions({ queryKey: ['options'], queryFn: async ({ signal }) => { const lists = await api.get('/api/v1/option-lists', { signal }); return { ...lists, items: lists.items.map((l) => ({ ...l, label: named(l.label) })) } }, staleTime: 60_000 }),
  unread: () => queryOptions({ queryKey: bell, queryFn: ({ signal }) => api.get('/api/v1/notifications/unread', { signal }), refetchInterval: every(slow) }),
  notifications: (asked: { filter: string; unread: boolean; page: number }) =>
    queryOptions({
      queryKey: ['notifications', asked],
      queryFn: ({ signal }) => api.get('/api/v1/notifications', { query: { page_size: asked.page, ...(asked.filter ? { filter: asked.filter } : {}), ...(asked.unread ? { unread: true } : {}) }, signal }),
      placeholderData: keepPreviousData,
      refetchInterval: slow,
    }),
  subscriptions: () => queryOptions({ queryKey: ['subscriptions'], queryFn: ({ signal }) => api.get('/api/v1/subscriptions', { query: all, signal }), staleTime: slow }),
  staleness: () =>
    queryOptions({ queryKey: ['staleness'], queryFn: ({ signal }) => api.get('/api/v1/staleness', { signal }) }),
  compliance: () =>
    queryOptions({ queryKey: ['mapping', 'compliance'], queryFn: ({ signal }) => api.get('/api/v1/mapping/compliance', { signal }) }),
  mappingHistory: () =>
    queryOptions({ queryKey: ['mapping', 'history'], queryFn: ({ signal }) => api.get('/api/v1/mapping/history', { signal }) }),
  approvals: (filter: string) =>
    queryOptions({ queryKey: ['approvals', filter], queryFn: ({ signal }) => api.get('/api/v1/approvals', { query: { filter, page_size: 200 }, signal }), refetchInterval: every(slow) }),
  approval: (id: string) =>
    queryOptions({ queryKey: ['approvals', 'one', id], queryFn: ({ signal }) => api.get('/api/v1/approvals/{id}', { path: { id }, signal }), refetchInterval: every(slow) }),
  approvalRules: () => queryOptions({ queryKey: ['approval-rules'], queryFn: ({ signal }) => api.get('/api/v1/approval-rules', { signal }) }),
  removals: (filter = '') =>
    queryOptions({ queryKey: ['removals', filter], queryFn: ({ signal }) => api.get('/api/v1/removals', { query: { filter, page_size: 200 }, signal }), refetchInterval: every(slow) }),
  reviews: (filter = '') =>
    queryOptions({ queryKey: ['reviews', filter], queryFn: ({ signal }) => api.get('/api/v1/review-items', { query: { filter, page_size: 200 }, signal }), refetchInterval: every(slow) }),
  taken: (kind: string, name: string, datacenter: string, more: { address?: string; except?: string } = {}) =>
    queryOptions({
      queryKey: ['taken', kind, name, datacenter, more],
      queryFn: ({ signal }) => api.get('/api/v1/taken', { query: { kind, name, datacenter, ...more }, signal }),
      placeholderData: keepPreviousData,
      enabled: name !== '' || !!more.address,
    }),
  removal: (id: string) =>
    queryOptions({ queryKey: ['removals', 'one', id], queryFn: ({ signal }) => api.get('/api/v1/removals/{id}', { path: { id }, signal }) }),
  users: () => queryOptions({ queryKey: ['users'], queryFn: ({ signal }) => api.get('/api/v1/users', { query: all, signal }) }),
  roles: () => queryOptions({ queryKey: ['roles'], queryFn: ({ signal }) => api.get('/api/v1/roles', { query: all, signal }) }),
  permissionGroups: () => queryOptions({ queryKey: ['permission-groups'], queryFn: ({ signal }) => api.get('/api/v1/permission-groups', { query: all, signal }) }),
  actions: () => queryOptions({ queryKey: ['actions'], queryFn: ({ signal }) => api.get('/api/v1/actions', { query: all, signal }) }),
  everybody: () => queryOptions({ queryKey: ['everybody'], queryFn: ({ signal }) => api.get('/api/v1/everybody', { signal }) }),
  places: () => queryOptions({ queryKey: ['places'], queryFn: ({ signal }) => api.get('/api/v1/session/tenants', { query: all, signal }), staleTime: 60_000 }),
  mine: () => queryOptions({ queryKey: ['mine'], queryFn: ({ signal }) => api.get('/api/v1/mine', { query: all, signal }), refetchInterval: slow }),
  searchMine: (text: string) =>
    queryOptions({
      queryKey: ['mine', 'search', text],
      queryFn: ({ signal }) => api.get('/api/v1/mine/search', { query: { q: text, page_size: 100 }, signal }),
      placeholderData: keepPreviousData,
      enabled: text.trim() !== '',
    }),
  tenants: () => queryOptions({ queryKey: ['tenants'], queryFn: ({ signal }) => api.get('/api/v1/tenants', { query: all, signal }) }),
  tenantMembers: (id: string) => queryOptions({ queryKey: ['tenants', id, 'members'], queryFn: ({ signal }) => api.get('/api/v1/tenants/{id}/members', { path: { id }, query: all, signal }), enabled: id !== '' }),
  tenantGroups: () => queryOptions({ queryKey: ['tenant-groups'], queryFn: ({ signal }) => api.get('/api/v1/tenant-groups', { query: all, signal }) }),
  pictures: () => queryOptions({ queryKey: ['pictures'], queryFn: ({ signal }) => api.get('/api/v1/pictures', { query: all, signal }), staleTime: 60_000 }),
  teams: () => queryOptions({ queryKey: ['teams'], queryFn: ({ signal }) => api.get('/api/v1/teams', { query: all, signal }) }),
  access: (kind: string, id: string) =>
    queryOptions({ queryKey: ['access', kind, id], queryFn: ({ signal }) => api.get('/api/v1/access/{kind}/{id}', { path: { kind, id }, signal }), retry: false }),
  userSessions: (username: string) =>
    queryOptions({ queryKey: ['sessions', username], queryFn: ({ signal }) => api.get('/api/v1/users/{username}/sessions', { path: { username }, query: all, signal }) }),
  ways: () => queryOptions({ queryKey: ['session', 'ways'], queryFn: ({ signal }) => api.get('/api/v1/session/ways', { signal }), staleTime: Infinity }),
  profile: () => queryOptions({ queryKey: ['profile'], queryFn: ({ signal }) => api.get('/api/v1/session/profile', { signal }), refetchOnWindowFocus: false }),
  ownSessions: () => queryOptions({ queryKey: ['sessions'], queryFn: ({ signal }) => api.get('/api/v1/session/sessions', { query: all, signal }) }),
  tokens: () => queryOptions({ queryKey: ['tokens'], queryFn: ({ signal }) => api.get('/api/v1/tokens', { query: all, signal }) }),
  latestChanges: (size: number) =>
    queryOptions({
      queryKey: ['changes', 'latest', size],
      queryFn: ({ signal }) => api.get('/api/v1/changes', { query: { page_size: size }, signal }),
      refetchInterval: every(10_000),
    }),
}
