// How many notifications wait to be read, wherever one is.
import { plural, t } from '@lingui/core/macro'
import { ActionIcon } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconBell } from '@tabler/icons-react'
import { Link } from 'react-router'

import { useLater } from '../api/later'
import { q } from '../api/queries'
import css from './Bell.module.css'

export function Bell() {
  const unread = useQuery({ ...q.unread(), enabled: useLater() }).data?.unread ?? 0
  return (
    <ActionIcon component={Link} to="/notifications" size="lg" className={css.bell} aria-label={unread ? t`Notifications, ${plural(unread, { one: '# one', other: '# ones' })} not read` : t`Notifications`}>
      <IconBell size={19} stroke={1.7} aria-hidden />
      {unread ? <span className={css.count} aria-hidden>{unread > 99 ? '99+' : unread}</span> : null}
    </ActionIcon>
  )
}
