// Spellings bring tags of all clouds to one spelling; the policy says which tags are asked for, and how far that is kept.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Checkbox, Modal, MultiSelect, TagsInput, Textarea, TextInput } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link } from 'react-router'

import { q } from '../api/queries'
import type { KindInfo, TagCompliance, TagRequirement, TagSpelling } from '../api/types'
import { count } from '../format/units'
import { Bar } from '../parts/Bar'
import { Panel } from '../parts/Page'
import { Empty } from '../parts/States'
import { Foreign } from '../parts/Text'
import css from './Mapping.module.css'

export function Spellings({ list, may, onChange }: { list: TagSpelling[]; may: boolean; onChange: (next: TagSpelling[]) => void }) {
  const [editing, setEditing] = useState<number | null>(null)
  return (
    <Panel title={t`Spellings of tags`} actions={may ? <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setEditing(list.length)}><Trans>Add a key</Trans></Button> : null}>
      {list.length === 0 ? <p className="muted"><Trans>A key such as “environment” that also stands for Env and stage. Resources then have it as a label, beside the tags as the provider has them: <code>labels.environment = "production"</code> finds them in every cloud.</Trans></p> : (
        <ul className={css.past}>
          {list.map((s, i) => (
            <li key={s.key}>
              <span><strong><Foreign text={s.key} max={60} /></strong>{s.also?.length ? <><Trans> is also <Foreign text={s.also.join(', ')} max={120} /></Trans></> : null}{s.values && Object.keys(s.values).length ? <span className="muted">, {plural(Object.keys(s.values).length, { one: '# translation', other: '# translations' })}</span> : null}</span>
              {may ? <button type="button" className="link" aria-label={t`Edit ${s.key}`} onClick={() => setEditing(i)}><Trans>Edit</Trans></button> : null}
            </li>
          ))}
        </ul>
      )}
      {editing !== null ? <EditSpelling spelling={list[editing] ?? { key: '' }} onClose={() => setEditing(null)} onDelete={list[editing] ? () => { onChange(list.filter((_, n) => n !== editing)); setEditing(null) } : undefined} onDone={(s) => { onChange(list[editing] ? list.map((x, n) => (n === editing ? s : x)) : [...list, s]); setEditing(null) }} /> : null}
    </Panel>
  )
}

export const pairsOf = (values?: Record<string, string>) => Object.entries(values ?? {}).map(([a, b]) => `${a} = ${b}`).join('\n')

/** valuesOf reads lines like "prd = production". */
export const valuesOf = (text: string) => Object.fromEntries(text.split('\n').map((l) => l.split('=').map((x) => x.trim())).filter((p) => p.length === 2 && p[0]).map(([a, b]) => [a!, b!]))

function EditSpelling({ spelling, onClose, onDone, onDelete }: { spelling: TagSpelling; onClose: () => void; onDone: (s: TagSpelling) => void; onDelete?: () => void }) {
  const [key, setKey] = useState(spelling.key)
  const [also, setAlso] = useState(spelling.also ?? [])
  const [pairs, setPairs] = useState(() => pairsOf(spelling.values))
  const values = useMemo(() => valuesOf(pairs), [pairs])
  return (
    <Modal opened onClose={onClose} title={spelling.key ? t`Spelling of ${spelling.key}` : t`A key of tags`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); onDone({ key: key.trim(), ...(also.length ? { also } : {}), ...(Object.keys(values).length ? { values } : {}) }) }}>
        <TextInput label={t`Key`} required data-autofocus value={key} onChange={(e) => setKey(e.currentTarget.value)} />
        <TagsInput label={t`Also written`} description={t`Case, dashes, dots and underscores make no difference.`} value={also} onChange={setAlso} />
        <Textarea label={t`Translations`} description={t`One a line: prd = production`} autosize minRows={2} maxRows={8} value={pairs} onChange={(e) => setPairs(e.currentTarget.value)} />
        <div className="row"><Button type="submit" variant="filled"><Trans>Done</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button>{onDelete ? <button type="button" className="link" onClick={onDelete}><Trans>Delete the key</Trans></button> : null}</div>
      </form>
    </Modal>
  )
}

export function Policy({ list, may, kinds, changed, onChange }: { list: TagRequirement[]; may: boolean; kinds: KindInfo[]; changed: boolean; onChange: (next: TagRequirement[]) => void }) {
  const [editing, setEditing] = useState<number | null>(null)
  const kept = useQuery({ ...q.compliance(), enabled: list.length > 0 && !changed })
  const rows = (i: number) => (changed ? [] : (kept.data?.items ?? []).filter((x) => x.requirement === i))
  return (
    <Panel title={t`Tag policy`} actions={may ? <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setEditing(list.length)}><Trans>Add a requirement</Trans></Button> : null}>
      {list.length === 0 ? <Empty title={t`No tag is asked for yet`}><Trans>Say which keys things must have and which values are allowed; this page then shows what does not keep to it.</Trans></Empty> : (
        <ul className={css.policy}>
          {list.map((r, i) => (
            <li key={i}>
              <div className={css.requirement}>
                <span><strong><Foreign text={r.key} max={60} /></strong> <span className="muted">{r.optional ? t`if present` : t`must be there`}{r.values?.length ? <><Trans>, one of <Foreign text={r.values.join(', ')} max={100} /></Trans></> : null}{r.kinds?.length ? <><Trans>; for <Foreign text={r.kinds.join(', ')} max={100} /></Trans></> : null}</span></span>
                {may ? <button type="button" className="link" aria-label={t`Edit the requirement ${r.key}`} onClick={() => setEditing(i)}><Trans>Edit</Trans></button> : null}
              </div>
              {rows(i).map((x) => <Kept key={x.kind} x={x} kind={kinds.find((k) => k.name === x.kind)} />)}
            </li>
          ))}
        </ul>
      )}
      {editing !== null ? <EditRequirement requirement={list[editing] ?? { key: '' }} kinds={kinds} onClose={() => setEditing(null)} onDelete={list[editing] ? () => { onChange(list.filter((_, n) => n !== editing)); setEditing(null) } : undefined} onDone={(r) => { onChange(list[editing] ? list.map((x, n) => (n === editing ? r : x)) : [...list, r]); setEditing(null) }} /> : null}
    </Panel>
  )
}

function Kept({ x, kind }: { x: TagCompliance; kind: KindInfo | undefined }) {
  const good = x.total - x.missing - x.wrong
  const share = x.total ? Math.floor((100 * good) / x.total) : 100
  const to = (filter?: string) => `/inventory/${x.kind}?filter=${encodeURIComponent(filter ?? '')}`
  return (
    <div className={css.kept}>
      <span>{kind?.plural ?? x.kind}</span>
      <Bar className={css.bars} label={t`${share} % keep to it`} parts={[{ share: (100 * good) / Math.max(1, x.total), className: css.good }, { share: (100 * x.wrong) / Math.max(1, x.total), className: css.wrong }]} />
      <span className="muted">{share} %</span>
      <span>{x.missing ? <Link to={to(x.missing_filter)}><Trans>{count(x.missing)} without</Trans></Link> : null} {x.wrong ? <Link to={to(x.wrong_filter)}><Trans>{count(x.wrong)} with another value</Trans></Link> : null}</span>
    </div>
  )
}

function EditRequirement({ requirement, kinds, onClose, onDone, onDelete }: { requirement: TagRequirement; kinds: KindInfo[]; onClose: () => void; onDone: (r: TagRequirement) => void; onDelete?: () => void }) {
  const [r, setR] = useState(requirement)
  const part = (p: Partial<TagRequirement>) => setR({ ...r, ...p })
  return (
    <Modal opened onClose={onClose} title={requirement.key ? t`Requirement: ${requirement.key}` : t`A requirement`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); onDone({ key: r.key.trim(), ...(r.kinds?.length ? { kinds: r.kinds } : {}), ...(r.values?.length ? { values: r.values } : {}), ...(r.optional ? { optional: true } : {}), ...(r.help?.trim() ? { help: r.help.trim() } : {}) }) }}>
        <TextInput label={t`Key`} required data-autofocus value={r.key} onChange={(e) => part({ key: e.currentTarget.value })} />
        <TagsInput label={t`Allowed values`} description={t`None: any.`} value={r.values ?? []} onChange={(values) => part({ values })} />
        <MultiSelect label={t`For kinds`} description={t`None: all.`} searchable clearable data={kinds.map((k) => ({ value: k.name, label: k.plural }))} value={r.kinds ?? []} onChange={(v) => part({ kinds: v })} />
        <Checkbox label={t`It may be missing`} checked={!!r.optional} onChange={(e) => part({ optional: e.currentTarget.checked })} />
        <div className="row"><Button type="submit" variant="filled"><Trans>Done</Trans></Button><Button onClick={onClose}><Trans>Cancel</Trans></Button>{onDelete ? <button type="button" className="link" onClick={onDelete}><Trans>Delete the requirement</Trans></button> : null}</div>
      </form>
    </Modal>
  )
}
