// States that a resource is related to another: to one that is known, or to one that is recorded now.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../../api/client'
import { q } from '../../api/queries'
import type { KindInfo } from '../../api/types'
import { ProblemPanel } from '../../parts/States'
import { say } from '../../parts/toast'
import { CreateResource } from '../CreateResource'
import { relate, type One } from './edges'
import { relationWords } from './words'

export function Relate({ r, kind, onClose }: { r: One; kind: KindInfo; onClose: () => void }) {
  const client = useQueryClient()
  const kinds = useQuery(q.kinds())
  const [alias, setAlias] = useState<string | null>(null)
  const [other, setOther] = useState<string | null>(null)
  const [text, setText] = useState('')
  const [making, setMaking] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const [settled] = useDebouncedValue(text.trim(), 200)
  const aliases = kind.relations ?? []
  const a = aliases.find((it) => it.alias === alias)
  const target = kinds.data?.find((k) => k.name === a?.target)
  const found = useQuery({
    queryKey: ['resources', a?.target ?? '', 'pick', settled],
    queryFn: ({ signal }) => api.get('/api/v1/resources/{kind}', { path: { kind: a!.target }, query: { page_size: 20, fields: 'id,name,kind', ...(settled ? { filter: JSON.stringify(settled) } : {}) }, signal }),
    enabled: !!a,
    placeholderData: keepPreviousData,
  })
  const done = () => {
    for (const key of ['relations', 'resources', 'history']) void client.invalidateQueries({ queryKey: [key] })
    say(t`Relation stated`)
    onClose()
  }
  const submit = async () => {
    if (!a || !other) return
    setBusy(true)
    setError(null)
    try {
      await relate(r, a, { kind: a.target, id: other })
      done()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  if (making && a && target) return <CreateResource kind={target} related={{ to: r, alias: a }} onClose={() => setMaking(false)} onMade={done} />
  const choices = (found.data?.items ?? []).filter((it) => it.id !== r.id).map((it) => ({ value: it.id, label: it.name || it.id }))
  return (
    <Modal opened onClose={onClose} title={t`State a relation`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <Select label={t`How it is related`} required searchable data-autofocus
          data={aliases.map((it) => ({ value: it.alias, label: `${relationWords(it.direction, it.verb)}: ${kinds.data?.find((k) => k.name === it.target)?.label ?? it.target}` }))}
          value={alias} onChange={(v) => { setAlias(v); setOther(null); setText('') }} />
        {a ? (
          <Select label={target?.label ?? a.target} required searchable clearable data={choices} value={other} onChange={setOther} searchValue={text} onSearchChange={setText}
            filter={({ options }) => options} nothingFoundMessage={found.isFetching ? t`Looking …` : t`None of that name is known.`} />
        ) : null}
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" loading={busy} disabled={!a || !other}><Trans>State it</Trans></Button>
          {a && target ? <Button onClick={() => setMaking(true)}><Trans>Record a new one…</Trans></Button> : null}
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}
