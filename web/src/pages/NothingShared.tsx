// The first page of who may read nothing in the tenant he is in, as everybody whom a provider lets in is at first: whom to ask, and
// where else he may read something.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconLock } from '@tabler/icons-react'

import { q } from '../api/queries'
import { useSession } from '../frame/session'
import { Page } from '../parts/Page'
import { Empty } from '../parts/States'
import { Foreign } from '../parts/Text'
import { useGo } from './mine/go'

export function NothingShared() {
  const session = useSession()
  const go = useGo()
  // Only what he may read something of comes with this.
  const others = (useQuery(q.mine()).data?.items ?? []).filter((x) => x.place.tenant !== session?.tenant)
  return (
    <Page title={t`Overview`}>
      <Empty
        icon={<IconLock size={30} stroke={1.3} aria-hidden />}
        title={t`Nothing is shared with you here yet`}
        action={others.length ? <div className="row">{others.map((x) => <Button key={x.place.tenant} onClick={() => void go(x.place.tenant, '/')}><Trans>Go to {x.place.name}</Trans></Button>)}</div> : null}
      >
        <Trans>Ask who administers <Foreign text={session?.tenant_name ?? ''} max={60} /> for a role, or for a right on what you work with. Your user name is <strong><Foreign text={session?.username ?? ''} max={60} /></strong>.</Trans>
        {others.length ? <> <Trans>Elsewhere you may read:</Trans></> : null}
      </Empty>
    </Page>
  )
}
