// Where a credential is typed. What is typed is encrypted here, for each connection by itself, before anything is sent.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Modal, PasswordInput, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import type { SealedCredential } from '../api/types'
import { ProblemPanel } from '../parts/States'
import { Foreign, Quote } from '../parts/Text'
import { say } from '../parts/toast'
import { named } from '../texts/language'
import css from './Seal.module.css'

export const placesOf = (x: SealedCredential) => Object.entries((x.targets ?? {}) as Record<string, unknown>).map(([p, v]) => `${p.slice(1)}: ${typeof v === 'string' ? v : JSON.stringify(v)}`)

/** Browsers encrypt only on pages that came over TLS or from this machine. */
const canSeal = () => typeof crypto !== 'undefined' && !!crypto.subtle

export function SealDialog({ of, onClose, onDone }: { of: SealedCredential[]; onClose: () => void; onDone?: () => void }) {
  const title = of.length === 1 ? t`Credential of ${of[0]!.connection.name ?? ''}` : t`One credential for ${of.length} connections`
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ 'aria-label': t`Close` }} size="lg">
      <SealForm of={of} onClose={onClose} onDone={() => { onDone?.(); onClose() }} />
    </Modal>
  )
}

/** At once is where nothing is read yet and the next step tries it. */
export function SealForm({ of, onClose, onDone, atOnce = false }: { of: SealedCredential[]; onClose?: () => void; onDone: () => void; atOnce?: boolean }) {
  const client = useQueryClient()
  const [values, setValues] = useState<Record<string, string>>({})
  // What works already is not put at risk for what may not.
  const [tried, setTried] = useState(() => !atOnce && of.some((x) => x.state !== 'none' || x.candidate))
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [refused, setRefused] = useState<string[]>([])
  const first = of[0]!
  const wanted = first.wanted ?? []
  const lost = of.filter((x) => (x.recipients ?? []).length === 0)
  const given = Object.fromEntries(Object.entries(values).filter(([, v]) => v !== ''))
  const submit = async () => {
    setBusy(true)
    setError(null)
    setRefused([])
    try {
      const { seal } = await import('./seal')
      const bad: string[] = []
      for (let at = 0; at < of.length; at += 200) {
        const items = []
        for (const x of of.slice(at, at + 200)) items.push({ connection: x.id, envelope: await seal({ ...x, recipients: x.recipients ?? [] }, given) })
        const done = await api.post('/api/v1/sealed-credentials', { body: { items, check: tried } })
        for (const r of done.items ?? []) if (!r.ok) bad.push(`${of.find((x) => x.id === r.connection)?.connection.name ?? r.connection}: ${r.error ?? 'refused'}`)
      }
      void client.invalidateQueries({ queryKey: ['sealed'] })
      setRefused(bad)
      if (bad.length === 0) {
        setValues({})
        say(tried ? t`Sealed; the agent tries it now` : of.length === 1 ? t`The credential is sealed` : t`Sealed for ${of.length} connections`)
        onDone()
        return
      }
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  if (!canSeal()) return <p><Trans>This page came without TLS, and browsers encrypt nothing on such pages. Open it over https, or use <code>maestro seal</code> in a terminal.</Trans></p>
  if (lost.length) return <p><Trans>No agent could open it yet: give {lost.length === 1 ? <Foreign text={lost[0]!.connection.name ?? ''} /> : t`${lost.length} of these connections`} an agent that is up to date, then come back.</Trans></p>
  if (wanted.length === 0) return <p><Trans>This provider takes nothing from a sealed credential. Put it into the agent’s own file.</Trans></p>
  return (
    <form className="stack" noValidate autoComplete="off" onSubmit={(e) => { e.preventDefault(); void submit() }}>
      <p><Trans>What you type is encrypted in this browser for the agents below. The collector keeps what it cannot read.</Trans></p>
      {wanted.map((v) => {
        const label = v.title ? named(v.title) : v.name
        const common = { label, description: v.title ? <>{named(v.help ?? '')} <code>{v.name}</code></> : v.help ? named(v.help) : undefined, value: values[v.name] ?? '', spellCheck: false, autoComplete: v.secret ? 'new-password' : 'off', onChange: (e: { currentTarget: { value: string } }) => { const it = e.currentTarget.value; setValues((old) => ({ ...old, [v.name]: it })) } }
        return v.secret ? <PasswordInput key={v.name} {...common} visibilityToggleButtonProps={{ 'aria-label': t`Show ${label}` }} /> : <TextInput key={v.name} {...common} />
      })}
      <dl className={css.terms}>
        <div><dt><Trans>Will be sent to</Trans></dt><dd>{of.length > 1 ? t`where each of the ${of.length} connections leads` : placesOf(first).length ? placesOf(first).map((p) => <Foreign key={p} text={p} max={160} />) : t`where the plugin signs in`}</dd></div>
        <div><dt><Trans>Readable by</Trans></dt><dd>{[...new Map(of.flatMap((x) => x.recipients ?? []).map((r) => [r.fingerprint, r])).values()].map((r) => <span key={r.fingerprint}><Foreign text={r.name} /> <code className="break">{r.fingerprint}</code></span>)}</dd></div>
      </dl>
      <p className="muted"><Trans>It is good for this connection and this place only. A hostile collector could serve you another page or name a key of its own: compare with <code>maestro-agent status</code>, or seal with <code>maestro seal --only</code>.</Trans></p>
      {atOnce ? null : <Checkbox label={t`Check it first`} description={tried ? t`The agent tries it. What is in use stays until everything may be read with the new one.` : t`It is used from the next run on, whether it works or not.`} checked={tried} onChange={(e) => setTried(e.currentTarget.checked)} />}
      {refused.map((r) => <Quote key={r} text={r} tone="bad" />)}
      {error ? <ProblemPanel error={error} compact /> : null}
      <div className="row">
        <Button type="submit" variant="filled" loading={busy} disabled={Object.keys(given).length === 0}>{of.length === 1 ? t`Seal it` : t`Seal it for ${of.length} connections`}</Button>
        {onClose ? <Button onClick={onClose}><Trans>Cancel</Trans></Button> : null}
      </div>
    </form>
  )
}
