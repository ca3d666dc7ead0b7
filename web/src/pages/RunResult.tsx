// What a run did, in a few words.
import { plural, t } from '@lingui/core/macro'
import type { Run } from '../api/types'
import { moving } from '../api/queries'
import { count } from '../format/units'
import { human } from '../format/text'

export function resultWords(r: Run): string {
  if (moving(r)) {
    if (r.state === 'queued') return t`waits for its agent`
    const part = r.scopes_total ? t`${count(r.scopes_done)} of ${plural(r.scopes_total, { one: '# scope', other: '# scopes' })}` : human(r.phase || 'planning').toLowerCase()
    return r.listed ? t`${part}, ${count(r.listed)} read` : part
  }
  if (r.unchanged) return t`nothing changed`
  const parts = [
    r.created ? t`${count(r.created)} new` : '',
    r.updated ? t`${count(r.updated)} changed` : '',
    r.returned ? t`${count(r.returned)} returned` : '',
    r.gone ? t`${count(r.gone)} gone` : '',
    r.held ? t`${count(r.held)} held` : '',
    r.rejected ? t`${count(r.rejected)} rejected` : '',
  ].filter(Boolean)
  if (parts.length) return parts.join(', ')
  // A run that had nothing to read says why: "waiting for the first upload".
  if (r.state === 'succeeded' && !r.plan_complete && !r.scopes_total && r.warnings?.length) return r.warnings[0]!.split(':')[0]!
  return r.state === 'failed' ? r.error || t`failed` : r.state === 'canceled' ? t`canceled` : t`nothing changed`
}

export function RunResult({ run }: { run: Run }) {
  return <bdi title={run.error || undefined}>{resultWords(run)}</bdi>
}
