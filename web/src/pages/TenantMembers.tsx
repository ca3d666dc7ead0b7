// The people of other tenants who are in one.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, Select, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import { ProblemPanel, Waiting } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import css from './TenantMembers.module.css'

const roles = ['admin', 'reader', 'none']

/** appoint: whether somebody who is not in yet can be let in, which is for administrators of the installation. */
export function Members({ id, name, appoint, onClose }: { id: string; name: string; appoint?: boolean; onClose: () => void }) {
  const client = useQueryClient()
  const list = useQuery(q.tenantMembers(id))
  const [username, setUsername] = useState('')
  const [role, setRole] = useState('reader')
  const [error, setError] = useState<unknown>(null)
  const fields = error instanceof Problem ? error.fields : new Map<string, string>()
  const act = async (what: () => Promise<unknown>, said: string) => {
    setError(null)
    try {
      await what()
      void client.invalidateQueries({ queryKey: ['tenants', id] })
      void client.invalidateQueries({ queryKey: ['places'] })
      say(said)
      return true
    } catch (err) {
      setError(err)
      return false
    }
  }
  const put = (who: string, as: string) => api.put('/api/v1/tenants/{id}/members/{username}', { path: { id, username: who }, body: { role: as } })
  const add = async () => {
    const who = username.trim()
    if (await act(() => put(who, role), `${who} is in ${name} now`)) setUsername('')
  }
  return (
    <Modal opened onClose={onClose} title={t`Members of ${name}`} size={620} closeButtonProps={{ 'aria-label': t`Close` }}>
      <div className="stack">
        <p className="muted"><Trans>People of other tenants who are in this one. Its own people are its users.</Trans></p>
        {list.error && !list.data ? <ProblemPanel error={list.error} compact /> : !list.data ? <Waiting what={t`the members`} /> : list.data.items.length === 0 ? <p><Trans>Nobody of another tenant is in this one.</Trans></p> : (
          <table className={css.people}>
            <thead><tr><th><Trans>User name</Trans></th><th><Trans>Of tenant</Trans></th><th><Trans>Role</Trans></th><th><span className="hidden-visually"><Trans>Remove</Trans></span></th></tr></thead>
            <tbody>
              {list.data.items.map((m) => (
                <tr key={m.username}>
                  <td><Foreign text={m.username} max={40} /></td>
                  <td><Foreign text={m.home} max={40} /></td>
                  <td>{m.group ? <><Trans>{m.role}, by the group <Foreign text={m.group} max={40} /></Trans></> : (
                    <Select size="xs" aria-label={t`Role of ${m.username}`} data={[...new Set([...roles, m.role])]} value={m.role} allowDeselect={false} onChange={(v) => void act(() => put(m.username, v ?? m.role), `${m.username} is ${v ?? m.role} now`)} />
                  )}</td>
                  <td>{m.group ? null : <button type="button" className="link" aria-label={t`Take out ${m.username}`} onClick={() => void act(() => api.delete('/api/v1/tenants/{id}/members/{username}', { path: { id, username: m.username } }), `${m.username} is out of ${name}`)}><Trans>Take out</Trans></button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {appoint ? (
          <form className={css.add} onSubmit={(e) => { e.preventDefault(); void add() }}>
            <TextInput label={t`User name`} required value={username} onChange={(e) => setUsername(e.currentTarget.value)} error={fields.get('/username')} autoComplete="off" />
            <Select label={t`Role`} data={roles} value={role} allowDeselect={false} onChange={(v) => setRole(v ?? 'reader')} />
            <Button type="submit" variant="filled"><Trans>Let in</Trans></Button>
          </form>
        ) : null}
        {error && fields.size === 0 ? <ProblemPanel error={error} compact /> : null}
      </div>
    </Modal>
  )
}
