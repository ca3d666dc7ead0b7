import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query'

import { api } from '../api/client'
import { forgetEarly } from '../api/early'
import { place } from '../api/place'
import { q } from '../api/queries'
import type { Session } from '../api/types'
import { adopt } from '../texts/language'

/** Who is signed in. Pages below the frame can count on somebody. */
export function useSession(): Session | null {
  return useQuery(q.session()).data ?? null
}

/** Whether the caller may do something in the whole tenant; the collector decides again anyway. */
export const useMay = (action: Action) => useSession()?.actions.includes(action) ?? false

/** Whether there may be an object that the caller may do something with: the collector decides for each. */
export const useMaySomewhere = (action: Action) => useSession()?.somewhere.includes(action) ?? false

/** Whether the caller may read anything at all here. Who may not is asked to nothing that would only be refused. */
export const useReads = () => useMaySomewhere('read')

/** Whether the caller reads all of the tenant: whoever does not cannot be told that there is none of something, only that none is shown to him. */
export const useReadsAll = () => useMay('read')

/** What the pages ask about; all that there is comes from the collector. */
export type Action =
  | 'agent.manage' | 'approval.manage' | 'audit.verify' | 'connection.edit' | 'connection.manage' | 'cost.edit' | 'datacenter.manage' | 'grant.manage' | 'kind.approve' | 'kind.define' | 'mapping.manage' | 'options.manage' | 'removal.decide'
  | 'read' | 'settings.read' | 'resource.edit' | 'role.manage' | 'run.request' | 'team.manage' | 'tenant.manage' | 'token.manage' | 'user.manage' | 'view.share'

/** Another caller, or none: nothing that the one before was shown may stay. The same one again goes on where he was. */
export function enter(client: QueryClient, session: Session | null) {
  const before = client.getQueryData(q.session().queryKey)
  const same = before && session && before.username === session.username && before.tenant === session.tenant && String(before.somewhere) === String(session.somewhere)
  if (!same) forgetEarly()
  if (!same) client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' })
  place.set(session?.tenant ?? '')
  client.setQueryData(q.session().queryKey, session)
  client.setQueryData(q.expired().queryKey, false)
  if (session && !same) adopt(session.language)
  if (same) void client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'session' })
}

export function useSignOut() {
  const client = useQueryClient()
  return async () => {
    const elsewhere = client.getQueryData(q.session().queryKey)?.sign_out_url
    await api.delete('/api/v1/session').catch(() => undefined)
    if (elsewhere) window.location.assign(elsewhere)
    enter(client, null)
  }
}
