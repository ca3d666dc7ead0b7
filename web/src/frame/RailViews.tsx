// Saved lists in the rail, by kind. They are asked for once the rest of the rail is there: nobody waits for them.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'

import { q } from '../api/queries'
import type { KindInfo } from '../api/types'
import { addressOfView, byKind } from '../kinds/views'
import { Foreign } from '../parts/Text'
import css from './Rail.module.css'
import { KindIcon } from './icons'

/** More than these are found in Ctrl-K and in their lists. */
const most = 20

export function RailViews({ kinds, ready }: { kinds: readonly KindInfo[]; ready: boolean }) {
  const views = useQuery({ ...q.views(), enabled: ready })
  const [params] = useSearchParams()
  const groups = byKind((views.data?.items ?? []).slice(0, most), kinds)
  if (!groups.length) return null
  return (
    <section>
      <h2 className={css.title}><Trans>Saved lists</Trans></h2>
      <ul>
        {groups.flatMap(({ kind, views }) => views.map((v) => (
          <li key={v.id}>
            <Link to={addressOfView(v)} className={css.item} aria-current={params.get('view') === v.id ? 'page' : undefined} title={`${kind.plural}${v.shared ? t`, everybody’s` : ''}`}>
              <span className={css.icon}><KindIcon kind={kind} /></span>
              <span className="clip grow"><Foreign text={v.name} max={40} /></span>
            </Link>
          </li>
        )))}
      </ul>
    </section>
  )
}
