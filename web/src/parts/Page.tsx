import { t } from '@lingui/core/macro'
import { useEffect, type ReactNode } from 'react'
import { Link } from 'react-router'

import css from './Page.module.css'

interface Props {
  title: string
  /** What is shown instead of the title, when it needs more than text. */
  heading?: ReactNode
  trail?: { to: string; label: string }[]
  facts?: ReactNode
  actions?: ReactNode
  children: ReactNode
  /** The page fills the window and scrolls inside itself. */
  fill?: boolean
  narrow?: boolean
}

export function Page({ title, heading, trail, facts, actions, children, fill, narrow }: Props) {
  useEffect(() => {
    // eslint-disable-next-line lingui/no-unlocalized-strings -- the product's name
    document.title = `${title} · Maestro`
  }, [title])
  return (
    <div className={`${css.page} ${fill ? css.fill : ''} ${narrow ? css.narrow : ''}`}>
      <header className={css.head}>
        <div className="grow">
          {trail?.length ? (
            <nav aria-label={t`Where this page belongs`} className={css.trail}>
              {trail.map((it) => (
                <Link key={it.to} to={it.to}>{it.label}</Link>
              ))}
            </nav>
          ) : null}
          <h1>{heading ?? title}</h1>
          {facts ? <div className={css.facts}>{facts}</div> : null}
        </div>
        {actions ? <div className={css.actions}>{actions}</div> : null}
      </header>
      {children}
    </div>
  )
}

export function Panel({ title, actions, children, flush, id }: { title?: ReactNode; actions?: ReactNode; children: ReactNode; flush?: boolean; id?: string }) {
  return (
    <section className="panel" id={id}>
      {title ? (
        <header>
          <h2>{title}</h2>
          {actions}
        </header>
      ) : null}
      <div className={flush ? 'body flush' : 'body'}>{children}</div>
    </section>
  )
}
