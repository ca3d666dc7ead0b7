// Every page is loaded when it is first asked for; the frame and the tables come with the first load.
import { lazy, type ComponentType } from 'react'
import { createBrowserRouter } from 'react-router'

import { Root, RouteBroke } from './frame/Root'

type Load = () => Promise<{ default: ComponentType }>

const pages: [path: string, load: Load][] = [
  ['inventory/:kind', () => import('./pages/Inventory')],
  ['inventory/:kind/:id', () => import('./pages/Resource')],
  ['connections', () => import('./pages/Connections')],
  ['connections/health', () => import('./pages/Health')],
  ['connections/import', () => import('./pages/ConnectionsImport')],
  ['connections/setup', () => import('./pages/wizard/Wizard')],
  ['connections/new', () => import('./pages/ConnectionEdit')],
  ['connections/credentials', () => import('./pages/Credentials')],
  ['connections/:id', () => import('./pages/Connection')],
  ['connections/:id/edit', () => import('./pages/ConnectionEdit')],
  ['connections/:id/access', () => import('./pages/AccessPage').then((m) => ({ default: m.ConnectionAccess }))],
  ['runs', () => import('./pages/Runs')],
  ['runs/:id', () => import('./pages/Run')],
  ['agents', () => import('./pages/Agents')],
  ['agents/:id', () => import('./pages/Agent')],
  ['why', () => import('./pages/Why')],
  ['coverage', () => import('./pages/Coverage')],
  ['datacenters', () => import('./pages/Datacenters')],
  ['datacenters/:id', () => import('./pages/Datacenter')],
  ['datacenters/:id/access', () => import('./pages/AccessPage').then((m) => ({ default: m.DatacenterAccess }))],
  ['prefixes', () => import('./pages/Prefixes')],
  ['prefixes/:id', () => import('./pages/Prefix')],
  ['approvals', () => import('./pages/Approvals')],
  ['approvals/:id', () => import('./pages/Approval')],
  ['removals', () => import('./pages/Removals')],
  ['reviews', () => import('./pages/Reviews')],
  ['kinds', () => import('./pages/Kinds')],
  ['mapping', () => import('./pages/Mapping')],
  ['import', () => import('./pages/Import')],
  ['changes', () => import('./pages/Changes')],
  ['notifications', () => import('./pages/Notifications')],
  ['settings/users', () => import('./pages/Users')],
  ['settings/roles', () => import('./pages/Roles')],
  ['settings/teams', () => import('./pages/Teams')],
  ['settings/tenants', () => import('./pages/Tenants')],
  ['mine', () => import('./pages/Mine')],
  ['account', () => import('./pages/Account')],
  ['settings', () => import('./pages/Settings')],
  ['*', () => import('./pages/NotFound')],
]

const element = (load: Load) => {
  const Component = lazy(load)
  return <Component />
}

export const router = createBrowserRouter([
  {
    path: '/',
    element: <Root />,
    errorElement: <RouteBroke />,
    children: [
      { index: true, element: element(() => import('./pages/Overview')) },
      ...pages.map(([path, load]) => ({ path, element: element(load), errorElement: <RouteBroke /> })),
    ],
  },
])
