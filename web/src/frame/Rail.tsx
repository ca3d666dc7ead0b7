import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconActivity, IconArrowsJoin2, IconBuilding, IconChecklist, IconFileImport, IconHierarchy, IconHistory, IconGavel, IconHome, IconPlugConnected, IconRobot, IconSettings, IconTag, IconTransform, IconTrashX } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { NavLink } from 'react-router'

import { useLater } from '../api/later'
import { q } from '../api/queries'
import type { KindInfo, Summary } from '../api/types'
import { count } from '../format/units'
import { Foreign } from '../parts/Text'
import { asOfSearch, useAsOf } from './AsOf'
import css from './Rail.module.css'
import { KindIcon } from './icons'
import { RailViews } from './RailViews'
import { useReads, useSession } from './session'

const groups: [key: string, title: string][] = [
  ['compute', t`Compute`],
  ['storage', t`Storage`],
  ['network', t`Network`],
  ['data', t`Data and services`],
  ['business', t`Business`],
  ['other', t`Other`],
]

const size = 16

interface Item {
  to: string
  label: string
  icon: ReactNode
  count?: number | undefined
  badge?: number | undefined
}

export function Rail({ closed }: { closed: boolean }) {
  const reads = useReads()
  const kinds = useQuery({ ...q.kinds(), enabled: reads })
  const asOf = useAsOf()
  const search = asOfSearch(asOf)
  const enabled = useLater() && reads
  const summary = useQuery({ ...q.summary(asOf), enabled })
  const reviews = useQuery({ ...q.reviews('state = open'), enabled })
  const approvals = useQuery({ ...q.approvals('state = pending'), enabled })
  const counts = new Map((summary.data?.kinds ?? []).map((k) => [k.kind, k.active]))
  const version = useSession()?.version
  const of = (group: string) =>
    (kinds.data ?? []).filter((k) => k.approval === 'approved' && known(k.group) === group && (counts.get(k.name) ?? 0) + (k.built_in ? 0 : 1) > 0)
  // Nothing of these is known yet; people may record some all the same.
  const more = (kinds.data ?? []).filter((k) => k.approval === 'approved' && k.built_in && !counts.get(k.name)).sort((a, b) => a.plural.localeCompare(b.plural))
  const anything = groups.some(([g]) => of(g).length)
  return (
    <nav className={css.rail} data-closed={closed || undefined} aria-label={t`Main`}>
      <div className={css.scroll}>
        <Items closed={closed} items={[
          { to: '/', label: t`Overview`, icon: <IconHome size={size} stroke={1.6} /> },
          ...(reads ? [{ to: '/changes', label: t`Changes`, icon: <IconHistory size={size} stroke={1.6} /> }] : []),
        ]} />
        {groups.map(([key, title]) => {
          const list = of(key)
          return list.length ? (
            <Section key={key} title={title} closed={closed}>
              <Items closed={closed} items={list.map((k) => kindItem(k, counts.get(k.name), search))} />
            </Section>
          ) : null
        })}
        {!closed && summary.data && more.length ? (
          <details className={css.more}>
            <summary className={css.title}><Trans>More kinds</Trans></summary>
            <Items closed={closed} items={more.map((k) => kindItem(k, undefined, search))} />
          </details>
        ) : null}
        {!anything && kinds.data && summary.data && !closed ? <p className={css.none}><Trans>Kinds appear here once something of them is discovered or recorded.</Trans></p> : null}
        {closed ? null : <RailViews kinds={kinds.data ?? []} ready={!!kinds.data && !!summary.data} />}
        {reads ? <Work closed={closed} search={search} summary={summary.data} reviews={reviews.data?.total_size} approvals={approvals.data?.total_size} /> : null}
      </div>
      <Items closed={closed} items={[{ to: '/settings', label: t`Settings`, icon: <IconSettings size={size} stroke={1.6} /> }]} />
      {closed ? <p className={css.version} title={t`Maestro ${version || t`development build`}`}><Foreign text={version || t`dev`} max={30} /></p> : <p className={css.version}><Trans>Maestro <Foreign text={version || t`development build`} max={30} /></Trans></p>}
    </nav>
  )
}

/** How things are found, and what waits for somebody. */
function Work({ closed, search, summary, reviews, approvals }: { closed: boolean; search: string; summary: Summary | undefined; reviews: number | undefined; approvals: number | undefined }) {
  const session = useSession()
  // What would only say that one may not is left out.
  const settings = session?.actions.includes('settings.read')
  const edits = session?.somewhere.includes('resource.edit')
  return (
    <>
      <Section title={t`Discovery`} closed={closed}>
        <Items
          closed={closed}
          items={[
            { to: '/connections', label: t`Connections`, icon: <IconPlugConnected size={size} stroke={1.6} />, count: summary?.connections },
            { to: '/agents', label: t`Agents`, icon: <IconRobot size={size} stroke={1.6} />, count: summary?.agents },
            { to: '/runs', label: t`Runs`, icon: <IconActivity size={size} stroke={1.6} /> },
            { to: '/coverage', label: t`Coverage`, icon: <IconChecklist size={size} stroke={1.6} /> },
            { to: '/datacenters', label: t`Datacenters`, icon: <IconBuilding size={size} stroke={1.6} /> },
            { to: `/prefixes${search}`, label: t`Address space`, icon: <IconHierarchy size={size} stroke={1.6} /> },
          ]}
        />
      </Section>
      <Section title={t`Review`} closed={closed}>
        <Items
          closed={closed}
          items={[
            { to: '/approvals', label: t`Approvals`, icon: <IconGavel size={size} stroke={1.6} />, badge: approvals },
            { to: '/removals', label: t`Removals`, icon: <IconTrashX size={size} stroke={1.6} />, badge: summary?.held_removals },
            { to: '/reviews', label: t`Same or not`, icon: <IconArrowsJoin2 size={size} stroke={1.6} />, badge: reviews },
            { to: '/kinds', label: t`Kinds`, icon: <IconTag size={size} stroke={1.6} />, badge: summary?.pending_kinds },
            ...(settings ? [{ to: '/mapping', label: t`Mapping`, icon: <IconTransform size={size} stroke={1.6} /> }] : []),
            ...(edits ? [{ to: '/import', label: t`Import`, icon: <IconFileImport size={size} stroke={1.6} /> }] : []),
          ]}
        />
      </Section>
    </>
  )
}

const known = (group: string) => (groups.some(([g]) => g === group) ? group : 'other')

const kindItem = (k: KindInfo, n: number | undefined, search: string): Item => ({ to: `/inventory/${k.name}${search}`, label: k.plural, icon: <KindIcon kind={k} />, count: n })

function Section({ title, closed, children }: { title: string; closed: boolean; children: ReactNode }) {
  return (
    <section>
      {closed ? <hr className={css.rule} /> : <h2 className={css.title}>{title}</h2>}
      {children}
    </section>
  )
}

function Items({ items, closed }: { items: Item[]; closed: boolean }) {
  return (
    <ul>
      {items.map((i) => {
        const link = (
          <NavLink to={i.to} end={i.to === '/'} className={css.item} aria-label={closed ? i.label : undefined}>
            <span className={css.icon}>{i.icon}</span>
            {closed ? null : <span className="clip grow">{i.label}</span>}
            {closed || i.count === undefined ? null : <span className={css.count}>{count(i.count)}</span>}
            {i.badge ? <span className={css.badge} aria-label={t`${i.badge} to decide`}>{closed ? '' : count(i.badge)}</span> : null}
          </NavLink>
        )
        return <li key={i.to}>{closed ? <Tooltip label={i.label} position="right">{link}</Tooltip> : link}</li>
      })}
    </ul>
  )
}
