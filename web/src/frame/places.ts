// The pages that are no list of a kind: how people call them besides their names, and what one must be allowed for them to be of
// use. The palette finds them by all of it.
import { t } from '@lingui/core/macro'

import type { Action } from './session'

export interface Place {
  to: string
  label: string
  /** Other words for it, in the reader's language. */
  words: string
  /** Without it, in the whole tenant, the page has nothing for the reader. */
  needs?: Action
}

export const places: readonly Place[] = [
  { to: '/', label: t`Overview`, words: t`home start dashboard` },
  { to: '/changes', label: t`Changes`, words: t`history compare diff` },
  { to: '/changes?tab=audit', label: t`Audit trail`, words: t`who did what log` },
  { to: '/connections', label: t`Connections`, words: t`providers sources discovery` },
  { to: '/connections/health', label: t`Health`, words: t`failing connections matrix` },
  { to: '/connections/credentials', label: t`Credentials`, words: t`passwords secrets sealed rotation recovery key` },
  { to: '/connections/import', label: t`Import connections`, words: t`many connections bulk csv`, needs: 'connection.manage' },
  { to: '/agents', label: t`Agents`, words: t`sites plugins versions` },
  { to: '/runs', label: t`Runs`, words: t`readings jobs` },
  { to: '/coverage', label: t`Coverage`, words: t`complete denied unwatched` },
  { to: '/datacenters', label: t`Datacenters`, words: t`sites regions zones` },
  { to: '/prefixes', label: t`Address space`, words: t`prefixes subnets ip addresses ranges` },
  { to: '/why', label: t`Why is it not here?`, words: t`missing not found` },
  { to: '/approvals', label: t`Approvals`, words: t`approve requests decide` },
  { to: '/removals', label: t`Removals`, words: t`removed gone held` },
  { to: '/reviews', label: t`Same or not`, words: t`duplicates merge split conflicts review` },
  { to: '/kinds', label: t`Kinds`, words: t`types custom fields schema` },
  { to: '/mapping', label: t`Mapping`, words: t`rules tag policy spellings compliance`, needs: 'settings.read' },
  { to: '/import', label: t`Import`, words: t`file csv excel upload` },
  { to: '/notifications', label: t`Notifications`, words: t`subscriptions webhooks messages bell` },
  { to: '/mine', label: t`All mine`, words: t`every tenant together` },
  { to: '/account', label: t`Profile and security`, words: t`account password second factor sessions picture` },
  { to: '/settings', label: t`Settings`, words: t`preferences appearance language theme option lists api tokens approval rules` },
  { to: '/settings/users', label: t`Users`, words: t`people accounts invite members`, needs: 'user.manage' },
  { to: '/settings/teams', label: t`Teams`, words: t`groups of people members` },
  { to: '/settings/roles', label: t`Roles`, words: t`permission groups rights access`, needs: 'settings.read' },
  { to: '/settings/tenants', label: t`Tenants`, words: t`organisations customers`, needs: 'tenant.manage' },
]

/** Whether each word that was typed is in one of the texts. */
export function meant(typed: string, ...texts: string[]): boolean {
  const all = texts.join(' ').toLowerCase()
  return typed.toLowerCase().split(/\s+/).every((w) => all.includes(w))
}
