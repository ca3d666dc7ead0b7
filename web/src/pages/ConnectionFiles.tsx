// Files of a connection whose plugin reads such: what is there, putting more in by choosing or dropping, taking some out.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { ActionIcon, Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconTrash, IconUpload } from '@tabler/icons-react'
import { useRef, useState, type DragEvent } from 'react'

import { api } from '../api/client'
import { q } from '../api/queries'
import { asProblem } from '../api/problem'
import type { Connection, FileType } from '../api/types'
import { bytes } from '../format/units'
import { useMaySomewhere } from '../frame/session'
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
  const reads = plugins.data?.items.find((p) => p.provider === c.provider && p.files)
  return reads ? <FilesPanel c={c} types={reads.file_types ?? []} /> : null
}

/** What the collector did not take, and why. */
interface Refused { name: string; why: string }

/** What a plugin reads, for who looks for the right file. */
function Wanted({ type }: { type: FileType }) {
  const more = [
    type.content === 'json' ? t`a JSON object` : type.content === 'text' ? t`text` : '',
    type.members?.length ? t`with one of ${type.members.join(', ')}` : '',
    type.endings?.length ? t`named ${type.endings.join(', ')}` : '',
    type.max_bytes ? t`at most ${bytes(type.max_bytes)}` : '',
  ].filter(Boolean)
  return <><Foreign text={type.title} max={100} />{more.length ? <span className="muted"> ({more.join(', ')})</span> : null}</>
}

function FilesPanel({ c, types }: { c: Connection; types: FileType[] }) {
  const client = useQueryClient()
  const may = useMaySomewhere('connection.edit')
  const files = useQuery(q.files(c.id))
  const input = useRef<HTMLInputElement>(null)
  const [going, setGoing] = useState<{ done: number; of: number; name: string } | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [refused, setRefused] = useState<Refused[]>([])
  const [over, setOver] = useState(false)
  const [doomed, setDoomed] = useState<string | null>(null)
  const refresh = () => client.invalidateQueries({ queryKey: ['connections', c.id, 'files'] })

  const put = async (list: File[]) => {
    if (!list.length || going) return
    setError(null)
    setRefused([])
    const not: Refused[] = []
    let done = 0
    try {
      for (const [i, file] of list.entries()) {
        setGoing({ done: i, of: list.length, name: file.name })
        try {
          await api.upload(c.id, file)
          done++
        } catch (err) {
          // One that is not what the plugin reads keeps no other out.
          const p = asProblem(err)
          if (p.status !== 422 && p.status !== 413) throw err
          not.push({ name: file.name, why: p.fields.get('') ?? [...p.fields.values()][0] ?? p.detail })
        }
      }
    } catch (err) {
      setError(err)
    }
    setRefused(not)
    if (done) say(done === 1 && list.length === 1 ? t`${list[0]!.name} uploaded` : plural(done, { one: '# file uploaded', other: '# files uploaded' }))
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
        {refused.length ? (
          <div className={css.staff} role="alert">
            <p><State state="failed" word={plural(refused.length, { one: '# file was not taken', other: '# files were not taken' })} /></p>
            <ul className={css.refused}>
              {refused.map((r) => <li key={r.name}><Foreign text={r.why || r.name} max={500} /></li>)}
            </ul>
          </div>
        ) : null}
        {files.error && !files.data ? <ProblemPanel error={files.error} compact retry={() => void files.refetch()} /> : files.isPending ? <Loading what={t`the files`} lines={2} /> : items.length === 0 ? (
          <Empty title={t`No files yet`}>
            <p><Trans>This provider reads files that people upload here. The agent fetches them before each run.{may ? t` Drop some here, choose them above, or send a folder from a terminal:` : ''}</Trans></p>
            {may ? <Snippet label={t`the command`} text={`maestro connections upload ${c.id} FOLDER --prune`} /> : null}
            {types.length ? <div><p><Trans>It reads:</Trans></p><ul className={css.refused}>{types.map((type) => <li key={type.title}><Wanted type={type} /></li>)}</ul></div> : null}
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
