import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import type { ReactNode } from 'react'

import type { SessionInfo } from '../api/types'
import { State } from '../parts/marks'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import css from './Sessions.module.css'

/** Where somebody is signed in. What a browser calls itself is foreign text. */
export function SessionList({ rows, action }: { rows: readonly SessionInfo[]; action?: (s: SessionInfo) => ReactNode }) {
  if (rows.length === 0) return <p className="muted"><Trans>No session is open.</Trans></p>
  return (
    <ul className={css.sessions} aria-label={t`Sessions`}>
      {rows.map((s) => (
        <li key={s.id}>
          <div>
            <Trans><strong><Foreign text={browserName(s.browser)} max={60} /></strong> from <span className="mono"><Foreign text={s.address || t`unknown`} max={45} /></span>
            <p className="muted">used <When at={s.last_used} />, began <When at={s.started_at} />, ends <When at={s.expires_at} /></p></Trans>
          </div>
          {s.current ? <State state="active" word={t`this one`} /> : action?.(s)}
        </li>
      ))}
    </ul>
  )
}

/** browserName makes "Firefox on Linux" of what browsers say; what it does not know stays as it is. */
export function browserName(text: string): string {
  // eslint-disable-next-line lingui/no-unlocalized-strings -- names of products
  const names: [RegExp, string][] = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'], [/Safari\//, 'Safari']]
  // eslint-disable-next-line lingui/no-unlocalized-strings -- names of products
  const systems: [RegExp, string][] = [[/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux']]
  const name = names.find(([r]) => r.test(text))?.[1]
  const system = systems.find(([r]) => r.test(text))?.[1]
  if (!name) return text || t`An unknown program`
  return system ? t`${name} on ${system}` : name
}
