// What is seen of Maestro before signing in: one card on the staff lines.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'

import { q } from '../api/queries'
import { Brand } from '../frame/Brand'
import { Sign } from '../frame/Sign'
import css from './SignIn.module.css'

export function Outside({ title, wide, children }: { title: string; wide?: boolean; children: ReactNode }) {
  const ways = useQuery(q.ways())
  return (
    <main className={css.page}>
      <title>{t`${title} · Maestro`}</title>
      <div className={css.staff} aria-hidden>
        <svg viewBox="0 0 1200 800" preserveAspectRatio="none">
          <path d="M0 310h1200M0 355h1200M0 400h1200M0 445h1200M0 490h1200" stroke="var(--staff)" strokeWidth="1" vectorEffect="non-scaling-stroke" />
          <path d="M-20 720C230 420 620 210 1220 150" fill="none" stroke="var(--brand)" strokeWidth="2.5" vectorEffect="non-scaling-stroke" />
        </svg>
      </div>
      <div className={css.card} data-wide={wide || undefined}>
        <div className={css.brand}>
          {ways.data?.logo ? <><Brand logo={ways.data.logo} size={44} /><h1 className="hidden-visually"><Trans>Maestro</Trans></h1></> : <><Sign size={34} /><h1><Trans>Maestro</Trans></h1></>}
        </div>
        {children}
      </div>
    </main>
  )
}
