// The list as a file. All that a filter finds the browser fetches by itself, so that no page has to hold it; what is ticked is
// named in a request, since thousands of ids fit into no address.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Popover } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useState } from 'react'

import { addressOf } from '../../api/address'
import { api } from '../../api/client'
import type { KindInfo } from '../../api/types'
import { count } from '../../format/units'
import type { Column } from '../../kinds/fields'
import { say } from '../../parts/toast'
import { mostTicked } from './Bulk'

interface Props {
  kind: KindInfo
  filter: string
  ids: ReadonlySet<string> | undefined
  what: string
  tooMany: boolean
  orderBy: string
  asOf: string | undefined
  columns: Column[]
}

export function Export({ kind, filter, ids, what, tooMany, orderBy, asOf, columns }: Props) {
  const [whole, setWhole] = useState(false)
  const [busy, setBusy] = useState('')
  const names = whole ? [] : ['id', ...columns.map((c) => c.id)]
  const at = (format: string) => addressOf('/api/v1/exports/{kind}', { kind: kind.name }, { format, filter, order_by: orderBy, as_of: asOf, columns: names.join(',') })
  const named = async (format: string, ids: ReadonlySet<string>) => {
    setBusy(format)
    try {
      const file = URL.createObjectURL(await api.exportChosen(kind.name, { ids: [...ids], format, order_by: orderBy, columns: names }))
      const link = document.createElement('a')
      link.href = file
      link.download = `${kind.name}.${format}`
      link.click()
      setTimeout(() => URL.revokeObjectURL(file), 60_000)
    } catch (err) {
      say(err instanceof Error ? err.message : t`The file was not made`)
    }
    setBusy('')
  }
  const byName = ids && !asOf
  return (
    <Popover position="bottom-end" width={260}>
      <Popover.Target>
        <Button leftSection={<IconDownload size={15} aria-hidden />}><Trans>Export</Trans></Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack-s">
          <p className="muted">{tooMany ? t`More than ${count(mostTicked)} rows are ticked: select all that a filter finds instead.` : t`${byName ? what : t`All that this filter finds`}, as a file that can be edited and imported again.`}</p>
          <Checkbox label={t`All fields, not only these columns`} checked={whole} onChange={(e) => setWhole(e.currentTarget.checked)} />
          <div className="row">
            {tooMany ? null : ['csv', 'xlsx', 'json'].map((f) => byName
              ? <Button key={f} loading={busy === f} onClick={() => void named(f, ids)}>{f.toUpperCase()}</Button>
              : <Button key={f} component="a" href={at(f)} download={`${kind.name}.${f}`}>{f.toUpperCase()}</Button>)}
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  )
}
