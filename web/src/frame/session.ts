import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Session } from '../api/types'

/** Who is signed in. Pages below the frame can count on somebody. */
export function useSession(): Session | null {
  return useQuery(q.session()).data ?? null
}

/** Whether the caller may change things; the collector decides again anyway. */
export const useAdmin = () => useSession()?.role === 'admin'

/** Another caller, or none: nothing that the one before was shown may stay. The same one again goes on where he was. */
export function enter(client: QueryClient, session: Session | null) {
  const before = client.getQueryData(q.session().queryKey)
  const same = before && session && before.username === session.username && before.tenant === session.tenant && before.role === session.role
  if (!same) client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' })
  client.setQueryData(q.session().queryKey, session)
  client.setQueryData(q.expired().queryKey, false)
  if (same) void client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'session' })
}

export function useSignOut() {
  const client = useQueryClient()
  return async () => {
    await api.delete('/api/v1/session').catch(() => undefined)
    enter(client, null)
  }
}
