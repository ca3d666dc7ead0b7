// Sets tags by hand, tag by tag: one that a person removes stays away though its source still has it, and one that is left alone
// goes on being the source's.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../../api/client'
import { q } from '../../api/queries'
import type { Field, Resource } from '../../api/types'
import { join } from '../../format/pointer'
import { filledRows, recordProblems, type Row } from '../../kinds/records'
import { RecordsEdit } from '../../parts/RecordsEdit'
import { ProblemPanel } from '../../parts/States'
import { say } from '../../parts/toast'

const field = (): Field => ({
  path: 'tags', pointer: '/tags', type: 'array', label: t`Tags`, key: 'key',
  items: [{ path: 'key', pointer: '/key', type: 'string', label: t`Key` }, { path: 'value', pointer: '/value', type: 'string', label: t`Value` }],
})

export function TagsEdit({ r, onDone, refresh }: { r: Resource; onDone: () => void; refresh: () => void }) {
  const client = useQueryClient()
  const [version] = useState(r.version)
  const [before] = useState(() => new Map((r.tags ?? []).map((it) => [it.key, it.value])))
  const [rows, setRows] = useState<Row[]>(() => (r.tags ?? []).map((it) => ({ key: it.key, value: it.value })))
  const [problems, setProblems] = useState(new Map<string, string>())
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const save = async () => {
    const wrong = recordProblems(field(), rows)
    setProblems(wrong)
    if (wrong.size) return
    const after = new Map(filledRows(field(), rows).map((it) => [String(it['key']), String(it['value'] ?? '')]))
    const set: Record<string, unknown> = {}
    for (const [key, value] of after) if (before.get(key) !== value) set['/tags' + join(key)] = value
    for (const key of before.keys()) if (!after.has(key)) set['/tags' + join(key)] = null
    if (Object.keys(set).length === 0) return onDone()
    setBusy(true)
    setError(null)
    try {
      const next = await api.patch('/api/v1/resources/{kind}/{id}', { path: { kind: r.kind, id: r.id }, body: { set }, ifMatch: version })
      client.setQueryData(q.resource(r.kind, r.id).queryKey, (old) => (old ? { ...old, ...next } : next))
      for (const key of [['resources', r.kind], ['history', r.id]]) void client.invalidateQueries({ queryKey: key })
      refresh()
      say(t`Tags saved`)
      onDone()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <form className="stack-s" noValidate onSubmit={(e) => { e.preventDefault(); void save() }}>
      <RecordsEdit field={field()} rows={rows} onChange={setRows} problems={problems} />
      {error ? <ProblemPanel error={error} compact /> : null}
      <div className="row">
        <Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button>
        <Button onClick={onDone}><Trans>Cancel</Trans></Button>
      </div>
    </form>
  )
}
