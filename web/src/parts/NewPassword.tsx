import { PasswordInput } from '@mantine/core'

interface Props {
  next: string
  again: string
  onNext: (text: string) => void
  onAgain: (text: string) => void
  error?: string | undefined
  focus?: boolean
  /** As small as the fields of a page. */
  small?: boolean
}

/** A new password, typed twice. */
export function NewPassword({ next, again, onNext, onAgain, error, focus, small }: Props) {
  const show = { 'aria-label': 'Show or hide the password' }
  const differ = again !== '' && next !== again
  return (
    <>
      <PasswordInput label="New password" size={small ? 'xs' : 'sm'} description={small ? undefined : 'At least 12 characters.'} autoComplete="new-password" required value={next} onChange={(e) => onNext(e.currentTarget.value)} error={error} visibilityToggleButtonProps={show} autoFocus={focus} />
      <PasswordInput label="New password again" size={small ? 'xs' : 'sm'} autoComplete="new-password" required value={again} onChange={(e) => onAgain(e.currentTarget.value)} error={differ ? 'The two differ.' : undefined} visibilityToggleButtonProps={show} />
    </>
  )
}
