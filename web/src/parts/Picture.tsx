// Pictures of people and teams: beside their names in lists, and where one is chosen.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Avatar, Button, FileButton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'

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

interface Props {
  name: string
  picture: string | undefined
  onChoose: (file: File) => Promise<unknown>
  onRemove: () => Promise<unknown>
  /** Called after either, whether it went well or not. */
  onDone: () => void
}

/** Shows a picture, and lets another be chosen; it is saved at once. */
export function PictureEdit({ name, picture, onChoose, onRemove, onDone }: Props) {
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
        <Face name={name} picture={picture} size={56} />
        <FileButton accept="image/png,image/jpeg,image/gif,image/webp" onChange={(file) => { if (file) void attempt(() => onChoose(file), t`The picture is saved`) }}>
          {(props) => <Button {...props} loading={busy}><Trans>Choose a picture</Trans></Button>}
        </FileButton>
        {picture ? <Button disabled={busy} onClick={() => void attempt(onRemove, t`The picture is removed`)}><Trans>Remove it</Trans></Button> : null}
      </div>
      <p className="muted"><Trans>PNG, JPEG, GIF or WebP of up to 4 MiB; the middle is cut out as a square.</Trans></p>
      {error ? <ProblemPanel error={error} compact /> : null}
    </div>
  )
}
