// Which columns a list has, in which order, and how many of them stay in sight.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { ActionIcon, Button, Checkbox, Popover } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconColumns3, IconPin, IconPinFilled } from '@tabler/icons-react'

import type { Column } from '../../kinds/fields'
import css from './Columns.module.css'

interface Props {
  all: Column[]
  shown: Column[]
  pinned: number
  onChange: (ids: string, pinned: number) => void
}

export function Columns({ all, shown, pinned, onChange }: Props) {
  const ids = shown.slice(1).map((c) => c.id)
  const set = (next: string[], pins = pinned) => onChange(next.join(',') || 'name', Math.min(pins, next.length))
  const move = (i: number, to: number) => {
    const next = [...ids]
    next.splice(to, 0, ...next.splice(i, 1))
    set(next)
  }
  return (
    <Popover position="bottom-end" width={330}>
      <Popover.Target>
        <Button leftSection={<IconColumns3 size={15} aria-hidden />}><Trans>Columns</Trans></Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack-s">
          <ol className={css.list} aria-label={t`Columns shown`}>
            {shown.slice(1).map((c, i) => (
              <li key={c.id}>
                <Checkbox label={c.label} checked onChange={() => set(ids.filter((x) => x !== c.id), i < pinned ? pinned - 1 : pinned)} className="grow" />
                <ActionIcon size={24} aria-label={i < pinned ? t`Let ${c.label} go` : t`Keep the columns up to ${c.label} in sight`} disabled={i >= 5} onClick={() => set(ids, i < pinned ? i : i + 1)}>{i < pinned ? <IconPinFilled size={13} /> : <IconPin size={13} />}</ActionIcon>
                <ActionIcon size={24} aria-label={t`Move ${c.label} to the left`} disabled={i === 0} onClick={() => move(i, i - 1)}><IconArrowUp size={13} /></ActionIcon>
                <ActionIcon size={24} aria-label={t`Move ${c.label} to the right`} disabled={i === ids.length - 1} onClick={() => move(i, i + 1)}><IconArrowDown size={13} /></ActionIcon>
              </li>
            ))}
          </ol>
          <div className={css.rest}>
            {all.slice(1).filter((c) => !ids.includes(c.id)).map((c) => <Checkbox key={c.id} label={c.label} checked={false} onChange={() => set([...ids, c.id])} />)}
          </div>
          <Button onClick={() => onChange('', 0)}><Trans>The usual ones</Trans></Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}
