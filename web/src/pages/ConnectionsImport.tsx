// Many connections of one table. It is looked at first: which would be made, changed or refused, and why; only then are they made,
// some at a time, and what is wrong with one keeps no other from being made.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Progress, Textarea } from '@mantine/core'
import { IconFileImport } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type DragEvent } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { ImportedConnection, Plugin } from '../api/types'
import { useMay } from '../frame/session'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign, Snippet } from '../parts/Text'
import { SealDialog } from '../sealing/SealForm'
import css from './Import.module.css'

/** Rows of one request: often enough that one sees it go on. */
const part = 20
const largest = 1 << 20
const example = ['name,provider,datacenter,url,datacenters', 'vcenter-fra,vsphere,frankfurt,https://vcenter-fra.example.org,dc1;dc2', 'vcenter-ber,vsphere,berlin,https://vcenter-ber.example.org,'].join('\n')

/** A name of a secret in the text: such a table is not sent anywhere. */
export const secretIn = (text: string, plugins: Plugin[]) => plugins.flatMap((p) => p.credential_env ?? []).find((v) => v.secret && text.toLowerCase().includes(v.name.toLowerCase()))?.name

interface Done {
  rows: ImportedConnection[]
  total: number
  dry: boolean
  text: string
}

export default function ConnectionsImport() {
  const may = useMay('connection.manage')
  const trail = [{ to: '/connections', label: t`Connections` }]
  if (!may) return <Page title={t`Many connections`} trail={trail}><Empty title={t`You may not set up connections`}><Trans>Who manages connections in this tenant can, or can give you the right to.</Trans></Empty></Page>
  return <Page title={t`Many connections`} trail={trail} facts={<span><Trans>One row for each. Nothing is made before you have seen what would be.</Trans></span>}><Table /></Page>
}

function Table() {
  const client = useQueryClient()
  const plugins = useQuery(q.plugins())
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState('')
  const [over, setOver] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [done, setDone] = useState<Done | null>(null)
  const secret = secretIn(text, plugins.data?.items ?? [])
  const edit = (next: string) => {
    setText(next)
    setDone(null)
    setError(null)
  }
  const take = async (f: File | undefined) => {
    if (!f) return
    if (f.size > largest) return setError(new Error(t`The file is larger than 1 MiB.`))
    edit(await f.text())
  }
  const send = async (dry: boolean) => {
    setBusy(true)
    setError(null)
    const rows: ImportedConnection[] = []
    try {
      for (;;) {
        const answer = await api.post('/api/v1/connections/import', { body: { text, dry_run: dry, skip: rows.length, count: part } })
        rows.push(...(answer.rows ?? []))
        setDone({ rows: [...rows], total: answer.total, dry, text })
        if (!answer.rows?.length || rows.length >= answer.total) break
      }
    } catch (err) {
      setError(err)
    }
    setBusy(false)
    if (!dry) void client.invalidateQueries({ queryKey: ['connections'] })
  }
  // Without the plugins nobody knows which columns would be secrets.
  if (plugins.error && !plugins.data) return <ProblemPanel error={plugins.error} retry={() => void plugins.refetch()} />
  if (!plugins.data) return <Loading what={t`the plugins`} lines={6} />
  const seen = done?.dry && done.text === text && done.rows.length >= done.total
  const todo = done?.rows.filter((r) => r.result === 'created' || r.result === 'changed').length ?? 0
  const drop = (e: DragEvent) => {
    e.preventDefault()
    setOver(false)
    void take(e.dataTransfer.files[0])
  }
  return (
    <>
      <Panel title={t`The table`}>
        <div className="stack">
          <div className={css.drop} data-over={over || undefined} onDragOver={(e) => { e.preventDefault(); setOver(true) }} onDragLeave={() => setOver(false)} onDrop={drop}>
            <input ref={input} type="file" hidden aria-label={t`File with connections`} accept=".csv,.tsv,.txt,.yaml,.yml,.json" onChange={(e) => { void take(e.currentTarget.files?.[0]); e.currentTarget.value = '' }} />
            <Button leftSection={<IconFileImport size={15} aria-hidden />} onClick={() => input.current?.click()}><Trans>Choose a file</Trans></Button>
            <span className="muted"><Trans>CSV or YAML, or paste it below.</Trans></span>
          </div>
          <Textarea label={t`Rows`} description={t`Columns: name, provider, agent, datacenter, credential (a name in the agent’s file), kinds, paused, and the provider’s settings by name. Lists are divided by semicolons.`} autosize minRows={6} maxRows={18} value={text} onChange={(e) => edit(e.currentTarget.value)} spellCheck={false} styles={{ input: { fontFamily: 'var(--font-mono)' } }} error={secret ? t`It names ${secret}. Secrets do not belong into a table, and nothing was sent: make the connections first, then enter their credential.` : undefined} />
          {text ? null : <Snippet label={t`an example`} text={example} />}
          {error ? <ProblemPanel error={error} compact /> : null}
          <div className="row">
            <Button variant={seen ? 'default' : 'filled'} loading={busy && (done?.dry ?? true)} disabled={!text.trim() || !!secret} onClick={() => void send(true)}><Trans>Look at it first</Trans></Button>
            {seen ? <Button variant="filled" loading={busy} disabled={todo === 0} onClick={() => void send(false)}>{plural(todo, { one: 'Do this # row', other: 'Do these # rows' })}</Button> : null}
          </div>
        </div>
      </Panel>
      {done ? <Result done={done} busy={busy} /> : null}
    </>
  )
}

const states: Record<ImportedConnection['result'], string> = { created: 'created', changed: 'updated', same: 'unchanged', refused: 'failed' }

function Result({ done, busy }: { done: Done; busy: boolean }) {
  const sealed = useQuery({ ...q.sealed(), enabled: !done.dry && !busy })
  const [sealing, setSealing] = useState('')
  const words: Record<ImportedConnection['result'], string> = done.dry ? { created: t`would be made`, changed: t`would be changed`, same: t`is as it should be`, refused: t`refused` } : { created: t`made`, changed: t`changed`, same: t`as it was`, refused: t`refused` }
  const of = (result: ImportedConnection['result']) => done.rows.filter((r) => r.result === result).length
  const ids = new Set(done.rows.flatMap((r) => (r.connection && r.result !== 'refused' ? [r.connection.id] : [])))
  const lacking = (sealed.data?.items ?? []).filter((x) => ids.has(x.id) && x.state === 'none' && x.wanted?.length && x.recipients?.length)
  const providers = [...new Set(lacking.map((x) => x.provider))]
  const order = [...done.rows].sort((a, b) => Number(b.result === 'refused') - Number(a.result === 'refused') || a.row - b.row)
  return (
    <Panel title={done.dry ? t`What would be done` : t`What was done`}>
      <div className="stack" data-testid="imported">
        {busy || done.rows.length < done.total ? <Progress value={(100 * done.rows.length) / Math.max(1, done.total)} aria-label={t`${done.rows.length} of ${done.total} rows`} /> : null}
        <div role="status">
          <ul className={css.counts}>
            {(['created', 'changed', 'same', 'refused'] as const).filter(of).map((r) => <li key={r}><State state={states[r]} word={`${of(r)} ${words[r]}`} /></li>)}
          </ul>
        </div>
        <ul className={css.rows}>
          {order.map((r) => (
            <li key={r.row}>
              <span className={css.place}><Trans>row {r.row}</Trans></span>
              {r.connection ? <Link to={`/connections/${r.connection.id}`}><Foreign text={r.name} max={80} /></Link> : <strong><Foreign text={r.name || '?'} max={80} /></strong>}
              <State state={states[r.result]} word={words[r.result]} />
              {r.changes?.length ? <span className="muted"><Foreign text={r.changes.join(', ')} max={200} /></span> : null}
              {r.error ? <span>{r.column ? <><code><Foreign text={r.column} max={80} /></code>{' '}</> : null}<Foreign text={r.error} max={400} /></span> : null}
            </li>
          ))}
        </ul>
        {!done.dry && of('refused') ? <p className="muted"><Trans>Mend the rows that were refused and do the same table again: what was made stays as it is.</Trans></p> : null}
        {done.dry ? null : providers.map((p) => {
          const n = lacking.filter((x) => x.provider === p).length
          return <div key={p}><Button onClick={() => setSealing(p)}>{plural(n, { one: 'Enter the credential of # connection', other: 'Enter one credential for # connections' })}</Button></div>
        })}
      </div>
      {sealing ? <SealDialog of={lacking.filter((x) => x.provider === sealing)} onClose={() => setSealing('')} /> : null}
    </Panel>
  )
}
