// Instead of "there is none": what is said to who does not read the whole tenant, of which nobody can say that to him.
import { Trans } from '@lingui/react/macro'
import { IconLock } from '@tabler/icons-react'

import { Empty } from './States'

export function Hidden({ title }: { title: string }) {
  return (
    <Empty icon={<IconLock size={26} stroke={1.4} aria-hidden />} title={title}>
      <Trans>Connections and their runs are shown to who was given a right on them, or reads the whole tenant.</Trans>
    </Empty>
  )
}
