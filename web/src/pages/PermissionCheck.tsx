// What a connection may read, as its agent finds it: asked for, waited for, shown as a list to tick off.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'

import { api } from '../api/client'
import type { CheckResult, KindInfo, Plugin } from '../api/types'
import { Mark } from '../parts/marks'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Foreign, Quote, Snippet } from '../parts/Text'
import { CertificateOffer } from './CertificateOffer'
import css from './Connection.module.css'

export interface Check {
  busy: boolean
  result?: CheckResult
  error?: unknown
}

/** Each question waits for the agent for a while; after ten of them it is told that there was no answer. */
const questions = 10

export function usePermissionCheck(id: string) {
  const [check, setCheck] = useState<Check | null>(null)
  // An answer that comes after the page was left, or after another question, is nobody's.
  const asked = useRef(0)
  useEffect(() => () => void asked.current++, [])
  const run = async () => {
    const mine = ++asked.current
    const tell = (next: Check) => { if (mine === asked.current) setCheck(next) }
    tell({ busy: true })
    try {
      let result = await api.post('/api/v1/connections/{id}/check', { path: { id }, body: {} })
      for (let tries = 1; result.state === 'pending' && tries < questions && mine === asked.current; tries++) {
        await new Promise((done) => setTimeout(done, 1500))
        result = await api.post('/api/v1/connections/{id}/check', { path: { id }, body: {} })
      }
      tell({ busy: false, result })
    } catch (error) {
      tell({ busy: false, error })
    }
  }
  const close = () => {
    asked.current++
    setCheck(null)
  }
  return { check, run, close }
}

/** What a certificate in the way is shown with: the settings that could trust it, and who writes them. */
export interface Trusting {
  plugin: Plugin | undefined
  settings: unknown
  onTrust?: ((settings: unknown) => Promise<unknown>) | undefined
}

export function PermissionPanel({ check, onClose, kinds, trusting }: { check: Check; onClose: () => void; kinds: KindInfo[]; trusting?: Trusting }) {
  return <Panel title={t`Permission check`} actions={<Button onClick={onClose}><Trans>Close</Trans></Button>}><PermissionList check={check} kinds={kinds} trusting={trusting} /></Panel>
}

/** What is missing comes first; then what to paste at the provider. */
export function PermissionList({ check, kinds, trusting }: { check: Check; kinds: KindInfo[]; trusting?: Trusting | undefined }) {
  const items = check.result?.report?.items ?? []
  const bad = items.filter((i) => !i.ok).length
  const verdict = check.busy ? t`The agent is asking the provider.` : check.result?.state === 'pending' ? t`The agent has not answered yet.` : items.length ? (bad ? t`${bad} of ${items.length} are missing.` : t`Everything it needs is there.`) : ''
  return (
    <div className="stack-s" role="status" data-testid="check">
      <p>{verdict}</p>
      {check.error ? <ProblemPanel error={check.error} compact /> : null}
      {check.result?.error ? <Quote text={check.result.error} tone="bad" /> : null}
      <ul className={css.checks}>
        {[...items].sort((a, b) => Number(a.ok) - Number(b.ok)).map((i, n) => (
          <li key={n}>
            <Mark state={i.ok ? 'complete' : 'denied'} title={i.ok ? t`allowed` : t`missing`} />
            <div className="stack-s">
              <span><Foreign text={i.name} mono max={100} /> {i.kind ? <span className="muted"><Trans>for {(kinds.find((k) => k.name === i.kind)?.plural ?? i.kind).toLowerCase()}</Trans></span> : null}</span>
              {i.message ? <Foreign text={i.message} max={400} /> : null}
              {!i.ok && i.certificate && trusting ? <CertificateOffer certificate={i.certificate} {...trusting} /> : !i.ok && i.advice ? <span><strong><Trans>What to do:</Trans></strong> <Foreign text={i.advice} max={400} /></span> : null}
            </div>
          </li>
        ))}
      </ul>
      {check.result?.report?.policy ? <><span className="muted"><Trans>To paste at the provider:</Trans></span><Snippet label={t`the policy`} text={check.result.report.policy} /></> : null}
    </div>
  )
}
