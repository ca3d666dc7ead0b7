// One approval at an address of its own, which letters and webhooks lead to.
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { useParams } from 'react-router'

import { q } from '../api/queries'
import { Page } from '../parts/Page'
import { Loading, ProblemPanel } from '../parts/States'
import { One, sectionName } from './Approvals'

export default function ApprovalPage() {
  const { id = '' } = useParams()
  const { data, error, refetch } = useQuery(q.approval(id))
  return (
    <Page title={data ? sectionName(data.kind) : t`Approval`} trail={[{ to: '/approvals', label: t`Approvals` }]}>
      {error && !data ? <ProblemPanel error={error} retry={() => void refetch()} /> : data ? <One a={data} alone /> : <Loading what={t`the approval`} />}
    </Page>
  )
}
