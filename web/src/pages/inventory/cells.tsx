// How the columns of a kind look in a list, of one tenant or of several.
import { t } from '@lingui/core/macro'
import type { ReactNode } from 'react'

import type { Resource } from '../../api/types'
import { alignsRight, type Column } from '../../kinds/fields'
import type { Col } from '../../parts/DataTable'
import { Mark } from '../../parts/marks'
import { Cell } from '../../parts/ValueView'

const widths: Record<string, number> = { name: 220, tags: 220, region: 100, zone: 120, datacenter: 120 }

/** A column of a list of resources; lead is the first one's cell. */
export function tableColumn(c: Column, lead?: (r: Resource) => ReactNode): Col<Resource> {
  const right = alignsRight(c.field)
  return {
    id: c.id,
    label: c.label,
    orderBy: c.orderBy,
    right,
    width: widths[c.id] ?? (right ? 95 : c.field.type === 'time' ? 110 : c.field.enum?.length ? 105 : c.field.type === 'ip' ? 135 : c.field.type === 'boolean' ? 90 : 150),
    cell: lead ?? ((r) => cellOf(c, r)),
  }
}

function cellOf(c: Column, r: Resource) {
  const value = c.value(r)
  if (value === undefined || value === null || value === '') return null
  const stale = r.stale?.some((p) => p === c.field.pointer)
  const conflict = r.conflicts?.includes(c.field.pointer)
  return (
    <>
      <Cell value={value} field={c.field} />
      {stale ? <> <Mark state="partial" title={t`From before: it could not be read the last time`} /></> : null}
      {conflict ? <> <Mark state="degraded" title={t`The sources differ`} /></> : null}
    </>
  )
}
