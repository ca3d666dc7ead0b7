import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { IconZoomQuestion } from '@tabler/icons-react'
import { Link } from 'react-router'

import { Page } from '../parts/Page'
import { Empty } from '../parts/States'

export default function NotFound() {
  return (
    <Page title={t`No such page`}>
      <Empty
        icon={<IconZoomQuestion size={28} stroke={1.4} aria-hidden />}
        title={t`There is no page at this address`}
        action={<Button component={Link} to="/" variant="filled"><Trans>Go to the overview</Trans></Button>}
      >
        <Trans>The address may be mistyped, or from another version of Maestro.</Trans>
      </Empty>
    </Page>
  )
}
