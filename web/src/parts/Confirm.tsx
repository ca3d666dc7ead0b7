// Asks before what cannot be taken back: names the thing and its consequences, takes a reason for the audit trail.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, Textarea } from '@mantine/core'
import { useState, type ReactNode } from 'react'

import { ProblemPanel } from './States'

interface Props {
  title: string
  children: ReactNode
  verb: string
  danger?: boolean
  /** Asks for a reason; 'required' insists on one. */
  reason?: 'optional' | 'required'
  onClose: () => void
  onConfirm: (reason: string) => Promise<unknown>
}

export function Confirm({ title, children, verb, danger, reason, onClose, onConfirm }: Props) {
  const [text, setText] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await onConfirm(text.trim())
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        className="stack"
        onSubmit={(e) => {
          e.preventDefault()
          void submit()
        }}
      >
        <div className="stack-s">{children}</div>
        {reason ? (
          <Textarea
            label={t`Reason`}
            description={t`Kept in the audit trail.`}
            required={reason === 'required'}
            value={text}
            onChange={(e) => setText(e.currentTarget.value)}
            data-autofocus
          />
        ) : null}
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" color={danger ? 'danger' : 'accent'} loading={busy}>{verb}</Button>
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}
