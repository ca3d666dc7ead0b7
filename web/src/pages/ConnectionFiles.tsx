// Files of a connection whose plugin reads such: what is there, putting more in by choosing or dropping, taking some out.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { ActionIcon, Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconTrash, IconUpload } from '@tabler/icons-react'
import { useRef, useState, type DragEvent } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { Connection } from '../api/types'
import { bytes } from '../format/units'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign, Snippet } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import css from './Connection.module.css'

export function Files({ c }: { c: Connection }) {
  const plugins = useQuery(q.plugins())
  const reads = plugins.data?.items.some((p) => p.provider === c.provider && p.files)
  return reads ? <FilesPanel c={c} /> : null
}

function FilesPanel({ c }: { c: Connection }) {
  const client = useQueryClient()
  const may = useMay('connection.manage')
  const files = useQuery(q.files(c.id))
  const input = useRef<HTMLInputElement>(null)
  const [going, setGoing] = useState<{ done: number; of: number; name: string } | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [over, setOver] = useState(false)
  const [doomed, setDoomed] = useState<string | null>(null)
  const refresh = () => client.invalidateQueries({ queryKey: ['connections', c.id, 'files'] })

  const put = async (list: File[]) => {
    if (!list.length || going) return
    setError(null)
    try {
      for (const [i, file] of list.entries()) {
        setGoing({ done: i, of: list.length, name: file.name })
        await api.upload(c.id, file)
      }
      say(list.length === 1 ? t`${list[0]!.name} uploaded` : t`${list.length} files uploaded`)
    } catch (err) {
      setError(err)
    }
    setGoing(null)
    void refresh()
  }
  const drop = (e: DragEvent) => {
    e.preventDefault()
    setOver(false)
    void put([...e.dataTransfer.files])
  }
  const items = files.data?.items ?? []
  const total = files.data?.total_size ?? items.length
  return (
    <Panel
      id="files"
      title={total ? t`Files (${total})` : t`Files`}
      flush
      actions={may ? <Button leftSection={<IconUpload size={15} aria-hidden />} loading={going !== null} onClick={() => input.current?.click()}><Trans>Upload files</Trans></Button> : null}
    >
      <div
        className={css.drop}
        data-over={over || undefined}
        {...(may ? { onDragOver: (e: DragEvent) => { e.preventDefault(); setOver(true) }, onDragLeave: () => setOver(false), onDrop: drop } : {})}
      >
        <input ref={input} type="file" multiple hidden aria-label={t`Files to upload`} onChange={(e) => { void put([...(e.currentTarget.files ?? [])]); e.currentTarget.value = '' }} />
        <div role="status">{going ? <p className={css.staff}><Trans>Uploading {going.done + 1} of {going.of}: <Foreign text={going.name} /></Trans></p> : null}</div>
        {error ? <ProblemPanel error={error} compact /> : null}
        {files.error && !files.data ? <ProblemPanel error={files.error} compact retry={() => void files.refetch()} /> : files.isPending ? <Loading what={t`the files`} lines={2} /> : items.length === 0 ? (
          <Empty title={t`No files yet`}>
            <p><Trans>This provider reads files that people upload here. The agent fetches them before each run.{may ? t` Drop some here, choose them above, or send a folder from a terminal:` : ''}</Trans></p>
            {may ? <Snippet label={t`the command`} text={`maestro connections upload ${c.id} FOLDER --prune`} /> : null}
          </Empty>
        ) : (
          <ul className={`${css.kinds} ${css.files}`}>
            {items.map((f) => (
              <li key={f.name}>
                <span className="grow"><Foreign text={f.name} mono max={100} /></span>
                {f.lost ? <State state="failed" word={t`lost: upload it again`} /> : <span className="muted">{bytes(f.size_bytes)}</span>}
                <span className="muted"><Trans><When at={f.uploaded_at} /> by <Foreign text={f.uploaded_by} max={40} /></Trans></span>
                {may ? <ActionIcon variant="subtle" aria-label={t`Delete ${f.name}`} onClick={() => setDoomed(f.name)}><IconTrash size={15} /></ActionIcon> : null}
              </li>
            ))}
            {total > items.length ? <li className="muted"><Trans>and {total - items.length} more</Trans></li> : null}
          </ul>
        )}
      </div>
      {doomed !== null ? (
        <Confirm
          title={t`Delete this file`}
          verb={t`Delete the file`}
          danger
          onClose={() => setDoomed(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/connections/{id}/files/{name}', { path: { id: c.id, name: doomed } })
            await refresh()
            say(t`${doomed} deleted`)
          }}
        >
          <p><Foreign text={doomed} mono max={200} /></p>
          <p><Trans>What the plugin read from it is no longer listed by the next run, and counts as gone then.</Trans></p>
        </Confirm>
      ) : null}
    </Panel>
  )
}
