// A form that refuses to be sent leads to the first of its fields that is wrong: it may stand far below what is in sight.
import { useEffect, useRef, useState } from 'react'

export function useFirstWrong() {
  const form = useRef<HTMLFormElement>(null)
  const [refused, setRefused] = useState(0)
  useEffect(() => {
    if (refused === 0) return
    const first = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')
    first?.scrollIntoView({ block: 'center' })
    first?.focus({ preventScroll: true })
  }, [refused])
  return { form, refuse: () => setRefused((n) => n + 1) }
}
