// The as-of clock: now, or a moment in the past. The moment is in the address, so that the past can be linked to.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Popover, TextInput } from '@mantine/core'
import { IconClock } from '@tabler/icons-react'
import { useState } from 'react'
import { useLocation, useSearchParams } from 'react-router'

import { localInput, parseTime } from '../format/time'
import { useNow, When } from '../parts/When'
import css from './Frame.module.css'

/** The moment asked for, if the page shows the past. */
export function useAsOf(): string | undefined {
  const [params] = useSearchParams()
  const text = params.get('as_of')
  const at = parseTime(text)
  // The collector counts microseconds and a Date milliseconds: the moment of a change must not become the one before it.
  return at && text ? (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? text : at.toISOString()) : undefined
}

/** What a link adds to stay at the moment that the page shows. */
export function asOfSearch(asOf: string | undefined): string {
  return asOf ? `?as_of=${encodeURIComponent(asOf)}` : ''
}

export function AsOfClock() {
  const { pathname } = useLocation()
  const now = useNow()
  const asOf = useAsOf()
  const [params, setParams] = useSearchParams()
  const [open, setOpen] = useState(false)
  const [text, setText] = useState('')
  // Only the inventory can be shown as it was, and the address space that is made of it.
  if (!pathname.startsWith('/inventory/') && !/^\/prefixes(\/|$)/.test(pathname)) return null
  const set = (at: Date | null) => {
    const next = new URLSearchParams(params)
    if (at) next.set('as_of', at.toISOString())
    else next.delete('as_of')
    setParams(next)
    setOpen(false)
  }
  const typed = parseTime(text)
  const ago = (hours: number) => new Date(now - hours * 3_600_000)
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus>
      <Popover.Target>
        <button type="button" className={css.clock} data-past={asOf ? true : undefined} onClick={() => { setText(localInput(asOf ? new Date(asOf) : new Date(now))); setOpen(!open) }}>
          <IconClock size={15} aria-hidden />
          <span className="hidden-visually"><Trans>As of</Trans></span>
          {asOf ? <When at={asOf} clock /> : t`Now`}
        </button>
      </Popover.Target>
      <Popover.Dropdown>
        <form className="stack-s" onSubmit={(e) => { e.preventDefault(); if (typed) set(typed) }}>
          <TextInput type="datetime-local" label={t`Show the inventory as of`} value={text} onChange={(e) => setText(e.currentTarget.value)} max={localInput(new Date(now))} />
          <div className="row">
            <Button type="submit" variant="filled" disabled={!typed}><Trans>Show</Trans></Button>
            <Button onClick={() => set(ago(1))}><Trans>1 h ago</Trans></Button>
            <Button onClick={() => set(ago(24))}><Trans>Yesterday</Trans></Button>
            {asOf ? <Button onClick={() => set(null)}><Trans>Now</Trans></Button> : null}
          </div>
        </form>
      </Popover.Dropdown>
    </Popover>
  )
}
