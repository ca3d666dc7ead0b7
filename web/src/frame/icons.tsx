// Icons of kinds. A kind names a Tabler icon; the ones that are likely are here, the rest get one for their group,
// so that the first page need not load five thousand icons.
import {
  IconApps, IconBox, IconBriefcase, IconCamera, IconCertificate, IconCloud, IconCpu, IconDatabase, IconDeviceSdCard, IconDisc, IconFolder, IconKey, IconNetwork,
  IconPackage, IconPhoto, IconPlugConnected, IconRoute, IconRouter, IconServer, IconServer2, IconShield, IconSitemap, IconStack2, IconTopologyRing, IconUsers, IconWorld,
  type Icon,
} from '@tabler/icons-react'

const byName: Record<string, Icon> = {
  server: IconServer, 'server-2': IconServer2, network: IconNetwork, sitemap: IconSitemap, database: IconDatabase, disc: IconDisc, 'device-sd-card': IconDeviceSdCard,
  stack: IconStack2, 'stack-2': IconStack2, cpu: IconCpu, camera: IconCamera, photo: IconPhoto, route: IconRoute, router: IconRouter, shield: IconShield, key: IconKey,
  world: IconWorld, cloud: IconCloud, package: IconPackage, apps: IconApps, users: IconUsers, briefcase: IconBriefcase, folder: IconFolder, certificate: IconCertificate,
  'plug-connected': IconPlugConnected, 'topology-ring': IconTopologyRing, box: IconBox, topology: IconTopologyRing,
}
const byKind: Record<string, Icon> = {
  server: IconServer, cluster: IconTopologyRing, volume: IconDisc, storage_pool: IconStack2, storage_system: IconServer2, network: IconSitemap, network_interface: IconPlugConnected,
  subnet: IconNetwork, database: IconDatabase, application: IconApps, image: IconPhoto, snapshot: IconCamera, key_pair: IconKey, router: IconRouter, security_group: IconShield,
}
const byGroup: Record<string, Icon> = { compute: IconCpu, storage: IconStack2, network: IconNetwork, data: IconDatabase, business: IconBriefcase }

export function KindIcon({ kind, size = 16 }: { kind: { name: string; icon?: string; group?: string }; size?: number }) {
  const Found = byName[(kind.icon ?? '').replace(/^(Icon|ti-)/, '').toLowerCase()] ?? byKind[kind.name] ?? byGroup[kind.group ?? ''] ?? IconBox
  return <Found size={size} stroke={1.6} aria-hidden />
}
