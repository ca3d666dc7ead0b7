// An administrator where a second factor is demanded: nothing but setting one up is allowed.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'

import { q } from '../api/queries'
import { useSignOut } from '../frame/session'
import { Loading, ProblemPanel } from '../parts/States'
import { Outside } from './Outside'
import { SetUpFactor } from './SecondFactor'

export default function EnrolFirst() {
  const client = useQueryClient()
  const signOut = useSignOut()
  const profile = useQuery(q.profile())
  return (
    <Outside title={t`Set up a second factor`} wide>
      <h2><Trans>A second factor is needed</Trans></h2>
      {profile.isPending ? <Loading what={t`your account`} lines={3} /> : profile.error ? <ProblemPanel error={profile.error} compact /> : profile.data.second_factor ? (
        <p><Trans>Administrators of this installation sign in with a code. You have an authenticator already: sign out, and in again with its code.</Trans></p>
      ) : (
        <>
          <p><Trans>Administrators of this installation sign in with a code. Set up an authenticator to go on.</Trans></p>
          <SetUpFactor onDone={() => void client.invalidateQueries({ queryKey: q.session().queryKey })} />
        </>
      )}
      <div><Button onClick={() => void signOut()}><Trans>Sign out</Trans></Button></div>
    </Outside>
  )
}
