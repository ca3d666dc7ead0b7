// Whose value is shown where sources differ: the order of the connections, and how long a preferred one may be silent.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, NumberInput, Radio, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Connection, KindInfo, Staleness } from '../api/types'
import { actor } from '../format/text'
import { useMay } from '../frame/session'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Settings.module.css'

const day = 86_400

/** silent says a time as people set it. */
export const silent = (seconds: number) => (seconds === 0 ? 'never' : seconds % day === 0 ? plural(seconds / day, { one: '# day', other: '# days' }) : plural(Math.max(1, Math.round(seconds / 3600)), { one: '# hour', other: '# hours' }))

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
    <Panel title={t`Whose value is shown`} actions={may && r ? <Button onClick={() => setEditing(true)}><Trans>Edit the rule of silence</Trans></Button> : null}>
      {error && !(rule.data && connections.data) ? <ProblemPanel error={error} compact /> : r ? (
        <div className="stack-s">
          <p>{r.silent_after_seconds === 0 ? t`A preferred source keeps its say however long it is silent.` : <><Trans>A preferred source that was not completely read for <strong>{silent(r.silent_after_seconds)}</strong> gives way to the others of the same resource.</Trans></>} <span className="muted">{r.own ? <><Trans>The collector’s configuration says {silent(r.default_seconds)}.</Trans></> : t`So says the collector’s configuration.`}</span></p>
          {r.kinds.length ? <p><Trans>Otherwise for {r.kinds.map((k, i) => <span key={k.kind}>{i ? ', ' : ''}{called(k.kind)}: {silent(k.silent_after_seconds)}</span>)}.</Trans></p> : null}
          {r.version ? <p className="muted"><Trans>Saved <When at={r.saved_at} /> by <Foreign text={actor(r.saved_by ?? '').name} max={40} />{r.reason ? <>: <Foreign text={r.reason} max={120} /></> : null}</Trans></p> : null}
          {connections.data?.items.length ? (
            <>
              <p className="muted"><Trans>Where connections differ on a field, the first of these that has a value is shown. A person’s value comes before all of them; a field can be tied to one connection on the resource’s page.</Trans></p>
              <ol className={css.order} aria-label={t`Connections by precedence`}>
                {byPreference(connections.data.items).map((c) => (
                  <li key={c.id}>
                    <Link to={`/connections/${c.id}`}><Foreign text={c.name} max={60} /></Link> <span className="muted">{c.precedence || 500}{c.kinds?.some((k) => k.precedence) ? <>; {c.kinds.filter((k) => k.precedence).map((k) => `${called(k.kind)} ${k.precedence}`).join(', ')}</> : null}</span>
                    {may ? <> <Link to={`/connections/${c.id}/edit`} aria-label={t`Edit the precedence of ${c.name}`}><Trans>Edit</Trans></Link></> : null}
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
      say(t`The rule of silence is saved`)
      onClose()
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  const free = kinds.filter((k) => !own.some((x) => x.kind === k.name)).map((k) => ({ value: k.name, label: k.plural }))
  return (
    <Modal opened onClose={onClose} title={t`The rule of silence`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void save() }}>
        <Radio.Group label={t`A preferred source gives way`} value={choice} onChange={(v) => setChoice(v as Choice)}>
          <div className="stack-s">
            <Radio value="default" label={t`as the collector’s configuration says: ${rule.default_seconds ? t`after ${silent(rule.default_seconds)}` : t`never`}`} />
            <Radio value="days" label={t`after days without a complete reading`} />
            <Radio value="never" label={t`never`} />
          </div>
        </Radio.Group>
        {choice === 'days' ? <NumberInput label={t`Days`} required min={0.05} max={3650} decimalScale={2} value={days} onChange={setDays} /> : null}
        <fieldset className={css.kinds}>
          <legend><Trans>Kinds that differ <span className="muted">in days; 0 is never</span></Trans></legend>
          {own.map((k) => (
            <div key={k.kind} className={css.line}>
              <span>{kinds.find((x) => x.name === k.kind)?.plural ?? k.kind}</span>
              <NumberInput aria-label={t`Days of silence for ${k.kind}`} min={0} max={3650} decimalScale={2} w={110} value={k.days} onChange={(n) => setOwn(own.map((x) => (x.kind === k.kind ? { ...x, days: n } : x)))} />
              <button type="button" className="link" aria-label={t`Remove ${k.kind}`} onClick={() => setOwn(own.filter((x) => x.kind !== k.kind))}><Trans>Remove</Trans></button>
            </div>
          ))}
          <Select aria-label={t`Add a kind`} placeholder={t`Add a kind`} searchable data={free} value={null} onChange={(v) => { if (v) setOwn([...own, { kind: v, days: 7 }]) }} />
        </fieldset>
        <TextInput label={t`Reason`} description={t`For the audit log.`} value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}
