// Whose value is shown where sources differ: the order of the connections, and how long a preferred one may be silent.
import { Button, Modal, NumberInput, Radio, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Connection, KindInfo, Staleness } from '../api/types'
import { actor } from '../format/text'
import { counted } from '../format/units'
import { useMay } from '../frame/session'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Settings.module.css'

const day = 86_400

/** silent says a time as people set it. */
export const silent = (seconds: number) => (seconds === 0 ? 'never' : seconds % day === 0 ? counted(seconds / day, 'day') : counted(Math.max(1, Math.round(seconds / 3600)), 'hour'))

/** byPreference is the order in which connections are asked, for any kind. */
export const byPreference = (list: Connection[]) => [...list].sort((a, b) => (a.precedence || 500) - (b.precedence || 500) || a.created_at.localeCompare(b.created_at))

export function SourcesPanel() {
  const may = useMay('mapping.manage')
  const rule = useQuery(q.staleness())
  const connections = useQuery(q.connections())
  const kinds = useQuery(q.kinds())
  const [editing, setEditing] = useState(false)
  const r = rule.data
  const error = rule.error ?? connections.error
  const called = (kind: string) => kinds.data?.find((k) => k.name === kind)?.plural ?? kind
  return (
    <Panel title="Whose value is shown" actions={may && r ? <Button onClick={() => setEditing(true)}>Edit the rule of silence</Button> : null}>
      {error && !(rule.data && connections.data) ? <ProblemPanel error={error} compact /> : r ? (
        <div className="stack-s">
          <p>{r.silent_after_seconds === 0 ? 'A preferred source keeps its say however long it is silent.' : <>A preferred source that was not completely read for <strong>{silent(r.silent_after_seconds)}</strong> gives way to the others of the same resource.</>} <span className="muted">{r.own ? <>The collector’s configuration says {silent(r.default_seconds)}.</> : 'So says the collector’s configuration.'}</span></p>
          {r.kinds.length ? <p>Otherwise for {r.kinds.map((k, i) => <span key={k.kind}>{i ? ', ' : ''}{called(k.kind)}: {silent(k.silent_after_seconds)}</span>)}.</p> : null}
          {r.version ? <p className="muted">Saved <When at={r.saved_at} /> by <Foreign text={actor(r.saved_by ?? '').name} max={40} />{r.reason ? <>: <Foreign text={r.reason} max={120} /></> : null}</p> : null}
          {connections.data?.items.length ? (
            <>
              <p className="muted">Where connections differ on a field, the first of these that has a value is shown. A person’s value comes before all of them; a field can be tied to one connection on the resource’s page.</p>
              <ol className={css.order} aria-label="Connections by precedence">
                {byPreference(connections.data.items).map((c) => (
                  <li key={c.id}>
                    <Link to={`/connections/${c.id}`}><Foreign text={c.name} max={60} /></Link> <span className="muted">{c.precedence || 500}{c.kinds?.some((k) => k.precedence) ? <>; {c.kinds.filter((k) => k.precedence).map((k) => `${called(k.kind)} ${k.precedence}`).join(', ')}</> : null}</span>
                    {may ? <> <Link to={`/connections/${c.id}/edit`} aria-label={`Edit the precedence of ${c.name}`}>Edit</Link></> : null}
                  </li>
                ))}
              </ol>
            </>
          ) : null}
        </div>
      ) : null}
      {editing && r ? <EditStaleness rule={r} kinds={kinds.data ?? []} onClose={() => setEditing(false)} /> : null}
    </Panel>
  )
}

type Choice = 'default' | 'never' | 'days'

function EditStaleness({ rule, kinds, onClose }: { rule: Staleness; kinds: KindInfo[]; onClose: () => void }) {
  const client = useQueryClient()
  const [choice, setChoice] = useState<Choice>(rule.own ? (rule.silent_after_seconds === 0 ? 'never' : 'days') : 'default')
  const [days, setDays] = useState<number | string>((rule.silent_after_seconds || 7 * day) / day)
  const [own, setOwn] = useState(rule.kinds.map((k) => ({ kind: k.kind, days: k.silent_after_seconds / day as number | string })))
  const [reason, setReason] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const seconds = (n: number | string) => Math.round(Number(n) * day)
  const save = async () => {
    setBusy(true)
    setError(null)
    try {
      await api.put('/api/v1/staleness', {
        ifMatch: rule.version,
        body: {
          ...(choice === 'default' ? {} : { silent_after_seconds: choice === 'never' ? 0 : seconds(days) }),
          kinds: own.map((k) => ({ kind: k.kind, silent_after_seconds: seconds(k.days) })),
          ...(reason.trim() ? { reason: reason.trim() } : {}),
        },
      })
      void client.invalidateQueries({ queryKey: ['staleness'] })
      say('The rule of silence is saved')
      onClose()
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  const free = kinds.filter((k) => !own.some((x) => x.kind === k.name)).map((k) => ({ value: k.name, label: k.plural }))
  return (
    <Modal opened onClose={onClose} title="The rule of silence" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void save() }}>
        <Radio.Group label="A preferred source gives way" value={choice} onChange={(v) => setChoice(v as Choice)}>
          <div className="stack-s">
            <Radio value="default" label={`as the collector’s configuration says: ${rule.default_seconds ? `after ${silent(rule.default_seconds)}` : 'never'}`} />
            <Radio value="days" label="after days without a complete reading" />
            <Radio value="never" label="never" />
          </div>
        </Radio.Group>
        {choice === 'days' ? <NumberInput label="Days" required min={0.05} max={3650} decimalScale={2} value={days} onChange={setDays} /> : null}
        <fieldset className={css.kinds}>
          <legend>Kinds that differ <span className="muted">in days; 0 is never</span></legend>
          {own.map((k) => (
            <div key={k.kind} className={css.line}>
              <span>{kinds.find((x) => x.name === k.kind)?.plural ?? k.kind}</span>
              <NumberInput aria-label={`Days of silence for ${k.kind}`} min={0} max={3650} decimalScale={2} w={110} value={k.days} onChange={(n) => setOwn(own.map((x) => (x.kind === k.kind ? { ...x, days: n } : x)))} />
              <button type="button" className="link" aria-label={`Remove ${k.kind}`} onClick={() => setOwn(own.filter((x) => x.kind !== k.kind))}>Remove</button>
            </div>
          ))}
          <Select aria-label="Add a kind" placeholder="Add a kind" searchable data={free} value={null} onChange={(v) => { if (v) setOwn([...own, { kind: v, days: 7 }]) }} />
        </fieldset>
        <TextInput label="Reason" description="For the audit log." value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}>Save</Button><Button onClick={onClose}>Cancel</Button></div>
      </form>
    </Modal>
  )
}
