// Bringing files in. A file is looked at first: what would change and which rows are wrong; only then is it written, and
// what was written can be taken back.
import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button, Checkbox, Select } from '@mantine/core'
import { IconFileImport } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type DragEvent } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { KindInfo, Operation } from '../api/types'
import { actor } from '../format/text'
import { count } from '../format/units'
import { useMay, useMaySomewhere } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { FieldDiff } from '../parts/Diff'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import css from './Import.module.css'

const encodings = ['windows-1252', 'iso-8859-1', 'utf-16le', 'utf-16be']

export default function Import() {
  const may = useMaySomewhere('cost.edit')
  const kinds = useQuery(q.kinds())
  const [current, setCurrent] = useState('')
  return (
    <Page title={t`Import`} facts={<span><Trans>Spreadsheets and what other systems export, as CSV, Excel or JSON. Nothing is written before you have seen what would change.</Trans></span>}>
      {may ? <NewImport kinds={kinds.data ?? []} onOperation={setCurrent} current={current} /> : <Chosen kinds={kinds.data ?? []} id={current} />}
      <Past kinds={kinds.data ?? []} may={may} onOperation={setCurrent} />
    </Page>
  )
}

function NewImport({ kinds, current, onOperation }: { kinds: KindInfo[]; current: string; onOperation: (id: string) => void }) {
  const [params] = useSearchParams()
  const client = useQueryClient()
  const mappings = useQuery(q.importMappings())
  const input = useRef<HTMLInputElement>(null)
  const [file, setFile] = useState<File | null>(null)
  const [kind, setKind] = useState(params.get('kind') ?? '')
  const [mapping, setMapping] = useState('')
  const [encoding, setEncoding] = useState('')
  const [skip, setSkip] = useState(false)
  const [sites, setSites] = useState(false)
  const maySites = useMay('datacenter.manage')
  const [over, setOver] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const operation = useQuery(q.operation(current))
  const op = operation.data
  const send = async (f: File, dry: boolean) => {
    setBusy(true)
    setError(null)
    try {
      const started = await api.importFile(f, { kind: mapping ? '' : kind, mapping, encoding, dry_run: dry, skip_errors: skip, create_datacenters: sites })
      onOperation(started.id)
      void client.invalidateQueries({ queryKey: ['operations'] })
    } catch (err) {
      onOperation('')
      setError(err)
    }
    setBusy(false)
  }
  const drop = (e: DragEvent) => {
    e.preventDefault()
    setOver(false)
    setFile(e.dataTransfer.files[0] ?? null)
    onOperation('')
  }
  const ready = file !== null && op?.dry_run && op.state === 'done' && op.file === file.name
  const changes = op ? op.created + op.updated + op.removed : 0
  return (
    <Panel title={t`A file`}>
      <div className={css.form}>
        <div className={css.drop} data-over={over || undefined} onDragOver={(e) => { e.preventDefault(); setOver(true) }} onDragLeave={() => setOver(false)} onDrop={drop}>
          <input ref={input} type="file" hidden aria-label={t`File to import`} accept=".csv,.tsv,.txt,.xlsx,.json" onChange={(e) => { setFile(e.currentTarget.files?.[0] ?? null); onOperation(''); e.currentTarget.value = '' }} />
          <Button leftSection={<IconFileImport size={15} aria-hidden />} onClick={() => input.current?.click()}><Trans>Choose a file</Trans></Button>
          {file ? <Foreign text={file.name} mono max={80} /> : <span className="muted"><Trans>or drop one here</Trans></span>}
        </div>
        <div className={css.pair}>
          <Select label={t`Mapping`} description={t`What the columns are`} placeholder={t`as the fields are called`} clearable searchable value={mapping || null} onChange={(v) => { setMapping(v ?? ''); onOperation('') }}
            data={(mappings.data?.items ?? []).filter((m) => !m.name.startsWith('maestro-')).map((m) => ({ value: m.id, label: m.name }))} />
          <Select label={t`Kind`} description={t`What each row is`} placeholder={t`said by the mapping`} searchable clearable disabled={mapping !== ''} value={mapping ? null : kind || null} onChange={(v) => { setKind(v ?? ''); onOperation('') }}
            data={kinds.filter((k) => k.approval === 'approved').map((k) => ({ value: k.name, label: k.label }))} />
          <Select label={t`Encoding`} description={t`Of CSV`} placeholder={t`UTF-8, or UTF-16 with its mark`} clearable value={encoding || null} onChange={(v) => { setEncoding(v ?? ''); onOperation('') }} data={encodings} />
        </div>
        {maySites ? <Checkbox label={t`Record the datacenters that rows name and nobody has recorded`} checked={sites} onChange={(e) => { setSites(e.currentTarget.checked); onOperation('') }} /> : null}
        <div className="row">
          <Button variant={ready ? 'default' : 'filled'} disabled={!file} loading={busy && !ready} onClick={() => file && void send(file, true)}><Trans>See what would change</Trans></Button>
          {ready && changes > 0 && (op.refused === 0 || skip) ? (
            <Button variant="filled" loading={busy} onClick={() => file && void send(file, false)}>{t`Import: ${count(changes)} ${plural(changes, { one: 'resource changes', other: 'resources change' })}`}</Button>
          ) : null}
        </div>
        {ready && op.refused > 0 ? <Checkbox label={t`Leave out the ${plural(op.refused, { one: '# wrong row', other: '# wrong rows' })} and import the others`} checked={skip} onChange={(e) => setSkip(e.currentTarget.checked)} /> : null}
      </div>
      {error ? <ProblemPanel error={error} compact /> : null}
      {operation.error ? <ProblemPanel error={operation.error} compact /> : null}
      {op ? <Outcome op={op} kinds={kinds} /> : null}
    </Panel>
  )
}

const states: Record<string, string> = {
  running: t`is running`, done: t`is done`, refused: t`was refused: rows are wrong, nothing was written`, failed: t`failed`, interrupted: t`was interrupted`, undone: t`was undone`, asked: t`waits for approval`, dropped: t`was not approved`,
}

/** What an operation did, or would do. */
function Outcome({ op, kinds }: { op: Operation; kinds: KindInfo[] }) {
  const of = (name: string | undefined) => kinds.find((k) => k.name === name)
  return (
    <div className={`stack-s ${css.outcome}`} role="status">
      <h3>{op.dry_run && op.state === 'done' ? t`What would change` : t`The ${op.type} ${states[op.state] ?? op.state}`}{op.state === 'running' ? t` (${op.phase ?? ''}, ${count(op.rows)} rows so far)` : ''}</h3>
      {op.error ? <p><Foreign text={op.error} max={500} /></p> : null}
      <ul className={css.counts} aria-label={t`Counts`}>
        <li><Trans>{count(op.created)} new</Trans></li><li><Trans>{count(op.updated)} changed</Trans></li><li><Trans>{count(op.unchanged)} as they are</Trans></li>
        {op.removed ? <li><Trans>{count(op.removed)} removed</Trans></li> : null}
        {op.refused ? <li><strong><Trans>{count(op.refused)} wrong</Trans></strong></li> : null}
      </ul>
      {op.new_datacenters?.length ? <p>{op.dry_run ? <Trans>Datacenters that would be recorded: <Foreign text={op.new_datacenters.join(', ')} max={300} /></Trans> : <Trans>Datacenters recorded: <Foreign text={op.new_datacenters.join(', ')} max={300} /></Trans>}</p> : null}
      {op.ignored_columns?.length ? <p className="muted"><Trans>Not looked at: <Foreign text={op.ignored_columns.join(', ')} max={300} /></Trans></p> : null}
      {op.errors?.length ? (
        <ul className={css.rows} aria-label={t`Wrong rows`}>
          {op.errors.map((e, i) => (
            <li key={i}><span className={css.place}>{e.list ? `${e.list} ` : ''}{e.row ? t`row ${e.row}` : ''}</span>{e.column ? <code><Foreign text={e.column} max={60} /></code> : null}<Foreign text={e.message} max={300} /></li>
          ))}
          {op.refused > op.errors.length ? <li className="muted"><Trans>and {count(op.refused - op.errors.length)} more</Trans></li> : null}
        </ul>
      ) : null}
      {op.sample?.length ? (
        <ul className={css.rows} aria-label={t`Changes`}>
          {op.sample.map((s, i) => (
            <li key={i}>
              <span className={css.place}>{s.row ? t`row ${s.row}` : ''}</span>
              {op.dry_run && s.action === 'created' ? <strong><Foreign text={s.resource.name ?? ''} max={60} /></strong> : <Link to={`/inventory/${s.resource.kind}/${s.resource.id}`}><Foreign text={s.resource.name ?? s.resource.id} max={60} /></Link>}
              <span className="muted">{s.action === 'created' ? t`new` : s.action === 'removed' ? t`removed` : t`changed`}</span>
              {(s.diff ?? []).slice(0, 8).map((d) => <FieldDiff key={d.pointer} change={d} kind={of(s.resource.kind)} />)}
              {(s.diff?.length ?? 0) > 8 ? <span className="muted"><Trans>and {s.diff!.length - 8} more</Trans></span> : null}
              {s.conflicts?.length ? <span><Trans>left as changed since: <Foreign text={s.conflicts.join(', ')} max={120} /></Trans></span> : null}
            </li>
          ))}
          {op.created + op.updated + op.removed > op.sample.length ? <li className="muted"><Trans>and {count(op.created + op.updated + op.removed - op.sample.length)} more</Trans></li> : null}
        </ul>
      ) : null}
    </div>
  )
}

/** For those who may look and not import. */
function Chosen({ kinds, id }: { kinds: KindInfo[]; id: string }) {
  const op = useQuery(q.operation(id))
  return op.data ? <Panel title={t`An operation`}><Outcome op={op.data} kinds={kinds} /></Panel> : null
}

function Past({ kinds, may, onOperation }: { kinds: KindInfo[]; may: boolean; onOperation: (id: string) => void }) {
  const client = useQueryClient()
  const list = useQuery(q.operations())
  const [doomed, setDoomed] = useState<Operation | null>(null)
  const items = (list.data?.items ?? []).filter((o) => !o.dry_run)
  const label = (o: Operation) => kinds.find((k) => k.name === o.kind)?.plural.toLowerCase() ?? o.kind ?? t`several kinds`
  return (
    <Panel title={t`Imports, bulk edits and deletions`}>
      {list.error && !list.data ? <ProblemPanel error={list.error} compact retry={() => void list.refetch()} /> : list.isPending ? <Loading what={t`the operations`} lines={3} /> : items.length === 0 ? (
        <Empty title={t`Nothing was imported yet`}><Trans>What is imported, edited in bulk or deleted is listed here, and can be taken back from here.</Trans></Empty>
      ) : (
        <ul className={css.rows}>
          {items.map((o) => (
            <li key={o.id}>
              <button type="button" className="link" onClick={() => onOperation(o.id)}><Trans>{o.type} of {label(o)}</Trans></button>
              <Foreign text={o.file ?? o.filter ?? ''} mono max={60} />
              <span className="muted"><Trans>{o.state}: {count(o.created)} new, {count(o.updated)} changed{o.removed ? t`, ${count(o.removed)} removed` : ''}</Trans></span>
              <span className="muted"><Trans><When at={o.started_at} /> by <Foreign text={actor(o.actor).name} max={40} /></Trans></span>
              {may && ['done', 'interrupted', 'failed'].includes(o.state) && o.created + o.updated + o.removed > 0 ? <Button size="compact-sm" ml="auto" onClick={() => setDoomed(o)}><Trans>Undo</Trans></Button> : null}
            </li>
          ))}
        </ul>
      )}
      {doomed ? (
        <Confirm
          title={t`Undo this ${doomed.type}`}
          verb={t`Undo`}
          danger
          onClose={() => setDoomed(null)}
          onConfirm={async () => {
            const op = await api.post('/api/v1/operations/{id}/undo', { path: { id: doomed.id }, body: {} })
            onOperation(op.id)
            for (const key of ['operations', 'resources', 'summary']) void client.invalidateQueries({ queryKey: [key] })
          }}
        >
          <p><Trans><Plural value={doomed.updated} one="# resource" other="# resources" /> gets back what it had before, <Plural value={doomed.created} one="# resource" other="# resources" /> that it made is removed, <Plural value={doomed.removed} one="# resource" other="# resources" /> that it removed comes back.</Trans></p>
          <p><Trans>What somebody changed since stays as it is.</Trans></p>
        </Confirm>
      ) : null}
    </Panel>
  )
}
