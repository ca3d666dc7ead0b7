// Pictures of people and teams: beside their names in lists, and where one is chosen.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Avatar, Button, FileButton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'

import { q } from '../api/queries'
import { ProblemPanel } from './States'
import { say } from './toast'

type Kind = 'user' | 'team' | 'tenant'

/** What finds the picture of an owner, a user by name or a team by id; pictures that one may not see are as none. */
export function usePictures(): (kind: Kind, owner: string) => string | undefined {
  const list = useQuery(q.pictures()).data?.items
  return (kind, owner) => list?.find((p) => p.owner_kind === kind && p.owner === (kind === 'user' ? owner.toLowerCase() : owner))?.id
}

/** A small face beside a name, which says the name already. */
export const Face = ({ name, picture, size = 22 }: { name: string; picture: string | undefined; size?: number }) => (
  <Avatar size={size} name={name} src={picture ? `/api/v1/pictures/${picture}` : null} alt="" aria-hidden color="gray" />
)

interface ChoiceProps {
  /** Whether there is one to remove. */
  there: boolean
  /** What is said when it is done. */
  saved: string
  removed: string
  onChoose: (file: File) => Promise<unknown>
  onRemove: () => Promise<unknown>
  /** Called after either, whether it went well or not. */
  onDone: () => void
  /** What may be chosen, in words. */
  hint: ReactNode
  before?: ReactNode
  after?: ReactNode
  filled?: boolean
}

/** Lets a picture be chosen or removed; either is done at once. */
export function PictureChoice({ there, saved, removed, onChoose, onRemove, onDone, hint, before, after, filled }: ChoiceProps) {
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const attempt = async (what: () => Promise<unknown>, done: string) => {
    setBusy(true)
    setError(null)
    try {
      await what()
      say(done)
    } catch (err) {
      setError(err)
    }
    setBusy(false)
    onDone()
  }
  return (
    <div className="stack-s">
      <div className="row">
        {before}
        <FileButton accept="image/png,image/jpeg,image/gif,image/webp" onChange={(file) => { if (file) void attempt(() => onChoose(file), saved) }}>
          {(props) => <Button {...props} {...(filled ? { variant: 'filled' } : {})} loading={busy}><Trans>Choose a picture</Trans></Button>}
        </FileButton>
        {there ? <Button disabled={busy} onClick={() => void attempt(onRemove, removed)}><Trans>Remove it</Trans></Button> : null}
        {after}
      </div>
      <p className="muted">{hint}</p>
      {error ? <ProblemPanel error={error} compact /> : null}
    </div>
  )
}

interface Props extends Pick<ChoiceProps, 'onChoose' | 'onRemove' | 'onDone'> {
  name: string
  picture: string | undefined
}

/** Shows the picture of somebody, and lets another be chosen. */
export const PictureEdit = ({ name, picture, ...rest }: Props) => (
  <PictureChoice
    {...rest}
    there={picture !== undefined}
    saved={t`The picture is saved`}
    removed={t`The picture is removed`}
    before={<Face name={name} picture={picture} size={56} />}
    hint={<Trans>PNG, JPEG, GIF or WebP of up to 4 MiB; the middle is cut out as a square.</Trans>}
  />
)
