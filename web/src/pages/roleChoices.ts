// What forms offer where a role or permission groups are given: only what the caller holds, since nobody gives more.
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'

import { q } from '../api/queries'
import { useMaySomewhere, useSession } from '../frame/session'

const first = [
  { name: 'admin', description: t`May do everything.`, actions: [] as string[] },
  { name: 'reader', description: t`Sees everything, changes nothing.`, actions: [] },
  { name: 'none', description: t`Has what everybody has, and what is granted.`, actions: [] },
]

export function useRoles(): { value: string; label: string }[] {
  const held = useSession()?.actions ?? []
  const settings = useMaySomewhere('settings.read')
  const roles = useQuery({ ...q.roles(), enabled: settings })
  return (roles.data?.items ?? first)
    .filter((r) => r.actions.every((a) => held.includes(a)))
    .map((r) => ({ value: r.name, label: r.description ? `${r.name}: ${r.description}` : r.name }))
}

export function useGroupNames(): string[] {
  const held = useSession()?.actions ?? []
  const settings = useMaySomewhere('settings.read')
  const groups = useQuery({ ...q.permissionGroups(), enabled: settings })
  return (groups.data?.items ?? []).filter((g) => g.actions.every((a) => held.includes(a))).map((g) => g.name)
}
