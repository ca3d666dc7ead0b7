// What can be done with rows that are ticked, or with all that the filter finds. An edit is looked at first, and can be
// taken back.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { ActionIcon, Button, Modal, Textarea } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../../api/client'
import { q } from '../../api/queries'
import type { KindInfo, Operation } from '../../api/types'
import { count } from '../../format/units'
import { commonFields, inOneInput } from '../../kinds/fields'
import { FieldDiff } from '../../parts/Diff'
import { ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { blank, ChangeEdit, editOf, most, type Change } from './BulkChange'
import css from './Bulk.module.css'

/** So many rows can be named by their ids. */
export const mostTicked = 10_000

interface BarProps {
  kind: KindInfo
  ticked: ReadonlySet<string>
  all: boolean
  total: number
  more: boolean
  canEdit: boolean
  onAll: () => void
  onClear: () => void
  onEdit: () => void
}

export function BulkBar({ kind, ticked, all, total, more, canEdit, onAll, onClear, onEdit }: BarProps) {
  const n = all ? total : ticked.size
  const tooMany = !all && n > mostTicked
  return (
    <div className={css.bar} role="region" aria-label={t`Selection`}>
      <strong><Trans>{all && more ? t`over ` : ''}{count(n)} {(n === 1 ? kind.label : kind.plural).toLowerCase()} selected</Trans></strong>
      {!all && total > ticked.size ? <button type="button" className="link" onClick={onAll}><Trans>Select all {more ? t`over ` : ''}{count(total)} that this filter finds</Trans></button> : null}
      <span className="grow" />
      {tooMany ? <span className="muted"><Trans>More than {count(mostTicked)} rows: select all that a filter finds instead.</Trans></span> : null}
      {canEdit ? <Button variant="filled" disabled={tooMany} onClick={onEdit}><Trans>Edit</Trans></Button> : null}
      <Button onClick={onClear}><Trans>Clear the selection</Trans></Button>
    </div>
  )
}

interface EditProps {
  kind: KindInfo
  filter: string
  /** Those that are ticked; absent where all that the filter finds is meant. */
  ids?: string[] | undefined
  what: string
  onClose: () => void
}

export function BulkEdit({ kind, filter, ids, what, onClose }: EditProps) {
  const client = useQueryClient()
  const fields = [...commonFields(kind), ...(kind.fields ?? [])].filter((f) => inOneInput(f) && !f.sensitive)
  const [changes, setChanges] = useState<Change[]>([blank()])
  const [reason, setReason] = useState('')
  const [wrong, setWrong] = useState(new Map<number, string>())
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const [preview, setPreview] = useState('')
  const [done, setDone] = useState('')
  const chosen = changes.filter((c) => c.field !== '')
  const looked = useQuery(q.operation(preview)).data
  const made = useQuery(q.operation(done)).data
  const rule = useQuery(q.approvalRules()).data?.items.find((r) => r.kind === 'bulk_edit')
  const asks = !!rule?.required && !!looked && looked.state === 'done' && looked.rows > (rule.over ?? 0)
  const take = (next: Change[]) => {
    setChanges(next)
    setWrong(new Map())
    setPreview('')
  }

  const send = async (dryRun: boolean, expect?: number) => {
    setError(null)
    const { set, reset, problems } = editOf(chosen, fields)
    setWrong(problems)
    if (problems.size) return
    setBusy(true)
    try {
      const op = await api.post('/api/v1/edits', { body: { kind: kind.name, ...(ids ? { ids } : { filter }), ...(Object.keys(set).length ? { set } : {}), ...(reset.length ? { reset } : {}), ...(dryRun ? { dry_run: true } : {}), ...(expect === undefined ? {} : { expect }), ...(reason.trim() ? { reason: reason.trim() } : {}) } })
      if (dryRun) setPreview(op.id)
      else setDone(op.id)
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  const undo = async () => {
    setError(null)
    try {
      const op = await api.post('/api/v1/operations/{id}/undo', { path: { id: done }, body: {} })
      setDone(op.id)
    } catch (err) {
      setError(err)
    }
  }
  const close = () => {
    if (done) for (const key of ['operations', 'resources', 'facets', 'summary', 'changes']) void client.invalidateQueries({ queryKey: [key] })
    onClose()
  }
  return (
    <Modal opened onClose={close} title={t`Edit ${what}`} closeButtonProps={{ 'aria-label': t`Close` }} size={620}>
      {done ? (
        <div className="stack">
          <Outcome op={made} kind={kind} verb={made?.type === 'undo' ? t`Taken back` : made?.state === 'asked' ? t`Would change, once it is approved` : t`Edited`} />
          {made?.state === 'asked' ? <p><Trans><Link to="/approvals">It waits for approval</Link>; nothing was changed yet.</Trans></p> : null}
          {error ? <ProblemPanel error={error} compact /> : null}
          <div className="row">
            <Button variant="filled" onClick={close}><Trans>Done</Trans></Button>
            {made?.type === 'edit' && made.state === 'done' && made.updated > 0 ? <Button onClick={() => void undo()}><Trans>Undo</Trans></Button> : null}
          </div>
        </div>
      ) : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); if (chosen.length) void send(true) }}>
          <ul className={css.changes}>
            {changes.map((c, i) => (
              <li key={c.id} role="group" aria-label={t`Change ${i + 1}`}>
                <ChangeEdit kind={kind} fields={fields.filter((f) => f.pointer === c.field || !changes.some((o) => o.field === f.pointer))} change={c} wrong={wrong.get(c.id)} first={i === 0} onChange={(next) => take(changes.map((o) => (o.id === c.id ? next : o)))} />
                {changes.length > 1 ? <ActionIcon aria-label={t`Leave out change ${i + 1}`} onClick={() => take(changes.filter((o) => o.id !== c.id))}><IconTrash size={15} /></ActionIcon> : null}
              </li>
            ))}
          </ul>
          {chosen.length === changes.length && changes.length < most ? <div><Button leftSection={<IconPlus size={14} aria-hidden />} onClick={() => take([...changes, blank()])}><Trans>Another field</Trans></Button></div> : null}
          <Textarea label={t`Reason`} description={t`Kept in the audit trail.`} value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
          {error ? <ProblemPanel error={error} compact /> : null}
          {asks ? <p role="note"><Trans>More than {count(rule?.over ?? 0)} resources: nothing is changed before {rule?.persons === 2 ? t`two people have approved it` : rule?.requester_may_decide ? t`it is approved` : t`another person has approved it`}.</Trans></p> : null}
          {preview ? <Outcome op={looked} kind={kind} verb={t`Would change`} /> : null}
          <div className="row">
            {chosen.length && looked?.state === 'done' && looked.updated > 0 ? (
              <Button variant="filled" loading={busy} onClick={() => void send(false, looked.rows)}>{asks ? <Trans>Ask to change <Plural value={looked.updated} one="# resource" other="# resources" /></Trans> : <Trans>Change <Plural value={looked.updated} one="# resource" other="# resources" /></Trans>}</Button>
            ) : null}
            <Button type="submit" variant={looked?.state === 'done' && looked.updated > 0 ? 'default' : 'filled'} disabled={chosen.length === 0} loading={busy && !preview}><Trans>See what would change</Trans></Button>
            <Button onClick={close}><Trans>Cancel</Trans></Button>
          </div>
        </form>
      )}
    </Modal>
  )
}

function Outcome({ op, kind, verb }: { op: Operation | undefined; kind: KindInfo; verb: string }) {
  if (!op) return <p role="status"><Trans>Looking …</Trans></p>
  if (op.state === 'running') return <p role="status"><Trans>Working: {count(op.rows)} rows so far …</Trans></p>
  return (
    <div className="stack-s" role="status">
      <p>
        <Trans><strong>{verb}: <Plural value={op.updated} one="# resource" other="# resources" /></strong>, {count(op.unchanged)} are so already{op.refused ? t`, ${count(op.refused)} cannot be` : ''}.
        {op.state === 'done' || op.state === 'asked' ? null : <><Trans> The {op.type} is {op.state}.</Trans></>}</Trans>
      </p>
      {op.error ? <p><Foreign text={op.error} max={400} /></p> : null}
      {op.errors?.length ? <ul>{op.errors.slice(0, 5).map((e, i) => <li key={i}><Foreign text={e.message} max={200} /></li>)}</ul> : null}
      {op.sample?.length ? (
        <ul className={css.sample}>
          {op.sample.slice(0, 8).map((s) => (
            <li key={s.resource.id}>
              <Link to={`/inventory/${s.resource.kind}/${s.resource.id}`}><Foreign text={s.resource.name ?? s.resource.id} max={40} /></Link>
              {(s.diff ?? []).slice(0, most).map((d) => <FieldDiff key={d.pointer} change={d} kind={kind} />)}
            </li>
          ))}
          {op.updated > Math.min(8, op.sample.length) ? <li className="muted"><Trans>and {count(op.updated - Math.min(8, op.sample.length))} more</Trans></li> : null}
        </ul>
      ) : null}
    </div>
  )
}
