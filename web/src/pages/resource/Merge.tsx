// Says that another resource is the same thing: it is looked for by name and lives on as this one.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../../api/client'
import { q } from '../../api/queries'
import type { Resource, ResourceHead } from '../../api/types'
import { State } from '../../parts/marks'
import { ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { say } from '../../parts/toast'
import { TwoSides } from '../../parts/TwoSides'

export function Merge({ r, onClose, refresh }: { r: Resource; onClose: () => void; refresh: () => void }) {
  const client = useQueryClient()
  const [text, setText] = useState('')
  const [other, setOther] = useState<ResourceHead | null>(null)
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const found = useQuery(q.search(text))
  const choices = (text.trim() ? found.data?.items ?? [] : []).filter((x) => x.kind === r.kind && x.id !== r.id && x.state !== 'merged')
  const merge = async () => {
    if (!other) return
    setBusy(true)
    setError(null)
    try {
      const is = await api.post('/api/v1/resources/{kind}/{id}/merge', { path: { kind: r.kind, id: r.id }, ifMatch: r.version, body: { with: other.id, ...(reason.trim() ? { reason: reason.trim() } : {}) } })
      for (const key of ['resources', 'reviews', 'changes', 'summary', 'approvals']) void client.invalidateQueries({ queryKey: [key] })
      say(is.approval ? t`It waits for somebody to approve it; nothing is merged until then` : t`${other.name} lives on as this one`)
      refresh()
      onClose()
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} size={other ? 'xl' : undefined} title={t`Merge another one into this`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void merge() }}>
        <TextInput label={t`The other one`} description={t`A name, or the beginning of a word of it`} value={text} data-autofocus onChange={(e) => { setText(e.currentTarget.value); setOther(null) }} />
        <div className="stack-s" role="group" aria-label={t`Found`}>
          {choices.map((x) => (
            <button key={x.id} type="button" className="link row" aria-pressed={other?.id === x.id} onClick={() => setOther(x)}>
              <State state={x.state} /> <Foreign text={x.name || x.id} max={60} /> {other?.id === x.id ? <span className="muted"><Trans>chosen</Trans></span> : null}
            </button>
          ))}
          {text.trim() && found.data && choices.length === 0 ? <p className="muted"><Trans>Nothing of this kind has such a name.</Trans></p> : null}
        </div>
        {other ? <TwoSides left={r} right={other} /> : null}
        <Textarea label={t`Reason`} description={t`For the audit trail; may be empty`} value={reason} onChange={(e) => setReason(e.currentTarget.value)} autosize minRows={2} />
        <p className="muted"><Trans>It keeps its history and leads here. What people had set on both stays as it is here. It can be split off again under Sources.</Trans></p>
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row"><Button type="submit" variant="filled" disabled={!other} loading={busy}><Trans>Merge</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
      </form>
    </Modal>
  )
}
