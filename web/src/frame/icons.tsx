// Icons of kinds. A kind names a Tabler icon; the ones that are likely are here, the rest get one for their group,
// so that the first page need not load five thousand icons.
import {
  IconApps, IconAppWindow, IconArrowsExchange, IconArrowsSplit2, IconAt, IconBox, IconBriefcase, IconCamera, IconCertificate, IconCloud, IconCpu, IconDatabase,
  IconDeviceSdCard, IconDisc, IconDoorExit, IconFolder, IconHexagons, IconHierarchy, IconKey, IconListCheck, IconNetwork, IconPackage, IconPhoto, IconPlug,
  IconPlugConnected, IconPuzzle, IconRoute, IconRouter, IconRuler2, IconServer, IconServer2, IconShield, IconSitemap, IconStack2, IconTopologyRing,
  IconTopologyStar3, IconUsers, IconWorld,
  type Icon,
} from '@tabler/icons-react'

const byName: Record<string, Icon> = {
  server: IconServer, 'server-2': IconServer2, network: IconNetwork, sitemap: IconSitemap, database: IconDatabase, disc: IconDisc, 'device-sd-card': IconDeviceSdCard,
  stack: IconStack2, 'stack-2': IconStack2, cpu: IconCpu, camera: IconCamera, photo: IconPhoto, route: IconRoute, router: IconRouter, shield: IconShield, key: IconKey,
  world: IconWorld, cloud: IconCloud, package: IconPackage, apps: IconApps, users: IconUsers, briefcase: IconBriefcase, folder: IconFolder, certificate: IconCertificate,
  'app-window': IconAppWindow, 'arrows-exchange': IconArrowsExchange, 'arrows-split-2': IconArrowsSplit2, at: IconAt, 'door-exit': IconDoorExit, hexagons: IconHexagons,
  hierarchy: IconHierarchy, 'list-check': IconListCheck, plug: IconPlug, puzzle: IconPuzzle, 'ruler-2': IconRuler2, 'topology-star-3': IconTopologyStar3,
  'plug-connected': IconPlugConnected, 'topology-ring': IconTopologyRing, box: IconBox, topology: IconTopologyRing,
}
const byGroup: Record<string, Icon> = { compute: IconCpu, storage: IconStack2, network: IconNetwork, data: IconDatabase, business: IconBriefcase }

export function KindIcon({ kind, size = 16 }: { kind: { name: string; icon?: string; group?: string }; size?: number }) {
  const Found = byName[(kind.icon ?? '').replace(/^(Icon|ti-)/, '').toLowerCase()] ?? byGroup[kind.group ?? ''] ?? IconBox
  return <Found size={size} stroke={1.6} aria-hidden />
}
