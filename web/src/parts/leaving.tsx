// Asks before what was typed into a form is lost: by going to another page, by closing the tab, or by closing the form.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { useEffect, useRef, useState } from 'react'
import { useBlocker } from 'react-router'

import { Confirm } from './Confirm'

/** `leave` does what leads away, at once or once that is confirmed; `dialog` belongs into the page while `asking`. */
export function useLeaving(dirty: boolean) {
  const free = useRef(false)
  const blocker = useBlocker(() => dirty && !free.current)
  const [then, setThen] = useState<(() => void) | null>(null)

  useEffect(() => {
    if (!dirty) return
    const warn = (e: BeforeUnloadEvent) => e.preventDefault()
    window.addEventListener('beforeunload', warn)
    return () => window.removeEventListener('beforeunload', warn)
  }, [dirty])

  const blocked = blocker.state === 'blocked'
  const stay = () => {
    setThen(null)
    if (blocked) blocker.reset()
  }
  const go = async () => {
    free.current = true
    if (blocked) blocker.proceed()
    then?.()
  }
  return {
    asking: blocked || then !== null,
    leave: (way: () => void) => {
      if (dirty) setThen(() => way)
      else way()
    },
    dialog: blocked || then ? (
      <Confirm title={t`Leave without saving?`} verb={t`Leave`} danger onClose={stay} onConfirm={go}>
        <p><Trans>What you changed in this form is lost.</Trans></p>
      </Confirm>
    ) : null,
  }
}
