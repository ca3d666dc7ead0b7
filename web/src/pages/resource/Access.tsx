// Who may do what with something, and through which role or grant; to grant and to revoke; why somebody can or cannot see it.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconLock } from '@tabler/icons-react'
import { useState } from 'react'

import { api } from '../../api/client'
import { Problem } from '../../api/problem'
import { q } from '../../api/queries'
import type { AccessEntry, AccessReason, AccessTarget, Grant } from '../../api/types'
import { useSession } from '../../frame/session'
import { Confirm } from '../../parts/Confirm'
import { DataTable, type Col } from '../../parts/DataTable'
import { Panel } from '../../parts/Page'
import { Empty, Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { say } from '../../parts/toast'

const what = (it?: AccessTarget) => (it ? `${it.kind} ${it.name ?? ''}`.trim() : '')
/** A client leads to something by what of it: its datacenter, its connection or its system. */
const way = (it: AccessTarget) => (it.through ? t`${what(it)} through the ${what(it.through)}` : what(it))
const who = (s: { type: string; id: string; name?: string }) => s.name || s.id

const offWord = { disabled: () => t`disabled`, invited: () => t`invited`, ended: () => t`ended` }

const standing = (r: AccessReason) => {
  const groups = (r.groups ?? []).join(', ')
  if (r.level === 'user') return t`${groups}, in place of a role`
  if (r.level === 'tenant') return t`${groups}, which everybody has`
  return t`the role ${r.role ?? ''}${groups ? ` (${groups})` : ''}`
}

const through = (r: AccessReason) =>
  r.through === 'role' ? t`${r.right} by ${standing(r)}` : r.team ? t`${r.right} of the team ${r.team}, on the ${what(r.target)}` : t`${r.right} on the ${what(r.target)}`

export function Access({ kind, id }: { kind: string; id: string }) {
  const client = useQueryClient()
  const access = useQuery(q.access(kind, id))
  useQuery(q.teams()) // asked together, for the form below
  const [revoking, setRevoking] = useState<Grant | null>(null)
  const refresh = () => void client.invalidateQueries({ queryKey: ['access'] })
  if (access.isPending) return <Loading what={t`who may do what`} lines={6} />
  if (access.error instanceof Problem && access.error.status === 403) {
    return (
      <>
        <Empty icon={<IconLock size={26} stroke={1.4} aria-hidden />} title={t`Shown to those who administer it`}>{access.error.message}</Empty>
        <Panel title={t`Why can you see this?`}><Own kind={kind} id={id} /></Panel>
      </>
    )
  }
  if (access.error && !access.data) return <ProblemPanel error={access.error} retry={() => void access.refetch()} />
  const { entries, grants, inherits } = access.data
  const cols: Col<AccessEntry>[] = [
    { id: 'who', label: t`Who`, width: 200, cell: (e) => <Foreign text={`${who(e.subject)}${e.subject.type === 'token' ? ' (token)' : ''}${e.off_because ? ` (${offWord[e.off_because]()})` : ''}`} max={60} /> },
    { id: 'right', label: t`Right`, width: 80, cell: (e) => e.right },
    { id: 'through', label: t`Through`, width: 420, cell: (e) => <Foreign text={e.reasons.map(through).join('; ')} max={300} /> },
  ]
  const own: Col<Grant>[] = [
    { id: 'who', label: t`To`, width: 220, cell: (g) => <Foreign text={`${g.subject.type} ${who(g.subject)}`} max={60} /> },
    { id: 'right', label: t`Right`, width: 80, cell: (g) => g.right },
    { id: 'by', label: t`Granted by`, width: 180, wide: true, cell: (g) => <Foreign text={g.created_by} max={60} /> },
    { id: 'act', label: t`Actions`, act: true, width: 90, cell: (g) => <button type="button" className="link" aria-label={t`Revoke ${g.right} of ${who(g.subject)}`} onClick={() => setRevoking(g)}><Trans>Revoke</Trans></button> },
  ]
  return (
    <>
      <Panel title={t`Who may do what`}>
        <div className="stack">
          <p className="muted"><Trans>{inherits.length ? <><Trans>Inherits from <Foreign text={inherits.map(way).join(', ')} max={300} />.</Trans></> : t`Inherits from nothing.`} Rights add up; read shows it, write changes it, admin grants.</Trans></p>
          <DataTable label={t`Who may do what`} rows={entries} cols={cols} rowKey={(e) => `${e.subject.type}:${e.subject.id}`} faded={(e) => e.off ?? false} />
        </div>
      </Panel>
      <Panel title={t`Granted on this one`}>
        <div className="stack">
          {grants.length ? <DataTable label={t`Granted on this one`} rows={grants} cols={own} rowKey={(g) => g.id} /> : <p className="muted"><Trans>Nothing; all rights come from above.</Trans></p>}
          <Give kind={kind} id={id} onDone={refresh} />
        </div>
      </Panel>
      <Panel title={t`Why can, or can’t, somebody see this?`}><Why kind={kind} id={id} /></Panel>
      {revoking ? (
        <Confirm
          title={t`Revoke ${revoking.right} of ${who(revoking.subject)}`}
          verb={t`Revoke`}
          danger
          onClose={() => setRevoking(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/grants/{id}', { path: { id: revoking.id } })
            refresh()
            say(t`Revoked`)
          }}
        >
          <p><Trans>Whatever inherits from this loses the right too, at once, unless another grant gives it.</Trans></p>
        </Confirm>
      ) : null}
    </>
  )
}

const rights = [{ value: 'read', label: t`read` }, { value: 'write', label: t`write` }, { value: 'admin', label: t`admin` }]

function Give({ kind, id, onDone }: { kind: string; id: string; onDone: () => void }) {
  const teams = useQuery(q.teams())
  const [type, setType] = useState<'user' | 'team' | 'token'>('team')
  const [subject, setSubject] = useState('')
  const [right, setRight] = useState<'read' | 'write' | 'admin'>('read')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      await api.post('/api/v1/grants', { body: { subject: { type, id: subject.trim() }, right, target: { kind, id } } })
      say(t`Granted`)
      setSubject('')
      onDone()
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <form className="stack-s" onSubmit={(e) => { e.preventDefault(); void submit() }}>
      <div className="row">
        <Select label={t`To a`} data={[{ value: 'team', label: t`team` }, { value: 'user', label: t`user` }, { value: 'token', label: t`token` }]} value={type} onChange={(v) => { setType((v as typeof type) ?? 'team'); setSubject('') }} allowDeselect={false} />
        {type === 'team' ? (
          <Select label={t`Team`} data={teams.data?.items.map((it) => ({ value: it.id, label: it.name })) ?? []} value={subject || null} onChange={(v) => setSubject(v ?? '')} searchable nothingFoundMessage={t`No such team`} />
        ) : (
          <TextInput label={type === 'user' ? t`User name` : t`Id of the token`} value={subject} onChange={(e) => setSubject(e.currentTarget.value)} autoComplete="off" autoCapitalize="none" />
        )}
        <Select label={t`Right`} data={rights} value={right} onChange={(v) => setRight((v as typeof right) ?? 'read')} allowDeselect={false} />
      </div>
      {error ? <ProblemPanel error={error} compact /> : null}
      <div><Button type="submit" variant="filled" loading={busy} disabled={!subject.trim()}><Trans>Grant</Trans></Button></div>
    </form>
  )
}

function useWhy(kind: string, id: string, subject: string) {
  return useQuery({
    queryKey: ['access', kind, id, 'explain', subject],
    queryFn: ({ signal }) => api.get('/api/v1/access/{kind}/{id}/explain', { path: { kind, id }, query: { subject }, signal }),
    enabled: subject !== '',
    retry: false,
  })
}

/** About himself everybody may ask. */
function Own({ kind, id }: { kind: string; id: string }) {
  const session = useSession()
  const answer = useWhy(kind, id, session ? `user:${session.username}` : '')
  if (answer.error && !answer.data) return <ProblemPanel error={answer.error} compact />
  if (!answer.data) return <Loading what={t`why you can see this`} lines={2} />
  return <p className="break"><Foreign text={answer.data.found} max={1000} /></p>
}

function Why({ kind, id }: { kind: string; id: string }) {
  const [name, setName] = useState('')
  const [asked, setAsked] = useState('')
  const answer = useWhy(kind, id, asked)
  return (
    <form className="stack-s" onSubmit={(e) => { e.preventDefault(); setAsked(`user:${name.trim()}`) }}>
      <TextInput label={t`User name of whom to ask about`} value={name} onChange={(e) => setName(e.currentTarget.value)} autoComplete="off" autoCapitalize="none" />
      <div><Button type="submit" disabled={!name.trim()} loading={asked !== '' && answer.isPending}><Trans>Say why</Trans></Button></div>
      {answer.error ? <ProblemPanel error={answer.error} compact /> : null}
      {answer.data ? <p role="status"><Foreign text={`${answer.data.found} ${answer.data.advice ?? ''}`} max={1000} /></p> : null}
    </form>
  )
}
