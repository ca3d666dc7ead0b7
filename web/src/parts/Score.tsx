// A connection's runs as beats on a staff: the newest at the right, colour and shape by how it ended.
import { plural, t } from '@lingui/core/macro'
import { Tooltip } from '@mantine/core'
import { Link } from 'react-router'

import type { Run } from '../api/types'
import { absolute, parseTime } from '../format/time'
import { Mark, stateWord } from './marks'
import css from './Score.module.css'

export function Beats({ runs }: { runs: Run[] }) {
  return (
    <span className={css.staff}>
      <span className={css.beats}>
        {runs.map((r, i) => {
          const text = `${stateWord(r.state)}, ${whenText(r)}${r.unchanged ? t`, unchanged` : changes(r)}`
          return (
            <Tooltip key={r.id} label={text}>
              <Link to={`/runs/${r.id}`} aria-label={t`Run: ${text}`} className={css.beat} tabIndex={i === 0 ? undefined : -1}><Mark state={r.state} /></Link>
            </Tooltip>
          )
        })}
      </span>
    </span>
  )
}

function whenText(r: Run): string {
  const d = parseTime(r.finished_at) ?? parseTime(r.started_at) ?? parseTime(r.queued_at)
  return d ? absolute(d) : t`not begun`
}

function changes(r: Run): string {
  const n = r.created + r.updated + r.gone + r.returned
  return n ? `, ${plural(n, { one: '# change', other: '# changes' })}` : ''
}
