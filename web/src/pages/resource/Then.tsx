// The as-of slider: the resource as it was after any of its changes, beside what it is now.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { q } from '../../api/queries'
import type { Change, KindInfo } from '../../api/types'
import { absolute, parseTime } from '../../format/time'
import { actionWord } from '../../parts/Diff'
import { Panel } from '../../parts/Page'
import { SideBySide } from '../../parts/SideBySide'
import { Loading, ProblemPanel } from '../../parts/States'
import { When } from '../../parts/When'
import css from './Resource.module.css'

/** `changes` are the newest first, as the history lists them; there are at least two. */
export function Then({ kind, id, changes, info }: { kind: string; id: string; changes: readonly Change[]; info: KindInfo | undefined }) {
  const [params] = useSearchParams()
  const asOf = parseTime(params.get('as_of'))
  const stops = [...changes].reverse()
  const last = stops.length - 1
  const [chosen, setChosen] = useState<string | null>(null)
  // The page may already stand in the past; else one begins at the change before the newest.
  const past = asOf ? stops.findLastIndex((c) => (parseTime(c.at)?.getTime() ?? 0) <= asOf.getTime()) : last - 1
  const index = chosen === null ? Math.max(0, past) : Math.max(0, stops.findIndex((c) => c.id === chosen))
  const stop = useDeferredValue(stops[index]!)
  const compared = useQuery({ ...q.compareResource(kind, id, stop.at), placeholderData: keepPreviousData })
  const at = parseTime(stops[index]!.at)
  const words = t`version ${stops[index]!.version}, ${actionWord(stops[index]!.action)}, ${at ? absolute(at) : ''}`
  const link = new URLSearchParams(params)
  link.delete('tab')
  link.set('as_of', stop.at)
  return (
    <Panel title={t`Then and now`} actions={<Button component={Link} to={`?${link.toString()}`}><Trans>See the whole page as it was then</Trans></Button>}>
      <div className="stack-s">
        <label className={css.slider}>
          <span className="hidden-visually"><Trans>The moment to compare with now</Trans></span>
          <span className="muted">{stops[0]!.action === 'created' ? t`first seen` : t`version ${stops[0]!.version}`}</span>
          <input type="range" min={0} max={last} step={1} value={index} aria-valuetext={words} onChange={(e) => setChosen(stops[Number(e.currentTarget.value)]!.id)} />
          <span className="muted"><Trans>newest</Trans></span>
        </label>
        <p role="status"><strong><Trans>Version {stops[index]!.version}</Trans></strong> <span className="muted">{actionWord(stops[index]!.action)}</span> <When at={stops[index]!.at} /></p>
        {compared.error && !compared.data ? <ProblemPanel error={compared.error} compact retry={() => void compared.refetch()} /> : !compared.data ? <Loading what={t`the comparison`} lines={2} /> : (
          <SideBySide label={t`Then and now`} diff={compared.data.diff} kind={info} before={<><Trans>then, <When at={stop.at} clock /></Trans></>} after="now" />
        )}
      </div>
    </Panel>
  )
}
