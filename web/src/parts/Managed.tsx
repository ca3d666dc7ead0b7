// Where a thing is kept by documents: whoever edits it here should know that the next "maestro apply" may write it anew.
import { Trans } from '@lingui/react/macro'
import { Foreign } from './Text'

export function Managed({ by }: { by: string | undefined }) {
  return by ? <span title="maestro apply made it from documents, and keeps it"><Trans>kept by the documents “<Foreign text={by} max={40} />”</Trans></span> : null
}

export function ManagedNote({ by }: { by: string | undefined }) {
  return by ? (
    <p className="muted" role="note">
      <Trans>This is kept by the documents “<Foreign text={by} max={40} />”. What they say about it is written again by the next <code>maestro apply</code>: change it there too.</Trans>
    </p>
  ) : null
}
