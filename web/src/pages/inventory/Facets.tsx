// Which values the resources found have, and how many each: ticking one is a condition of the filter, and a condition of
// the filter is ticked here.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'

import { useLater } from '../../api/later'
import { q } from '../../api/queries'
import type { KindInfo } from '../../api/types'
import { human } from '../../format/text'
import { count } from '../../format/units'
import { columnsOf } from '../../kinds/fields'
import { has, toggled } from '../../kinds/terms'
import { Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import css from './Facets.module.css'

const titles: Record<string, string> = { state: t`State`, datacenter: t`Datacenter`, region: t`Region`, tags: t`Tags`, labels: t`Labels`, zone: t`Zone` }

export function Facets({ kind, filter, onFilter, asOf }: { kind: KindInfo; filter: string; onFilter: (it: string) => void; asOf: string | undefined }) {
  const facets = useQuery({ ...q.facets(kind.name, filter, '', asOf), enabled: useLater() })
  const columns = columnsOf(kind)
  const title = (field: string) => titles[field] ?? columns.find((c) => c.id === field)?.label ?? human(field)
  if (facets.error && !facets.data) return <aside className={css.panel} aria-label={t`Facets`}><ProblemPanel error={facets.error} compact retry={() => void facets.refetch()} /></aside>
  if (!facets.data) return <aside className={css.panel} aria-label={t`Facets`}><Loading what={t`the values`} lines={6} /></aside>
  return (
    <aside className={css.panel} aria-label={t`Facets`} data-stale={facets.isPlaceholderData || undefined}>
      {facets.data.looked_through ? <p className="muted" data-testid="partial"><Trans>Much happened around this moment: counted among the first {count(facets.data.looked_through)} looked through, not among all.</Trans></p> : null}
      {facets.data.facets.filter((f) => f.values.length > 0).map((f) => (
        <section key={f.field} aria-label={title(f.field)}>
          <h2>{title(f.field)}</h2>
          <ul>
            {f.values.map((v) => {
              const text = v.label ?? (typeof v.value === 'boolean' ? (v.value ? t`yes` : t`no`) : String(v.value))
              return (
                <li key={v.where}>
                  <label>
                    <input type="checkbox" checked={has(filter, v.where)} onChange={() => onFilter(toggled(filter, v.where))} />
                    <span className="clip grow"><Foreign text={text} max={40} /></span>
                    <span className={css.count}>{count(v.count)}</span>
                  </label>
                </li>
              )
            })}
            {f.more ? <li className="muted"><Trans>and more: the filter line finds any value</Trans></li> : null}
            {f.without && f.field !== 'state' ? (
              <li>
                <label>
                  <input type="checkbox" checked={has(filter, `${f.field} = null`)} onChange={() => onFilter(toggled(filter, `${f.field} = null`))} />
                  <span className="clip grow muted"><Trans>not known</Trans></span>
                  <span className={css.count}>{count(f.without)}</span>
                </label>
              </li>
            ) : null}
          </ul>
        </section>
      ))}
      {!facets.data.looked_through && facets.data.facets.every((f) => f.values.length === 0) ? <p className="muted"><Trans>Nothing to count.</Trans></p> : null}
    </aside>
  )
}
