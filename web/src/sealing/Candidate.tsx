// A new credential that is not used yet: the agent tries it, and the one in use stays until it works.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { SealedCredential } from '../api/types'
import { actor } from '../format/text'
import { PermissionList } from '../pages/PermissionCheck'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { ProblemPanel } from '../parts/States'
import { Foreign, Quote } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Seal.module.css'
import { candidateState, candidateWord } from './words'

export function Candidate({ of, may, onAgain }: { of: SealedCredential; may: boolean; onAgain: () => void }) {
  const client = useQueryClient()
  const kinds = useQuery(q.kinds())
  const [asking, setAsking] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const x = of.candidate
  if (!x) return null
  const id = of.connection.id
  const again = async () => {
    setBusy(true)
    setError(null)
    try {
      client.setQueryData(q.sealedOf(id).queryKey, await api.post('/api/v1/sealed-credentials/{id}/candidate/check', { path: { id } }))
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  const refused = x.state === 'refused'
  return (
    <section className={css.candidate} aria-label={t`New credential`} data-testid="candidate">
      <h3><Trans>New credential</Trans> <State state={candidateState(x.state)} word={candidateWord(x.state)} /></h3>
      <p className="muted"><Foreign text={(x.variables ?? []).join(', ')} mono /> <Trans>entered <When at={x.sealed_at} /> by <Foreign text={actor(x.sealed_by).name} max={60} /></Trans></p>
      {refused ? (
        <>
          <p>{of.state === 'none' ? t`It does not work, so it is not used.` : t`It does not work, so the one in use stays.`} {x.checked_at ? <span className="muted"><Trans>Checked <When at={x.checked_at} /></Trans></span> : null}</p>
          {x.report ? <PermissionList check={{ busy: false, result: { state: 'done', report: x.report } }} kinds={kinds.data ?? []} /> : x.error ? <Quote text={x.error} tone="bad" /> : null}
        </>
      ) : (
        <>
          <p>{of.state === 'none' ? t`It is used as soon as the agent has found that it works.` : t`The agent tries it. The one in use stays until it works.`}</p>
          {x.error ? <Quote text={x.error} /> : null}
        </>
      )}
      {error ? <ProblemPanel error={error} compact /> : null}
      {may ? (
        <div className="row">
          {refused ? <Button loading={busy} onClick={() => void again()}><Trans>Check it again</Trans></Button> : null}
          {refused ? <Button onClick={onAgain}><Trans>Enter another</Trans></Button> : null}
          <Button onClick={() => setAsking(true)}><Trans>Discard …</Trans></Button>
        </div>
      ) : null}
      {asking ? (
        <Confirm
          title={t`Discard the new credential of ${of.connection.name ?? ''}`}
          verb={t`Discard it`}
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await api.delete('/api/v1/sealed-credentials/{id}/candidate', { path: { id } })
            void client.invalidateQueries({ queryKey: ['sealed'] })
            say(t`The new credential is discarded`)
          }}
        >
          <p>{of.state === 'none' ? t`Nothing is used in its place.` : t`The one in use stays. The new one can be entered again.`}</p>
        </Confirm>
      ) : null}
    </section>
  )
}
