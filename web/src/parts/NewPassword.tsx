import { t } from '@lingui/core/macro'
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
  const show = { 'aria-label': t`Show or hide the password` }
  const differ = again !== '' && next !== again
  return (
    <>
      <PasswordInput label={t`New password`} size={small ? 'xs' : 'sm'} description={small ? undefined : t`At least 12 characters.`} autoComplete="new-password" required value={next} onChange={(e) => onNext(e.currentTarget.value)} error={error} visibilityToggleButtonProps={show} autoFocus={focus} />
      <PasswordInput label={t`New password again`} size={small ? 'xs' : 'sm'} autoComplete="new-password" required value={again} onChange={(e) => onAgain(e.currentTarget.value)} error={differ ? t`The two differ.` : undefined} visibilityToggleButtonProps={show} />
    </>
  )
}
