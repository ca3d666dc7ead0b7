// Rules that turn what providers say (tags, names, accounts) into what the organisation means by it. Nothing is changed
// before one has seen what would change, and every earlier version can be brought back.
import { plural, t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button, Modal, MultiSelect, Select, Switch, TagsInput, Textarea, TextInput } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconPlus, IconTransform } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { FieldRule, KindInfo, Mapping as Version, MappingEffect, TagRequirement, TagSpelling } from '../api/types'
import { actor } from '../format/text'
import { count } from '../format/units'
import { useMay } from '../frame/session'
import { Confirm } from '../parts/Confirm'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { named } from '../texts/language'
import css from './Mapping.module.css'
import { Conflicts } from './MappingConflicts'
import { pairsOf, Policy, Spellings, valuesOf } from './TagPolicy'

export default function MappingPage() {
  const client = useQueryClient()
  const may = useMay('mapping.manage')
  const saved = useQuery(q.mapping())
  const kinds = useQuery(q.kinds())
  const [draft, setDraft] = useState<Draft | null>(null)
  const [editing, setEditing] = useState<number | null>(null)
  const [effect, setEffect] = useState<MappingEffect | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const [past, setPast] = useState(false)
  if (saved.error && !saved.data) return <Page title={t`Mapping`}><ProblemPanel error={saved.error} retry={() => void saved.refetch()} /></Page>
  if (!saved.data) return <Page title={t`Mapping`}><Loading what={t`the mapping rules`} /></Page>
  const m = saved.data
  const { rules, spellings, policy } = draft ?? m
  const body = (reason?: string) => ({ rules, spellings, policy, ...(reason ? { reason } : {}) })
  const changeAny = (part: Partial<Draft>) => { setDraft({ rules, spellings, policy, ...part }); setEffect(null); setError(null) }
  const change = (next: FieldRule[]) => changeAny({ rules: next })
  const preview = async () => {
    setBusy(true)
    setError(null)
    try {
      setEffect(await api.post('/api/v1/mapping/preview', { body: body() }))
    } catch (err) {
      setError(err)
      const at = err instanceof Problem ? /^\/rules\/(\d+)\//.exec([...err.fields.keys()][0] ?? '') : null
      if (at) setEditing(Number(at[1]))
    }
    setBusy(false)
  }
  const save = async (reason: string) => {
    await api.put('/api/v1/mapping', { ifMatch: m.version, body: body(reason) })
    setDraft(null)
    setEffect(null)
    for (const key of ['mapping', 'resources', 'summary']) void client.invalidateQueries({ queryKey: [key] })
    say(t`The rules are saved; the inventory follows`)
  }
  const job = m.job
  return (
    <Page
      title={t`Mapping`}
      facts={<span><Trans>What tags, names and accounts mean: whose a thing is, whom it serves, where it belongs. What people type stands above rules.</Trans></span>}
      actions={<><Button onClick={() => setPast(true)}><Trans>History</Trans></Button>{may && rules.length > 1 && !draft ? <Button loading={busy} onClick={() => void preview()}><Trans>Find conflicts</Trans></Button> : null}{may ? <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => { change([...rules, { name: '', set: 'environment', from: [] }]); setEditing(rules.length) }}><Trans>Add a rule</Trans></Button> : null}</>}
    >
      {job?.running ? <p role="status"><Trans>The inventory follows version {m.version}: {count(job.done)} of {count(job.total)} resources so far.</Trans></p> : null}
      {rules.length === 0 ? <Empty icon={<IconTransform size={28} stroke={1.4} aria-hidden />} title={t`No rules yet`}><Trans>A rule turns the tag “env: prd” into the environment “production” of every resource that has it, in every cloud.</Trans></Empty> : (
        <ol className={css.rules} aria-label={t`Rules, the first that has a value decides`}>
          {rules.map((r, i) => (
            <li key={i} data-off={r.off || undefined}>
              <button type="button" className={css.rule} onClick={() => setEditing(i)} disabled={!may}>
                <strong><Foreign text={named(r.name) || t`a new rule`} max={60} /></strong>
                <span className={css.flow}>
                  <code><Foreign text={r.from?.length ? r.from.join(', ') : t`always`} max={80} /></code>
                  <span aria-hidden>→</span><span className="hidden-visually"><Trans>sets</Trans></span>
                  <code>{r.set}</code>
                  {r.value ? <Foreign text={`= ${r.value}`} max={40} /> : null}
                  {r.values && Object.keys(r.values).length ? <span className="muted">{plural(Object.keys(r.values).length, { one: '# translation', other: '# translations' })}</span> : null}
                  {r.where ? <span className="muted"><Trans>where <Foreign text={r.where} max={60} /></Trans></span> : null}
                  {r.kinds?.length ? <span className="muted"><Trans>for <Foreign text={r.kinds.join(', ')} max={60} /></Trans></span> : null}
                </span>
              </button>
              {may ? (
                <span className={css.tools}>
                  <Switch size="xs" aria-label={t`${named(r.name) || t`The rule`} is on`} checked={!r.off} onChange={(e) => change(rules.map((x, n) => (n === i ? { ...x, off: !e.currentTarget.checked } : x)))} />
                  <button type="button" className="link" aria-label={t`${named(r.name)} earlier`} disabled={i === 0} onClick={() => change(swap(rules, i, i - 1))}><IconArrowUp size={15} aria-hidden /></button>
                  <button type="button" className="link" aria-label={t`${named(r.name)} later`} disabled={i === rules.length - 1} onClick={() => change(swap(rules, i, i + 1))}><IconArrowDown size={15} aria-hidden /></button>
                </span>
              ) : null}
            </li>
          ))}
        </ol>
      )}
      <Spellings list={spellings} may={may} onChange={(next) => changeAny({ spellings: next })} />
      <Policy list={policy} may={may} kinds={kinds.data ?? []} changed={draft !== null} onChange={(next) => changeAny({ policy: next })} />
      {error && editing === null ? <ProblemPanel error={error} compact /> : null}
      {draft ? (
        <div className={css.bar} role="region" aria-label={t`Unsaved changes`}>
          <span><Trans>This is changed and not saved.</Trans></span>
          <Button loading={busy} onClick={() => void preview()}><Trans>See what would change</Trans></Button>
          <Button onClick={() => { setDraft(null); setEffect(null); setError(null) }}><Trans>Discard</Trans></Button>
        </div>
      ) : null}
      {effect ? <Conflicts e={effect} rules={rules} kinds={kinds.data ?? []} onRule={setEditing} /> : null}
      {effect && draft ? <Effect e={effect} onSave={save} kinds={kinds.data ?? []} /> : null}
      {editing !== null && rules[editing] ? (
        <EditRule
          rule={rules[editing]}
          kinds={kinds.data ?? []}
          problem={error instanceof Problem ? new Map([...error.fields].map(([k, v]) => [k.replace(`/rules/${editing}/`, ''), v])) : new Map()}
          onClose={() => { setEditing(null); setError(null) }}
          onDelete={() => { change(rules.filter((_, n) => n !== editing)); setEditing(null) }}
          onDone={(r) => { change(rules.map((x, n) => (n === editing ? r : x))); setEditing(null) }}
        />
      ) : null}
      {past ? <Past now={m.version} onClose={() => setPast(false)} onTake={(v) => { changeAny({ rules: v.rules, spellings: v.spellings, policy: v.policy }); setPast(false) }} /> : null}
    </Page>
  )
}

type Draft = { rules: FieldRule[]; spellings: TagSpelling[]; policy: TagRequirement[] }

const swap = (list: FieldRule[], a: number, b: number) => list.map((x, i) => (i === a ? list[b]! : i === b ? list[a]! : x))

const shown = (v: unknown) => (v === undefined || v === null ? '–' : typeof v === 'string' ? v : JSON.stringify(v))

function Effect({ e, onSave, kinds }: { e: MappingEffect; onSave: (reason: string) => Promise<void>; kinds: KindInfo[] }) {
  const [saving, setSaving] = useState(false)
  const label = (kind: string) => kinds.find((k) => k.name === kind)?.label ?? kind
  const wanted = Object.entries(e.wanted ?? {})
  return (
    <Panel title={t`${plural(e.changed, { one: '# resource', other: '# resources' })} would change`} actions={<Button variant="filled" onClick={() => setSaving(true)}><Trans>Save the rules</Trans></Button>}>
      <div className="stack-s">
        <p className="muted"><Trans>{count(e.looked)} of {count(e.total)} were tried.{e.samples.length < e.changed ? t` The first ${e.samples.length} are shown.` : ''}</Trans></p>
        {wanted.length ? <p><Trans>Not recorded yet: {wanted.map(([name, n]) => `${name} (${n})`).join(', ')}. The relation appears as soon as a record of that name does.</Trans></p> : null}
        <ul className={css.samples}>
          {e.samples.map((s) => (
            <li key={s.resource.id}>
              <span className="muted">{label(s.resource.kind ?? '')}</span> <Link to={`/inventory/${s.resource.kind}/${s.resource.id}`}><Foreign text={s.resource.name || s.resource.id} max={50} /></Link>
              {s.diff.map((d) => (
                <div key={d.pointer} className={css.diff}><code>{d.pointer.replace(/^\/(common|relations)\//, '').replaceAll('/', '.')}</code> <del><Foreign text={shown(d.old)} max={60} /></del> <ins><Foreign text={shown(d.new)} max={60} /></ins></div>
              ))}
            </li>
          ))}
        </ul>
      </div>
      {saving ? <Confirm title={t`Save the rules`} verb={t`Save the rules`} reason="optional" onClose={() => setSaving(false)} onConfirm={onSave}><p><Trans>Every resource is brought in line in the background. Going back is possible at any time.</Trans></p></Confirm> : null}
    </Panel>
  )
}

const targets = ['environment', 'owner.name', 'owner.type', 'client', 'cost_center', 'criticality', 'lifecycle', 'notes', 'system', 'application']

function EditRule({ rule, kinds, problem, onClose, onDone, onDelete }: { rule: FieldRule; kinds: KindInfo[]; problem: Map<string, string>; onClose: () => void; onDone: (r: FieldRule) => void; onDelete: () => void }) {
  const [r, setR] = useState(rule)
  const [pairs, setPairs] = useState(() => pairsOf(rule.values))
  const values = useMemo(() => valuesOf(pairs), [pairs])
  const part = (p: Partial<FieldRule>) => setR({ ...r, ...p })
  const many = r.set === 'system' || r.set === 'application'
  const done = () => {
    const out: FieldRule = { name: r.name.trim(), set: r.set }
    if (r.off) out.off = true
    if (r.kinds?.length) out.kinds = r.kinds
    if (r.where?.trim()) out.where = r.where.trim()
    if (r.from?.length) out.from = r.from
    if (r.pattern) out.pattern = r.pattern
    if (r.value) out.value = r.value
    if (Object.keys(values).length) out.values = values
    if (many && r.separator) out.separator = r.separator
    onDone(out)
  }
  return (
    <Modal opened onClose={onClose} title={rule.name ? t`Rule: ${named(rule.name)}` : t`A new rule`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); done() }}>
        <TextInput label={t`Name`} required data-autofocus value={r.name} onChange={(e) => part({ name: e.currentTarget.value })} error={problem.get('name')} />
        <TagsInput label={t`Takes the value from`} description={t`tags.env, partition.account, account.client, name, region, zone, provider, attributes.vsphere.folder …; the first that has one. Empty: always.`} value={r.from ?? []} onChange={(from) => part({ from })} error={problem.get('from')} />
        <Select label={t`Sets`} data={targets} value={r.set} onChange={(v) => part({ set: v ?? 'environment' })} allowDeselect={false} error={problem.get('set')} />
        {many ? <TextInput label={t`Split at`} description={t`For several in one value: a comma, say.`} value={r.separator ?? ''} onChange={(e) => part({ separator: e.currentTarget.value })} error={problem.get('separator')} /> : null}
        <TextInput label={t`Only what matches`} description={t`A regular expression for the whole value; its groups are $1, $2 below.`} value={r.pattern ?? ''} onChange={(e) => part({ pattern: e.currentTarget.value })} error={problem.get('pattern')} />
        <TextInput label={t`Value`} description={t`Empty: what was found.`} value={r.value ?? ''} onChange={(e) => part({ value: e.currentTarget.value })} error={problem.get('value')} />
        <Textarea label={t`Translations`} description={t`One a line: prd = production`} autosize minRows={2} maxRows={8} value={pairs} onChange={(e) => setPairs(e.currentTarget.value)} error={problem.get('values')} />
        <MultiSelect label={t`Only for kinds`} searchable clearable data={kinds.map((k) => ({ value: k.name, label: k.plural }))} value={r.kinds ?? []} onChange={(v) => part({ kinds: v })} error={problem.get('kinds')} />
        <TextInput label={t`Only where`} description={t`A filter, as above the lists.`} value={r.where ?? ''} onChange={(e) => part({ where: e.currentTarget.value })} error={problem.get('where')} />
        <div className="row"><Button type="submit" variant="filled"><Trans>Done</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button><button type="button" className="link" onClick={onDelete}><Trans>Delete the rule</Trans></button></div>
      </form>
    </Modal>
  )
}

function Past({ now, onClose, onTake }: { now: number; onClose: () => void; onTake: (v: Version) => void }) {
  const list = useQuery(q.mappingHistory())
  return (
    <Modal opened onClose={onClose} title={t`Earlier rules`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      {list.error && !list.data ? <ProblemPanel error={list.error} compact /> : !list.data ? <Loading what={t`the history`} /> : (
        <ul className={css.past}>
          {list.data.items.map((v) => (
            <li key={v.version}>
              <span><Trans>Version {v.version}, <Plural value={v.rules.length} one="# rule" other="# rules" />, <When at={v.saved_at} /> by <Foreign text={actor(v.saved_by ?? '').name} />{v.reason ? <>: <Foreign text={v.reason} max={120} /></> : null}</Trans></span>
              {v.version === now ? <span className="muted"><Trans>now</Trans></span> : <button type="button" className="link" onClick={() => onTake(v)}><Trans>Take these again</Trans></button>}
            </li>
          ))}
        </ul>
      )}
    </Modal>
  )
}
