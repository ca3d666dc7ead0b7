// The credentials that people sealed, of all connections: what has to be entered again, and one value for many.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { SealedCredential } from '../api/types'
import { actor } from '../format/text'
import { useMay } from '../frame/session'
import { DataTable, type Col } from '../parts/DataTable'
import { State } from '../parts/marks'
import { Page } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import { Reminder } from '../sealing/Reminder'
import { SealDialog } from '../sealing/SealForm'
import { candidateState, candidateWord, stateOf, wordOf } from '../sealing/words'

const order = ['reenter', 'waiting', 'ready', 'none']

/** What somebody has to see to comes first. */
const urgency = (x: SealedCredential) => (x.candidate?.state === 'refused' ? -2 : x.candidate ? -1 : x.due && x.state === 'ready' ? 0.5 : order.indexOf(x.state))

export default function Credentials() {
  const may = useMay('connection.manage')
  const list = useQuery(q.sealed())
  const recovery = useQuery(q.recoveryKey())
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set())
  const [open, setOpen] = useState(false)
  const rows = [...(list.data?.items ?? [])].filter((x) => x.state !== 'none' || (x.wanted ?? []).length).sort((a, b) => urgency(a) - urgency(b) || (a.connection.name ?? '').localeCompare(b.connection.name ?? ''))
  const again = rows.filter((x) => x.state === 'reenter').length
  const refused = rows.filter((x) => x.candidate?.state === 'refused').length
  const chosen = rows.filter((x) => ticked.has(x.id))
  const mixed = new Set(chosen.map((x) => x.provider)).size > 1
  const cols: Col<SealedCredential>[] = [
    { id: 'connection', label: t`Connection`, width: 200, cell: (x) => <Link to={`/connections/${x.id}#credential`}><Foreign text={x.connection.name ?? x.id} max={50} /></Link> },
    { id: 'state', label: t`Credential`, width: 150, cell: (x) => <State state={stateOf(x.state)} word={wordOf(x.state)} /> },
    { id: 'new', label: t`New one`, width: 140, cell: (x) => (x.candidate ? <State state={candidateState(x.candidate.state)} word={candidateWord(x.candidate.state)} /> : null) },
    { id: 'reason', label: t`What to do`, width: 320, cell: (x) => (x.reason || x.advice || x.candidate?.error ? <Foreign text={[x.reason, x.advice, x.candidate?.error].filter(Boolean).join(' ')} max={200} /> : null) },
    { id: 'sealed', label: t`Sealed`, width: 130, cell: (x) => (x.sealed_at ? <span><When at={x.sealed_at} />{x.due ? <> <State state="degraded" word={t`due`} /></> : null}</span> : null) },
    { id: 'by', label: t`Entered by`, width: 130, cell: (x) => (x.sealed_by ? <Foreign text={actor(x.sealed_by).name} max={40} /> : null) },
    { id: 'readers', label: t`Readable by`, width: 160, cell: (x) => (x.opened_by?.length ? <Foreign text={x.opened_by.map((r) => r.name).join(', ')} max={80} /> : null) },
    { id: 'provider', label: t`Provider`, width: 110, cell: (x) => <Foreign text={x.provider} /> },
  ]
  return (
    <Page
      title={t`Credentials`}
      trail={[{ to: '/connections', label: t`Connections` }]}
      facts={<><span>{again ? t`${again} to be entered again.` : t`Nothing has to be entered again.`}</span>{refused ? <span>{plural(refused, { one: '# new one does not work.', other: '# new ones do not work.' })}</span> : null}<Reminder due={rows.filter((x) => x.due).length} may={may} /><span className="muted">{recovery.data?.fingerprint ? <><Trans>Recovery key <code className="break">{recovery.data.fingerprint}</code></Trans></> : recovery.error instanceof Problem && recovery.error.status === 403 ? t`You may not see whether there is a recovery key.` : recovery.data ? <><Trans>No recovery key. <code>maestro sealed recovery-key make FILE</code> makes one.</Trans></> : null}</span></>}
      actions={may ? <Button variant="filled" disabled={chosen.length === 0 || mixed} onClick={() => setOpen(true)}>{mixed ? t`Choose one provider’s` : chosen.length > 1 ? t`Enter one for ${chosen.length}` : t`Enter it`}</Button> : null}
    >
      {list.error && !list.data ? <ProblemPanel error={list.error} retry={() => void list.refetch()} /> : list.data && rows.length === 0 ? (
        <Empty title={t`No connection takes a sealed credential`}><Trans>Connections whose plugin takes a password or key from people appear here.</Trans></Empty>
      ) : (
        <DataTable label={t`Credentials`} rows={rows} cols={cols} rowKey={(x) => x.id} to={(x) => `/connections/${x.id}#credential`} loading={list.isPending} {...(may ? { ticked, onTick: setTicked } : {})} />
      )}
      {open ? <SealDialog of={chosen} onClose={() => setOpen(false)} onDone={() => setTicked(new Set())} /> : null}
    </Page>
  )
}
