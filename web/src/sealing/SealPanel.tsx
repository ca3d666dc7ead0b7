// How the sealed credential of one connection stands.
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Connection } from '../api/types'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Panel } from '../parts/Page'
import { ProblemPanel } from '../parts/States'
import { Foreign, Quote } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Seal.module.css'
import { SealDialog } from './SealForm'
import { stateOf, wordOf } from './words'

export function SealPanel({ c }: { c: Connection }) {
  const client = useQueryClient()
  const may = useMay('connection.manage')
  const sealed = useQuery(q.sealedOf(c.id))
  const [dialog, setDialog] = useState<'seal' | 'forget' | null>(null)
  const x = sealed.data
  if (sealed.error && !sealed.data) return <Panel title="Sealed credential"><ProblemPanel error={sealed.error} compact /></Panel>
  if (!x || (x.state === 'none' && (x.wanted ?? []).length === 0)) return null
  return (
    <Panel
      id="credential"
      title="Sealed credential"
      actions={may ? (
        <>
          <Button onClick={() => setDialog('seal')}>{x.state === 'none' ? 'Enter it' : 'Enter another'}</Button>
          {x.state === 'none' ? null : <Button onClick={() => setDialog('forget')}>Forget …</Button>}
        </>
      ) : null}
    >
      {x.state === 'none' ? <p className="muted">Nothing is sealed for this connection{c.credential ? '; it uses a credential of the agent’s own file' : ''}.</p> : (
        <dl className={css.terms}>
          <div><dt>State</dt><dd><State state={stateOf(x.state)} word={wordOf(x.state)} />{x.reason ? <Quote text={x.reason} tone={x.state === 'reenter' ? 'bad' : undefined} /> : null}{x.advice ? <Quote text={x.advice} tone="bad" /> : null}</dd></div>
          <div><dt>Sealed</dt><dd><span><Foreign text={(x.variables ?? []).join(', ')} mono /> <span className="muted"><When at={x.sealed_at} /> by <Foreign text={x.sealed_by ?? ''} max={60} /></span></span></dd></div>
          <div><dt>Readable by</dt><dd>{(x.opened_by ?? []).length ? (x.opened_by ?? []).map((r) => <span key={r.fingerprint}><Foreign text={r.name} /> <code className="break">{r.fingerprint}</code></span>) : 'nobody'}</dd></div>
        </dl>
      )}
      {dialog === 'seal' ? <SealDialog of={[x]} onClose={() => setDialog(null)} /> : null}
      {dialog === 'forget' ? (
        <Confirm
          title={`Forget the sealed credential of ${c.name}`}
          verb="Forget it"
          danger
          onClose={() => setDialog(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/sealed-credentials/{id}', { path: { id: c.id } })
            void client.invalidateQueries({ queryKey: ['sealed'] })
            say('The sealed credential is forgotten')
          }}
        >
          <p>Runs go on with what the agent’s own file has, or fail. It cannot be taken back; it can be entered again.</p>
        </Confirm>
      ) : null}
    </Panel>
  )
}
