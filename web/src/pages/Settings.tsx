import { i18n } from '@lingui/core'
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
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
import { choose, languages, type Language } from '../texts/language'
import css from './Settings.module.css'
import { useRoles } from './roleChoices'
import { ApprovalRulesPanel } from './ApprovalRules'
import { SourcesPanel } from './Staleness'

export default function Settings() {
  const session = useSession()
  const users = useMay('user.manage')
  const tenants = useMay('tenant.manage')
  const tokens = useMay('token.manage')
  const options = useMay('options.manage')
  const edits = session?.somewhere.includes('resource.edit')
  const settings = session?.actions.includes('settings.read')
  const reference = useQuery(q.reference())
  return (
    <Page narrow title={t`Settings`}>
      <Appearance />
      <Panel title={t`People`}>
        <div className="stack-s">
          {users ? <p><Trans><Link to="/settings/users">Users</Link>: who may sign in, invitations, roles.</Trans></p> : null}
          {settings ? <p><Trans><Link to="/settings/roles">Roles</Link>: what they allow, and the permission groups they are made of.</Trans></p> : null}
          <p><Trans><Link to="/settings/teams">Teams</Link>: who gets rights together.</Trans></p>
          {tenants ? <p><Trans><Link to="/settings/tenants">Tenants</Link>: whose inventories are kept apart, and who is in them.</Trans></p> : null}
          <p><Trans><Link to="/account">Profile and security</Link>: your password, second factor and sessions.</Trans></p>
        </div>
      </Panel>
      {tokens ? <Tokens /> : null}
      {settings ? <ApprovalRulesPanel /> : null}
      {settings ? <SourcesPanel /> : null}
      <Panel title={t`The inventory`}>
        <div className="stack-s">
          <p><Trans><Link to="/kinds">Kinds and custom fields</Link>: what can be kept, and fields of your own.</Trans></p>
          {settings ? <p><Trans><Link to="/mapping">Mapping rules and tag policy</Link>: what tags, names and accounts become, and which tags are wanted.</Trans></p> : null}
          <p><Trans><Link to="/datacenters">Datacenters</Link>: their regions and zones.</Trans></p>
          {edits ? <p><Trans><Link to="/import">Import</Link>: resources from a file.</Trans></p> : null}
        </div>
      </Panel>
      {options ? <Options /> : null}
      <Panel title={t`About`}>
        <dl className={css.facts}>
          <div><dt><Trans>Signed in as</Trans></dt><dd><Trans>{session?.username}, {session?.role} of tenant {session?.tenant_name}</Trans></dd></div>
          <div><dt><Trans>Session ends</Trans></dt><dd><When at={session?.expires_at} never={t`when the browser is closed`} /></dd></div>
          <div><dt><Trans>Collector</Trans></dt><dd><Trans>{session?.version || t`development build`}, store {session?.engine}</Trans></dd></div>
          {reference.data?.items.map((f) => <div key={f.name}><dt>{f.name === 'prices.yaml' ? t`List prices` : t`End of support`}</dt><dd><Trans>{f.entries} entries, version <Foreign text={f.version} max={40} /> of {f.date.slice(0, 10)}, {f.shipped ? t`shipped with the product` : t`from the collector’s own folder`}</Trans></dd></div>)}
          <div><dt>API</dt><dd><a href="/api/v1/openapi.json" target="_blank" rel="noreferrer"><Trans>OpenAPI document</Trans></a></dd></div>
        </dl>
      </Panel>
    </Page>
  )
}

/** The pages are in it even if the collector could not note it. */
async function speakFrom(language: Language) {
  await api.put('/api/v1/session/language', { body: { language } }).catch(() => undefined)
  choose(language)
}

function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const [accent, setShown] = useState<Accent>(accentNow)
  return (
    <Panel title={t`Appearance`}>
      <div className="stack">
        <div className={css.line}>
          <span id="scheme"><Trans>Light or dark</Trans></span>
          <SegmentedControl size="xs" aria-labelledby="scheme" value={colorScheme} onChange={(v) => setColorScheme(v as typeof colorScheme)} data={[{ value: 'auto', label: t`As the system` }, { value: 'light', label: t`Light` }, { value: 'dark', label: t`Dark` }]} />
        </div>
        <div className={css.line}>
          <span id="language"><Trans>Language</Trans></span>
          <SegmentedControl size="xs" aria-labelledby="language" value={i18n.locale} onChange={(v) => void speakFrom(v as Language)} data={languages.map((l) => ({ value: l.id, label: l.name }))} />
          <span className="muted"><Trans>Your letters and notifications are in it too.</Trans></span>
        </div>
        <div className={css.line}>
          <span id="accent"><Trans>Accent</Trans></span>
          <div className={css.accents} role="radiogroup" aria-labelledby="accent">
            {accents.map((a) => (
              <label key={a} data-accent-name={a} data-checked={a === accent || undefined}>
                <input type="radio" name="accent" value={a} checked={a === accent} onChange={() => { setAccent(a); setShown(a) }} />
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
  const ended = (it: Token) => {
    const d = parseTime(it.expires_at)
    return d !== null && d.getTime() < now
  }
  const cols: Col<Token>[] = [
    { id: 'name', label: t`Name`, width: 200, cell: (it) => <Foreign text={it.name} max={40} /> },
    { id: 'role', label: t`Role`, width: 90, cell: (it) => it.role },
    { id: 'used', label: t`Last used`, width: 120, cell: (it) => <When at={it.last_used} /> },
    { id: 'created', label: t`Made`, width: 120, cell: (it) => <When at={it.created_at} /> },
    { id: 'ends', label: t`Ends`, width: 120, cell: (it) => (ended(it) ? <span className="row-n"><Trans><Mark state="gone" /> ended</Trans></span> : <When at={it.expires_at} />) },
    { id: 'delete', label: t`Delete`, act: true, width: 90, cell: (it) => <button type="button" className="link" aria-label={t`Delete the token ${it.name}`} onClick={() => setEnding(it)}><Trans>Delete</Trans></button> },
  ]
  return (
    <section className="panel">
      <header>
        <h2><Trans>API tokens</Trans></h2>
        <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setParams({ token: 'new' })}><Trans>Make a token</Trans></Button>
      </header>
      <div className={css.tokens}>
        {list.error && !list.data ? <ProblemPanel error={list.error} compact /> : list.data?.items.length === 0 ? (
          <Empty icon={<IconKey size={26} stroke={1.4} aria-hidden />} title={t`No tokens yet`}><Trans>Scripts and the maestro command sign in with a token instead of a password. A token is a service account: it belongs to no person and stays when its maker leaves.</Trans></Empty>
        ) : (
          <DataTable label={t`API tokens`} rows={list.data?.items ?? []} cols={cols} rowKey={(it) => it.id} loading={list.isPending} faded={ended} />
        )}
      </div>
      {params.get('token') === 'new' ? <MakeToken onClose={() => { setParams({}); refresh() }} /> : null}
      {ending ? (
        <Confirm
          title={t`Delete the token ${ending.name}`}
          verb={t`Delete the token`}
          danger
          onClose={() => setEnding(null)}
          onConfirm={async () => {
            await api.delete('/api/v1/tokens/{id}', { path: { id: ending.id } })
            refresh()
            say(t`${ending.name} deleted`)
          }}
        >
          <p><Trans>Whatever signs in with it is refused from now on.</Trans></p>
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
      say(t`${editing!.label} saved`)
      setEditing(null)
    } catch (err) {
      setError(err)
    }
  }
  return (
    <Panel title={t`What forms offer`}>
      {lists.error && !lists.data ? <ProblemPanel error={lists.error} compact /> : (
        <dl className={css.options}>
          {(lists.data?.items ?? []).map((l) => (
            <div key={l.name}>
              <dt>{l.label}</dt>
              <dd><Foreign text={l.values.join(', ')} max={160} /> <button type="button" className="link" aria-label={t`Edit ${l.label}`} onClick={() => { setEditing(l); setValues(l.values); setError(null) }}><Trans>Edit</Trans></button></dd>
            </div>
          ))}
        </dl>
      )}
      {editing ? (
        <Modal opened onClose={() => setEditing(null)} title={editing.label} closeButtonProps={{ 'aria-label': t`Close` }}>
          <form className="stack" onSubmit={(e) => { e.preventDefault(); void save(values) }}>
            <TagsInput label={t`Values`} description={t`Press Enter after each. Forms offer them; other values stay possible.`} value={values} onChange={setValues} data-autofocus />
            {error ? <ProblemPanel error={error} compact /> : null}
            <div className="row"><Button type="submit" variant="filled" disabled={values.length === 0}><Trans>Save</Trans></Button><Button onClick={() => setEditing(null)}><Trans>Cancel</Trans></Button>{editing.changed ? <button type="button" className="link" onClick={() => void save([])}><Trans>Back to the first values</Trans></button> : null}</div>
          </form>
        </Modal>
      ) : null}
    </Panel>
  )
}

const lives = [{ value: '2592000', label: t`30 days` }, { value: '7776000', label: t`90 days` }, { value: '31536000', label: t`1 year` }, { value: '0', label: t`no end` }]

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
    <Modal opened onClose={onClose} title={t`Make an API token`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      {made ? (
        <div className="stack">
          <p><Trans>This is shown only now. Whoever has it can act as <strong>{made.role}</strong> of this tenant{made.role === 'none' ? <><Trans>, and may do what is granted to the token <code>{made.id}</code></Trans></> : null}.</Trans></p>
          <Snippet label={t`the token`} text={made.secret ?? ''} />
          <p><Trans>The command line asks for it, so that it stays out of the shell’s history. Scripts set <code>MAESTRO_URL</code> and <code>MAESTRO_TOKEN</code>.</Trans></p>
          <Snippet label={t`the command that uses it`} text={`maestro login ${location.origin} --token-stdin`} />
          <div><Button variant="filled" onClick={onClose}><Trans>Done</Trans></Button></div>
        </div>
      ) : (
        <form className="stack" onSubmit={(e) => { e.preventDefault(); void submit() }}>
          <TextInput label={t`Name`} description={t`What it is for.`} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
          <Select label={t`Role`} data={roles} value={role} onChange={(v) => setRole(v ?? 'reader')} allowDeselect={false} />
          <Select label={t`Good for`} data={lives} value={life} onChange={(v) => setLife(v ?? '7776000')} allowDeselect={false} />
          {error ? <ProblemPanel error={error} compact /> : null}
          <div className="row"><Button type="submit" variant="filled" loading={busy}><Trans>Make the token</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button></div>
        </form>
      )}
    </Modal>
  )
}
