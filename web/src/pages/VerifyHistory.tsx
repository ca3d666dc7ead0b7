// Whether the history is as it was written: the chain of checkpoints is computed again and compared.
import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button, Textarea } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import type { AuditVerification } from '../api/types'
import { count } from '../format/units'
import { State } from '../parts/marks'
import { Panel } from '../parts/Page'
import { Loading, ProblemPanel } from '../parts/States'
import { Copy, Foreign } from '../parts/Text'
import { When } from '../parts/When'
import css from './VerifyHistory.module.css'

const streams: Record<string, string> = { changes: t`Changes`, audit: t`Audit` }

export function VerifyHistory({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [expect, setExpect] = useState('')
  const [busy, setBusy] = useState(false)
  const [found, setFound] = useState<AuditVerification | null>(null)
  const [error, setError] = useState<unknown>(null)
  const verify = async () => {
    setBusy(true)
    setError(null)
    try {
      const hashes = expect.split(/[\s,]+/).filter(Boolean)
      setFound(await api.post('/api/v1/audit/verify', { body: hashes.length ? { expect: hashes } : {} }))
      void client.invalidateQueries({ queryKey: ['audit'] })
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Panel title={t`Verify the history`} actions={<Button onClick={onClose}><Trans>Close</Trans></Button>}>
      <form className="stack-s" onSubmit={(e) => { e.preventDefault(); void verify() }}>
        <p><Trans>Every change and every audit entry is sealed into a chain of checkpoints. This computes the chain anew and finds what was edited, removed or put in.</Trans></p>
        <Textarea label={t`Hashes that must be there`} description={t`Of checkpoints you kept elsewhere. They prove that the end was not cut off. May be empty.`} value={expect} onChange={(e) => setExpect(e.currentTarget.value)} />
        <div><Button type="submit" variant="filled" loading={busy} leftSection={<IconShieldCheck size={15} aria-hidden />}><Trans>Verify now</Trans></Button></div>
      </form>
      {busy && !found ? <Loading what={t`the verification; it reads the whole history`} lines={2} /> : null}
      {error ? <ProblemPanel error={error} compact /> : null}
      {found ? <Found v={found} /> : null}
    </Panel>
  )
}

function Found({ v }: { v: AuditVerification }) {
  return (
    <div className={css.found} role="status" data-testid="verification">
      <p className="row"><State state={v.ok ? 'ok' : 'failing'} pill word={v.ok ? t`the history is whole` : `${v.more ? t`more than ` : ''}${plural(v.findings.length, { one: '# finding', other: '# findings' })}`} /></p>
      <p>
        <Trans><Plural value={v.entries} one="# entry" other="# entries" /> read, {count(v.sealed)} of them sealed by <Plural value={v.checkpoints} one="# checkpoint" other="# checkpoints" />
        {v.entries > v.sealed ? t`; the newest wait for the next checkpoint` : ''}{v.purged ? t`; ${count(v.purged)} were purged as the settings say` : ''}.</Trans>
      </p>
      {v.findings.length ? (
        <ul className={css.list} aria-label={t`Findings`}>
          {v.findings.map((f, i) => (
            <li key={i}><strong>{streams[f.stream] ?? f.stream}</strong><span><Foreign text={f.problem} max={400} /></span><Copy text={f.id} label={t`the id`} max={40} />{f.at ? <span className="muted"><When at={f.at} /></span> : null}</li>
          ))}
        </ul>
      ) : null}
      {v.ok ? null : <p><Trans><strong>What to do:</strong> compare with a backup from before, and look at who can write to the store itself: nothing in the collector edits its history.</Trans></p>}
      {v.heads.length ? (
        <>
          <h3><Trans>The newest checkpoints</Trans></h3>
          <p className="muted"><Trans>Keep these hashes somewhere else, and give them to the next verification.</Trans></p>
          <ul className={css.list} aria-label={t`Checkpoints`}>
            {v.heads.map((h) => <li key={h.stream}><strong>{streams[h.stream] ?? h.stream}</strong><span><Trans>number {count(h.number)}, until <When at={h.until} /></Trans></span><Copy text={h.hash} label={t`the hash of ${h.stream}`} max={26} /></li>)}
          </ul>
        </>
      ) : <p className="muted"><Trans>No checkpoint was written yet.</Trans></p>}
    </div>
  )
}
