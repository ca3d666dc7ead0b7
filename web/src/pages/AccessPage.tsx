// Who may do what with a connection or a datacenter: what is granted here holds for everything that it leads to.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { useParams } from 'react-router'

import { asProblem } from '../api/problem'
import { q } from '../api/queries'
import { Page } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { Access } from './resource/Access'

interface Props {
  kind: 'connection' | 'datacenter'
}

function AccessPage({ kind }: Props) {
  const { id = '' } = useParams()
  const connection = useQuery({ ...q.connection(id), enabled: kind === 'connection' })
  const datacenter = useQuery({ ...q.datacenter(id), enabled: kind === 'datacenter' })
  useQuery(q.access(kind, id)) // asked together
  const { data, error, refetch } = kind === 'connection' ? connection : datacenter
  const all = kind === 'connection' ? { to: '/connections', label: t`Connections` } : { to: '/datacenters', label: t`Datacenters` }
  const page = (body: React.ReactNode) => (
    <Page
      title={data ? t`Access to ${data.name}` : t`Access`}
      heading={data ? <Trans>Access to <Foreign text={data.name} max={120} /></Trans> : undefined}
      trail={[all, ...(data ? [{ to: `${all.to}/${id}`, label: data.name }] : [])]}
    >
      {body}
    </Page>
  )
  if (error && !data) return page(asProblem(error).status === 404 ? <Empty title={t`There is nothing here that you may see`} /> : <ProblemPanel error={error} retry={() => void refetch()} />)
  if (!data) return page(<Loading what={t`who may do what`} />)
  return page(<Access kind={kind} id={id} />)
}

export const ConnectionAccess = () => <AccessPage kind="connection" />
export const DatacenterAccess = () => <AccessPage kind="datacenter" />
