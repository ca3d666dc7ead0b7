// Two people wrote at the same time: what the other one wrote and what stands in this form, side by side, before anything
// is overwritten.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import type { ReactNode } from 'react'

import { human } from '../format/text'
import { differing } from '../kinds/conflict'
import { valueText } from '../kinds/value'
import css from './SideBySide.module.css'
import { Foreign } from './Text'

interface Props {
  what: string
  mine: object
  theirs: object
  busy?: boolean
  onMine: () => void
  onTheirs: () => void
  /** Values as this form shows them, where they are not text already. */
  show?: (name: string, value: unknown) => ReactNode
}

export function Conflict({ what, mine, theirs, busy, onMine, onTheirs, show }: Props) {
  const names = differing(mine, theirs)
  const of = (doc: object, name: string) => {
    const value = (doc as Record<string, unknown>)[name]
    return show?.(name, value) ?? (valueText(value) ? <Foreign text={valueText(value)} max={300} /> : <span className="muted">–</span>)
  }
  return (
    <div className={css.conflict} role="alert" data-testid="conflict">
      <p><Trans><strong>Somebody else changed {what} meanwhile.</strong> Nothing of yours is lost, and nothing of theirs yet.</Trans></p>
      {names.length ? (
        <div className={css.scroll} tabIndex={0} role="region" aria-label={t`Both versions`}>
          <table className={css.table}>
            <thead><tr><th scope="col"><Trans>Field</Trans></th><th scope="col"><Trans>There now</Trans></th><th scope="col"><Trans>Yours</Trans></th></tr></thead>
            <tbody>{names.map((n) => <tr key={n}><th scope="row">{human(n)}</th><td>{of(theirs, n)}</td><td>{of(mine, n)}</td></tr>)}</tbody>
          </table>
        </div>
      ) : <p><Trans>What they wrote is the same as what stands here.</Trans></p>}
      <div className="row"><Button loading={busy ?? false} onClick={onMine}><Trans>Save mine over it</Trans></Button><Button onClick={onTheirs}><Trans>Take theirs</Trans></Button></div>
    </div>
  )
}
