// What is seen of Maestro before signing in: one card on the staff lines.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import type { ReactNode } from 'react'

import { Sign } from '../frame/Sign'
import css from './SignIn.module.css'

export function Outside({ title, wide, children }: { title: string; wide?: boolean; children: ReactNode }) {
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
          <Sign size={34} />
          <h1><Trans>Maestro</Trans></h1>
        </div>
        {children}
      </div>
    </main>
  )
}
