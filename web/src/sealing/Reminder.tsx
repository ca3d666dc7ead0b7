// After how many days sealed credentials are due to be rotated.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, NumberInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import { ProblemPanel } from '../parts/States'
import { say } from '../parts/toast'

export function Reminder({ due, may }: { due: number; may: boolean }) {
  const rotation = useQuery(q.credentialRotation())
  const [open, setOpen] = useState(false)
  if (!rotation.data) return null
  const days = rotation.data.every_days
  return (
    <span>
      {days === 0 ? t`Nobody is reminded to rotate them.` : `${plural(days, { one: 'Due after # day', other: 'Due after # days' })}: ${due === 0 ? t`none now` : plural(due, { one: '# now', other: '# now' })}.`}{' '}
      {may ? <button type="button" className="link" aria-label={t`Change the reminder`} onClick={() => setOpen(true)}><Trans>Change</Trans></button> : null}
      {open ? <EditReminder days={days} onClose={() => setOpen(false)} /> : null}
    </span>
  )
}

function EditReminder({ days, onClose }: { days: number; onClose: () => void }) {
  const client = useQueryClient()
  const [value, setValue] = useState(days || 90)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const save = async (every: number) => {
    setBusy(true)
    setError(null)
    try {
      await api.put('/api/v1/credential-rotation', { body: { every_days: every } })
      void client.invalidateQueries({ queryKey: ['sealed'] })
      say(t`The reminder is saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={t`When a credential is due`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void save(value) }}>
        <p><Trans>Counted from the day it was entered. What is due says so here and at its connection; nothing stops working.</Trans></p>
        <NumberInput label={t`Days`} min={1} max={3650} allowDecimal={false} value={value} onChange={(v) => setValue(Number(v))} />
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" loading={busy} disabled={value < 1}><Trans>Save</Trans></Button>
          {days ? <Button onClick={() => void save(0)}><Trans>No reminder</Trans></Button> : null}
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}
