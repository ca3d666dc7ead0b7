import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { ProblemPanel } from '../parts/States'
import { Outside } from './Outside'

export default function Forgotten() {
  const [who, setWho] = useState('')
  const [said, setSaid] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      setSaid((await api.post('/api/v1/session/forgotten', { body: { who: who.trim() } })).detail)
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Outside title={t`Forgotten password`}>
      {said ? (
        <div role="status" className="stack-s">
          <h2><Trans>Look into your mailbox</Trans></h2>
          <p><Trans>{said} It works for two hours.</Trans></p>
        </div>
      ) : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
          <p><Trans>A link to set another password comes by mail.</Trans></p>
          <TextInput label={t`User name or e-mail address`} size="sm" required value={who} onChange={(e) => setWho(e.currentTarget.value)} autoComplete="username" autoCapitalize="none" autoFocus />
          {error ? <ProblemPanel error={error} compact /> : null}
          <Button type="submit" variant="filled" size="sm" loading={busy} fullWidth><Trans>Send the link</Trans></Button>
        </form>
      )}
      <Link to="/"><Trans>Back to the sign-in</Trans></Link>
    </Outside>
  )
}
