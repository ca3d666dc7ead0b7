// A certificate that nobody on the agent's machine trusts, and the click that writes its hash into the settings. Told as the provider's
// plugin met it; what it is compared with is with the server's administrator, never here.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useState } from 'react'

import type { CheckItem, Plugin } from '../api/types'
import { at, put } from '../format/pointer'
import { absolute, parseTime } from '../format/time'
import { inputsOf, type SchemaNode } from '../forms/schema'
import { useNow } from '../parts/When'
import { ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import css from './CertificateOffer.module.css'

export type Certificate = NonNullable<CheckItem['certificate']>

/** The setting that would trust it: a text that decides where the credential goes. What an agent sends is not believed to be one. */
const settingFor = (plugin: Plugin | undefined, c: Certificate) => (plugin?.settings ? inputsOf(plugin.settings as SchemaNode) : []).find((i) => i.pointer === c.setting && i.type === 'text' && i.target && !i.secret)

/** Whether a certificate can be in the way of this provider at all. */
export const pinsCertificates = (plugin: Plugin | undefined) => (plugin?.settings ? inputsOf(plugin.settings as SchemaNode) : []).some((i) => i.type === 'text' && i.target && !i.required && !i.secret)

interface Props {
  certificate: Certificate
  plugin: Plugin | undefined
  settings: unknown
  /** Saves the settings; absent where they cannot be changed. */
  onTrust?: ((settings: unknown) => Promise<unknown>) | undefined
}

export function CertificateOffer({ certificate: c, plugin, settings, onTrust }: Props) {
  const now = useNow()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const setting = settingFor(plugin, c)
  const before = setting ? at(settings, setting.pointer) : undefined
  const other = typeof before === 'string' && before !== ''
  const [from, until] = [parseTime(c.not_before), parseTime(c.not_after)]
  const trust = async () => {
    setBusy(true)
    setError(null)
    try {
      await onTrust!(put(settings ?? {}, c.setting, c.sha256))
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <section className={css.offer} data-other={other || undefined} data-testid="certificate" aria-label={t`The server’s certificate`}>
      <p><strong>{other ? t`The server shows another certificate than the one the settings trust.` : t`Nobody whom the agent’s machine trusts has signed the server’s certificate.`}</strong></p>
      <dl>
        <div><dt>SHA-256</dt><dd><code className={css.sum}>{c.sha256}</code></dd></div>
        {other ? <div><dt><Trans>In the settings</Trans></dt><dd><code className={css.sum}><Foreign text={before} max={120} /></code></dd></div> : null}
        {c.subject ? <div><dt><Trans>Made for</Trans></dt><dd><Foreign text={c.subject} max={200} /></dd></div> : null}
        {c.issuer ? <div><dt><Trans>Issued by</Trans></dt><dd>{c.issuer === c.subject ? t`itself` : <Foreign text={c.issuer} max={200} />}</dd></div> : null}
        {from && until ? <div><dt><Trans>Valid</Trans></dt><dd>{until.getTime() < now ? t`until ${absolute(until)}: it has expired` : t`from ${absolute(from)} until ${absolute(until)}`}</dd></div> : null}
      </dl>
      <p>{other
        ? <Trans>Either it was renewed, or somebody sits in between and would be given the password. Ask the server’s administrator for its SHA-256 before you trust this one.</Trans>
        : <Trans>Compare the SHA-256 with the one that the server’s administrator reads on the server itself: whoever sat in between would show one of their own, and be given the password.</Trans>}</p>
      {error ? <ProblemPanel error={error} compact /> : null}
      {onTrust && setting ? (
        <div className="row"><Button onClick={() => void trust()} loading={busy}><Trans>I have compared it: trust this one</Trans></Button><span className="muted"><Trans>It is written into “{setting.label}”.</Trans></span></div>
      ) : null}
    </section>
  )
}
