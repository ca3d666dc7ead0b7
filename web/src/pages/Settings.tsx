import { Button, Modal, SegmentedControl, Select, TagsInput, TextInput, useMantineColorScheme } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconKey, IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { q } from '../api/queries'
import type { OptionList, Token } from '../api/types'
import { human } from '../format/text'
import { parseTime } from '../format/time'
import { accentNow, accents, setAccent, type Accent } from '../frame/appearance'
import { useMay, useSession } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { DataTable, type Col } from '../parts/DataTable'
import { Mark } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, ProblemPanel } from '../parts/States'
import { Foreign, Snippet } from '../parts/Text'
import { say } from '../parts/toast'
import { useNow, When } from '../parts/When'
import css from './Settings.module.css'
import { useRoles } from './roleChoices'
import { SourcesPanel } from './Staleness'

export default function Settings() {
  const session = useSession()
  const users = useMay('user.manage')
  const tokens = useMay('token.manage')
  const options = useMay('options.manage')
  const settings = session?.actions.includes('settings.read')
  const reference = useQuery(q.reference())
  return (
    <Page narrow title="Settings">
      <Appearance />
      <Panel title="People">
        <div className="stack-s">
          {users ? <p><Link to="/settings/users">Users</Link>: who may sign in, invitations, roles.</p> : null}
          {settings ? <p><Link to="/settings/roles">Roles</Link>: what they allow, and the permission groups they are made of.</p> : null}
          <p><Link to="/settings/teams">Teams</Link>: who gets rights together.</p>
          <p><Link to="/account">Profile and security</Link>: your password, second factor and sessions.</p>
        </div>
      </Panel>
      {tokens ? <Tokens /> : null}
      <SourcesPanel />
      {options ? <Options /> : null}
      <Panel title="About">
        <dl className={css.facts}>
          <div><dt>Signed in as</dt><dd>{session?.username}, {session?.role} of tenant {session?.tenant}</dd></div>
          <div><dt>Session ends</dt><dd><When at={session?.expires_at} never="when the browser is closed" /></dd></div>
          <div><dt>Collector</dt><dd>{session?.version || 'development build'}, store {session?.engine}</dd></div>
          {reference.data?.items.map((f) => <div key={f.name}><dt>{f.name === 'prices.yaml' ? 'List prices' : 'End of support'}</dt><dd>{f.entries} entries, version <Foreign text={f.version} max={40} /> of {f.date.slice(0, 10)}, {f.shipped ? 'shipped with the product' : 'from the collector’s own folder'}</dd></div>)}
          <div><dt>API</dt><dd><a href="/api/v1/openapi.json" target="_blank" rel="noreferrer">OpenAPI document</a></dd></div>
        </dl>
      </Panel>
    </Page>
  )
}

function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const [accent, choose] = useState<Accent>(accentNow)
  return (
    <Panel title="Appearance">
      <div className="stack">
        <div className={css.line}>
          <span id="scheme">Light or dark</span>
          <SegmentedControl size="xs" aria-labelledby="scheme" value={colorScheme} onChange={(v) => setColorScheme(v as typeof colorScheme)} data={[{ value: 'auto', label: 'As the system' }, { value: 'light', label: 'Light' }, { value: 'dark', label: 'Dark' }]} />
        </div>
        <div className={css.line}>
          <span id="accent">Accent</span>
          <div className={css.accents} role="radiogroup" aria-labelledby="accent">
            {accents.map((a) => (
              <label key={a} data-accent-name={a} data-checked={a === accent || undefined}>
                <input type="radio" name="accent" value={a} checked={a === accent} onChange={() => { setAccent(a); choose(a) }} />
                <span className={css.swatch} aria-hidden />
                {human(a)}
              </label>
            ))}
          </div>
        </div>
      </div>
    </Panel>
  )
}

function Tokens() {
  const client = useQueryClient()
  const now = useNow()
  const [params, setParams] = useSearchParams()
  const list = useQuery(q.tokens())
  const [ending, setEnding] = useState<Token | null>(null)
  const refresh = () => void client.invalidateQueries({ queryKey: ['tokens'] })
  const ended = (t: Token) => {
    const d = parseTime(t.expires_at)
    return d !== null && d.getTime() < now
  }
  const cols: Col<Token>[] = [
    { id: 'name', label: 'Name', width: 200, cell: (t) => <Foreign text={t.name} max={40} /> },
    { id: 'role', label: 'Role', width: 90, cell: (t) => t.role },
    { id: 'used', label: 'Last used', width: 120, cell: (t) => <When at={t.last_used} /> },
    { id: 'created', label: 'Made', width: 120, cell: (t) => <When at={t.created_at} /> },
    { id: 'ends', label: 'Ends', width: 120, cell: (t) => (ended(t) ? <span className="row-n"><Mark state="gone" /> ended</span> : <When at={t.expires_at} />) },
    { id: 'delete', label: 'Delete', act: true, width: 90, cell: (t) => <button type="button" className="link" aria-label={`Delete the token ${t.name}`} onClick={() => setEnding(t)}>Delete</button> },
  ]
  return (
    <section className="panel">
      <header>
        <h2>API tokens</h2>
        <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setParams({ token: 'new' })}>Make a token</Button>
      </header>
      <div className={css.tokens}>
        {list.error && !list.data ? <ProblemPanel error={list.error} compact /> : list.data?.items.length === 0 ? (
          <Empty icon={<IconKey size={26} stroke={1.4} aria-hidden />} title="No tokens yet">Scripts and the maestro command sign in with a token instead of a password. A token is a service account: it belongs to no person and stays when its maker leaves.</Empty>
        ) : (
          <DataTable label="API tokens" rows={list.data?.items ?? []} cols={cols} rowKey={(t) => t.id} loading={list.isPending} faded={ended} />
        )}
      </div>
      {params.get('token') === 'new' ? <MakeToken onClose={() => { setParams({}); refresh() }} /> : null}
      {ending ? (
        <Confirm
          title={`Delete the token ${ending.name}`}
          verb="Delete the token"
          danger
          onClose={() => setEnding(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/tokens/{id}', { path: { id: ending.id } })
            refresh()
            say(`${ending.name} deleted`)
          }}
        >
          <p>Whatever signs in with it is refused from now on.</p>
        </Confirm>
      ) : null}
    </section>
  )
}

function Options() {
  const client = useQueryClient()
  const lists = useQuery(q.options())
  const [editing, setEditing] = useState<OptionList | null>(null)
  const [values, setValues] = useState<string[]>([])
  const [error, setError] = useState<unknown>(null)
  const save = async (next: string[]) => {
    try {
      await api.put('/api/v1/option-lists/{name}', { path: { name: editing!.name }, body: { values: next } })
      void client.invalidateQueries({ queryKey: ['options'] })
      say(`${editing!.label} saved`)
      setEditing(null)
    } catch (err) {
      setError(err)
    }
  }
  return (
    <Panel title="What forms offer">
      {lists.error && !lists.data ? <ProblemPanel error={lists.error} compact /> : (
        <dl className={css.options}>
          {(lists.data?.items ?? []).map((l) => (
            <div key={l.name}>
              <dt>{l.label}</dt>
              <dd><Foreign text={l.values.join(', ')} max={160} /> <button type="button" className="link" aria-label={`Edit ${l.label}`} onClick={() => { setEditing(l); setValues(l.values); setError(null) }}>Edit</button></dd>
            </div>
          ))}
        </dl>
      )}
      {editing ? (
        <Modal opened onClose={() => setEditing(null)} title={editing.label} closeButtonProps={{ 'aria-label': 'Close' }}>
          <form className="stack" onSubmit={(e) => { e.preventDefault(); void save(values) }}>
            <TagsInput label="Values" description="Press Enter after each. Forms offer them; other values stay possible." value={values} onChange={setValues} data-autofocus />
            {error ? <ProblemPanel error={error} compact /> : null}
            <div className="row"><Button type="submit" variant="filled" disabled={values.length === 0}>Save</Button><Button onClick={() => setEditing(null)}>Cancel</Button>{editing.changed ? <button type="button" className="link" onClick={() => void save([])}>Back to the first values</button> : null}</div>
          </form>
        </Modal>
      ) : null}
    </Panel>
  )
}

const lives = [{ value: '2592000', label: '30 days' }, { value: '7776000', label: '90 days' }, { value: '31536000', label: '1 year' }, { value: '0', label: 'no end' }]

function MakeToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const roles = useRoles()
  const [role, setRole] = useState('reader')
  const [life, setLife] = useState('7776000')
  const [made, setMade] = useState<Token | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async () => {
    setBusy(true)
    setError(null)
    try {
      setMade(await api.post('/api/v1/tokens', { body: { name: name.trim(), role, ttl_seconds: Number(life) } }))
    } catch (err) {
      setError(err)
    }
    setBusy(false)
  }
  return (
    <Modal opened onClose={onClose} title="Make an API token" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      {made ? (
        <div className="stack">
          <p>This is shown only now. Whoever has it can act as <strong>{made.role}</strong> of this tenant{made.role === 'none' ? <>, and may do what is granted to the token <code>{made.id}</code></> : null}.</p>
          <Snippet label="the token" text={made.secret ?? ''} />
          <p>The command line asks for it, so that it stays out of the shell’s history. Scripts set <code>MAESTRO_URL</code> and <code>MAESTRO_TOKEN</code>.</p>
          <Snippet label="the command that uses it" text={`maestro login ${location.origin} --token-stdin`} />
          <div><Button variant="filled" onClick={onClose}>Done</Button></div>
        </div>
      ) : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
          <TextInput label="Name" description="What it is for." required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
          <Select label="Role" data={roles} value={role} onChange={(v) => setRole(v ?? 'reader')} allowDeselect={false} />
          <Select label="Good for" data={lives} value={life} onChange={(v) => setLife(v ?? '7776000')} allowDeselect={false} />
          {error ? <ProblemPanel error={error} compact /> : null}
          <div className="row"><Button type="submit" variant="filled" loading={busy}>Make the token</Button><Button onClick={onClose}>Cancel</Button></div>
        </form>
      )}
    </Modal>
  )
}
