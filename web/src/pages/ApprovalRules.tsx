// What has to be approved before it is done, by whom, and how long it stays.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Modal, MultiSelect, NumberInput, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { ApprovalRule, ApprovalRules } from '../api/types'
import { actor } from '../format/text'
import { count } from '../format/units'
import { useMay } from '../frame/session'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { sectionName } from './Approvals'

const stays = (hours: number) => (hours === 0 ? t`until it is decided` : hours % 24 === 0 ? plural(hours / 24, { one: 'for # day', other: 'for # days' }) : plural(hours, { one: 'for # hour', other: 'for # hours' }))

export function ApprovalRulesPanel() {
  const may = useMay('approval.manage')
  const rules = useQuery(q.approvalRules())
  const [editing, setEditing] = useState<ApprovalRule | null>(null)
  const r = rules.data
  return (
    <Panel title={t`What has to be approved`}>
      {rules.error && !r ? <ProblemPanel error={rules.error} compact /> : r ? (
        <div className="stack-s">
          <ul className="stack-s">
            {r.items.map((x) => (
              <li key={x.kind}>
                <strong>{sectionName(x.kind)}</strong>: {!x.required ? t`is not asked` : <>{x.kind === 'bulk_edit' ? <><Trans>of more than {count(x.over ?? 0)} resources</Trans>, </> : null}{plural(x.persons, { one: '# person decides', other: '# people decide' })}, {x.roles?.length || x.teams?.length ? t`of named roles and teams` : t`of those who may do it themselves`}{x.requester_may_decide ? <>, {t`also who asked`}</> : null}; {t`it stays`} {stays(x.expires_after_hours)}</>}{' '}
                {may ? <button type="button" className="link" aria-label={t`Edit the rule of ${sectionName(x.kind)}`} onClick={() => setEditing(x)}><Trans>Edit</Trans></button> : null}
              </li>
            ))}
          </ul>
          {r.version && r.updated_at ? <p className="muted"><Trans>Saved <When at={r.updated_at} /> by <Foreign text={actor(r.updated_by ?? '').name} max={40} /></Trans></p> : null}
        </div>
      ) : null}
      {editing && r ? <EditRule rules={r} rule={editing} onClose={() => setEditing(null)} /> : null}
    </Panel>
  )
}

function EditRule({ rules, rule, onClose }: { rules: ApprovalRules; rule: ApprovalRule; onClose: () => void }) {
  const client = useQueryClient()
  const roles = useQuery(q.roles()).data?.items ?? []
  const teams = useQuery(q.teams()).data?.items ?? []
  const [is, setIs] = useState(rule)
  const [reason, setReason] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const always = rule.kind === 'removal' || rule.kind === 'plugin_kind'
  const save = async () => {
    setBusy(true)
    setError(null)
    try {
      await api.put('/api/v1/approval-rules', { ifMatch: rules.version, body: { items: rules.items.map((x) => (x.kind === is.kind ? is : x)), ...(reason.trim() ? { reason: reason.trim() } : {}) } })
      void client.invalidateQueries({ queryKey: ['approval-rules'] })
      void client.invalidateQueries({ queryKey: ['approvals'] })
      say(t`The rule is saved`)
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={t`Rule: ${sectionName(rule.kind)}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void save() }}>
        <Checkbox label={t`Ask before it is done`} checked={is.required} disabled={always} description={always ? t`It waits by itself, whatever the rule says.` : undefined} onChange={(e) => setIs({ ...is, required: e.currentTarget.checked })} />
        {rule.kind !== 'bulk_edit' ? null : <NumberInput label={t`Resources that may be edited without asking`} min={0} max={1_000_000} value={is.over ?? 0} onChange={(v) => setIs({ ...is, over: Number(v) })} />}
        <Select label={t`How many people have to approve`} allowDeselect={false} data={[{ value: '1', label: t`One person` }, { value: '2', label: t`Two people` }]} value={String(is.persons)} onChange={(v) => setIs({ ...is, persons: Number(v) })} />
        <Checkbox label={t`Who asked may decide too`} checked={is.requester_may_decide} onChange={(e) => setIs({ ...is, requester_may_decide: e.currentTarget.checked })} />
        <NumberInput label={t`Hours until it expires`} description={t`0: it stays until it is decided. What expires is not done.`} min={0} max={87_840} value={is.expires_after_hours} onChange={(v) => setIs({ ...is, expires_after_hours: Number(v) })} />
        <MultiSelect label={t`Roles that decide`} description={t`None of roles and teams: everybody who may do it.`} data={roles.map((r) => r.name)} value={is.roles ?? []} onChange={(v) => setIs({ ...is, roles: v })} />
        <MultiSelect label={t`Teams that decide`} data={teams.map((x) => ({ value: x.id, label: x.name }))} value={is.teams ?? []} onChange={(v) => setIs({ ...is, teams: v })} />
        <TextInput label={t`Reason`} description={t`Kept in the audit trail.`} value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}
