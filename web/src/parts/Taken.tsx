// Warns while a form is filled that a name or an address is in use already. A warning and no more: two things may have one.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { q } from '../api/queries'
import { Mark } from './marks'
import { Foreign } from './Text'

const addressLike = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+)$/i

interface Props {
  kind: string
  name?: string
  address?: string
  datacenter?: string
  /** The resource that is being edited. */
  except?: string
}

export function Taken({ kind, name = '', address = '', datacenter = '', except }: Props) {
  const whole = addressLike.test(address.trim()) ? address.trim() : ''
  const { data } = useQuery(q.taken(kind, name.trim(), datacenter, { ...(whole ? { address: whole } : {}), ...(except ? { except } : {}) }))
  const found = name.trim() || whole ? (data?.items ?? []) : []
  const what = (['name', 'address'] as const).filter((w) => found.some((it) => it.what.includes(w))).map((w) => (w === 'name' ? t`name` : t`address`)).join(t` or `)
  return (
    <p role="status">
      {found.length ? (
        <>
          <Trans><Mark state="degraded" /> <Plural value={found.length} one="One has" other="Some have" /> this {what} already:{' '}
          {found.map((it) => <span key={it.resource.id}><Link to={`/inventory/${it.resource.kind}/${it.resource.id}`}><Foreign text={it.resource.name || it.resource.id} max={60} /></Link> </span>)}</Trans>
        </>
      ) : null}
    </p>
  )
}
