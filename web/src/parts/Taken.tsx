// Warns while a form is filled that a name or an address is in use already. A warning and no more: two things may have one.
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
  const what = (['name', 'address'] as const).filter((w) => found.some((t) => t.what.includes(w))).join(' or ')
  return (
    <p role="status">
      {found.length ? (
        <>
          <Mark state="degraded" /> {found.length === 1 ? 'One has' : 'Some have'} this {what} already:{' '}
          {found.map((t) => <span key={t.resource.id}><Link to={`/inventory/${t.resource.kind}/${t.resource.id}`}><Foreign text={t.resource.name || t.resource.id} max={60} /></Link> </span>)}
        </>
      ) : null}
    </p>
  )
}
