// Saved lists: what is shown under a name, for oneself or for everybody.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Menu, Modal, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconBookmark, IconCheck, IconUsers } from '@tabler/icons-react'
import { useState } from 'react'

import { api } from '../../api/client'
import { Problem } from '../../api/problem'
import { useLater } from '../../api/later'
import { q } from '../../api/queries'
import type { KindInfo, View } from '../../api/types'
import { useMay } from '../../frame/session'
import { Confirm } from '../../parts/Confirm'
import { ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { say } from '../../parts/toast'

export interface Shown {
  filter: string
  orderBy: string
  columns: string
  pinned: number
}

/** A view's state, as the address has it. */
export const shownBy = (v: View): Shown => ({ filter: v.filter ?? '', orderBy: v.order_by ?? '', columns: (v.columns ?? []).join(','), pinned: v.pinned ?? 0 })

const same = (a: Shown, b: Shown) => a.filter === b.filter && (a.orderBy || 'name') === (b.orderBy || 'name') && a.columns === b.columns && a.pinned === b.pinned

interface Props {
  kind: KindInfo
  now: Shown
  current: string
  onOpen: (v: View | null) => void
}

export function Views({ kind, now, current, onOpen }: Props) {
  const client = useQueryClient()
  const views = useQuery({ ...q.views(), enabled: useLater() })
  const [dialog, setDialog] = useState<'save' | 'delete' | null>(null)
  const own = (views.data?.items ?? []).filter((v) => v.kind === kind.name)
  const open = own.find((v) => v.id === current)
  const changed = open ? !same(shownBy(open), now) : false
  const refresh = () => client.invalidateQueries({ queryKey: ['views'] })
  const update = async () => {
    if (!open) return
    try {
      const next = await api.put('/api/v1/views/{id}', { path: { id: open.id }, ifMatch: open.version, body: { kind: kind.name, name: open.name, ...(open.description ? { description: open.description } : {}), ...(open.shared ? { shared: true } : {}), ...written(now) } })
      await refresh()
      say(t`View “${next.name}” saved`)
    } catch (err) {
      void refresh()
      say(err instanceof Problem && err.stale ? t`Somebody else changed this view meanwhile: look again, then save` : err instanceof Error ? err.message : t`The view was not saved`)
    }
  }
  const item = (v: View) => (
    <Menu.Item key={v.id} leftSection={v.id === current ? <IconCheck size={14} aria-label={t`shown`} /> : v.shared ? <IconUsers size={14} aria-label={t`shared`} /> : <IconBookmark size={14} aria-hidden />} onClick={() => onOpen(v)}>
      <Foreign text={v.name} max={40} />
    </Menu.Item>
  )
  return (
    <>
      <Menu position="bottom-end" width={260}>
        <Menu.Target>
          <Button leftSection={<IconBookmark size={15} aria-hidden />}>{open ? <><Foreign text={open.name} max={24} />{changed ? ' *' : ''}</> : t`Views`}</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {own.some((v) => v.shared) ? <Menu.Label><Trans>Everybody’s</Trans></Menu.Label> : null}
          {own.filter((v) => v.shared).map(item)}
          {own.some((v) => !v.shared) ? <Menu.Label><Trans>Yours</Trans></Menu.Label> : null}
          {own.filter((v) => !v.shared).map(item)}
          {own.length === 0 ? <Menu.Label><Trans>No list of {kind.plural.toLowerCase()} was saved yet</Trans></Menu.Label> : null}
          <Menu.Divider />
          {open?.managed_by ? <Menu.Label><Trans>Kept by the documents “<Foreign text={open.managed_by} max={30} />”: maestro apply writes it again</Trans></Menu.Label> : null}
          {open && changed && open.editable ? <Menu.Item onClick={() => void update()}><Trans>Save the changes</Trans></Menu.Item> : null}
          <Menu.Item onClick={() => setDialog('save')}><Trans>Save this list …</Trans></Menu.Item>
          {open ? <Menu.Item onClick={() => onOpen(null)}><Trans>Back to the usual list</Trans></Menu.Item> : null}
          {open?.editable ? <Menu.Item color="danger" onClick={() => setDialog('delete')}><Trans>Delete this view …</Trans></Menu.Item> : null}
        </Menu.Dropdown>
      </Menu>
      {dialog === 'save' ? <Save kind={kind} now={now} onClose={() => setDialog(null)} onSaved={(v) => { void refresh(); setDialog(null); onOpen(v) }} /> : null}
      {dialog === 'delete' && open ? (
        <Confirm
          title={t`Delete the view ${open.name}`}
          verb={t`Delete`}
          danger
          onClose={() => setDialog(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/views/{id}', { path: { id: open.id } })
            await refresh()
            onOpen(null)
          }}
        >
          <p><Trans>{open.shared ? t`Nobody finds it in the list of views any more. ` : ''}Resources are not touched.</Trans></p>
        </Confirm>
      ) : null}
    </>
  )
}

const written = (s: Shown) => ({ filter: s.filter, order_by: s.orderBy, columns: s.columns ? s.columns.split(',') : [], pinned: s.pinned })

function Save({ kind, now, onClose, onSaved }: { kind: KindInfo; now: Shown; onClose: () => void; onSaved: (v: View) => void }) {
  const may = useMay('view.share')
  const [name, setName] = useState('')
  const [shared, setShared] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      onSaved(await api.post('/api/v1/views', { body: { kind: kind.name, name, shared, ...written(now) } }))
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={onClose} title={t`Save this list`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
        <TextInput label={t`Name`} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus maxLength={100} />
        {may ? <Checkbox label={t`For everybody`} description={t`Otherwise nobody but you sees it.`} checked={shared} onChange={(e) => setShared(e.currentTarget.checked)} /> : null}
        <p className="muted"><Trans>Saved are the filter{now.filter ? <> (<code>{now.filter}</code>)</> : ''}, the order and the columns, not what is found today.</Trans></p>
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" loading={busy}><Trans>Save</Trans></Button>
          <Button onClick={onClose}><Trans>Cancel</Trans></Button>
        </div>
      </form>
    </Modal>
  )
}
