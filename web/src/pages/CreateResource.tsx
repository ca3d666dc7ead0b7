// A resource made by hand: for what no connection reads, or not yet. Discovery adopts it by its identifiers. What identifies it
// is asked for first; everything else that its kind can hold is behind one more step, in the order of the schema.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Modal, Select, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { useNavigate } from 'react-router'

import { api } from '../api/client'
import { Problem } from '../api/problem'
import { q } from '../api/queries'
import type { Field, KindInfo } from '../api/types'
import { put } from '../format/pointer'
import { counted } from '../format/units'
import { askedFor, commonFields, editable, groupsOf, inOneInput, labelOf, parseValue, pointerLabel } from '../kinds/fields'
import { filledRows, isRecords, recordProblems, type Row } from '../kinds/records'
import { requestId } from '../parts/clipboard'
import { RecordsEdit } from '../parts/RecordsEdit'
import { useLeaving } from '../parts/leaving'
import { ProblemPanel } from '../parts/States'
import { Taken } from '../parts/Taken'
import { say } from '../parts/toast'
import { useFirstWrong } from '../parts/useFirstWrong'
import css from './CreateResource.module.css'
import { FieldInput } from './resource/FieldEdit'
import { filledIdentifiers, NewIdentifiers, noIdentifier } from './resource/NewIdentifiers'
import { relate, type Alias, type One } from './resource/edges'
import { relationWords } from './resource/words'

interface Props {
  kind: KindInfo
  onClose: () => void
  /** What it is to be related to from the beginning. */
  related?: { to: One; alias: Alias }
  /** Instead of going to its page. */
  onMade?: () => void
}

export function CreateResource({ kind, onClose, related, onMade }: Props) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const datacenters = useQuery(q.datacenters())
  const [request] = useState(requestId)
  const [name, setName] = useState('')
  const [datacenter, setDatacenter] = useState<string | null>(null)
  const [region, setRegion] = useState('')
  const [zone, setZone] = useState('')
  const [tags, setTags] = useState<string[]>([])
  const [identifiers, setIdentifiers] = useState([noIdentifier])
  const [address, setAddress] = useState('')
  const [reason, setReason] = useState('')
  const details = useDetails(kind)
  const answer = useAnswer()
  const { error, setError, said, forget } = answer
  const { form, refuse } = useFirstWrong()
  const [busy, setBusy] = useState(false)
  const [tried, setTried] = useState(false)
  const types = Object.keys(kind.ranks ?? {})
  const typed = details.typed > 0 || datacenter !== null || tags.length > 0 || [name, address, region, zone, reason, ...identifiers.map((x) => x.value)].some((x) => x.trim() !== '')
  const leaving = useLeaving(typed && !busy)
  const close = () => leaving.leave(onClose)
  // The first field in which the kind keeps an address of its own.
  const place = kind.fields?.find((f) => inOneInput(f) && (f.type === 'ip' || (f.type === 'array' && f.items?.[0]?.type === 'ip')))
  const submit = async () => {
    const filled = details.read()
    setTried(true)
    if (!filled || !name.trim()) {
      refuse()
      return
    }
    setBusy(true)
    setError(null)
    try {
      const body = place && address.trim() ? put(filled, place.pointer, place.type === 'array' ? [address.trim()] : address.trim()) : filled
      // An edge out of it comes with it; one into it is stated at the other end once it is there.
      const out = related?.alias.direction === 'in'
      const made = await api.post('/api/v1/resources/{kind}', {
        path: { kind: kind.name },
        body: {
          ...body,
          name: name.trim(),
          request_id: request,
          ...(datacenter ? { datacenter } : {}),
          ...(region.trim() ? { region: region.trim() } : {}),
          ...(zone.trim() ? { zone: zone.trim() } : {}),
          ...(tags.length ? { tags: tags.map(tagOf) } : {}),
          ...(filledIdentifiers(identifiers).length ? { identifiers: filledIdentifiers(identifiers) } : {}),
          ...(out ? { relations: [{ verb: related.alias.verb, target: { kind: related.to.kind, id: related.to.id } }] } : {}),
          ...(reason.trim() ? { reason: reason.trim() } : {}),
        },
      })
      if (related && !out) await relate(related.to, related.alias, made)
      void client.invalidateQueries({ queryKey: ['resources', kind.name] })
      void client.invalidateQueries({ queryKey: ['summary'] })
      say(t`${kind.label} ${made.name} added`)
      if (onMade) onMade()
      else void navigate(`/inventory/${kind.name}/${made.id}`)
    } catch (err) {
      setError(err)
      if (err instanceof Problem && [...err.fields.keys()].some((p) => details.holds(p) || ['/region', '/zone', '/tags'].some((x) => within(p, x)))) details.show()
      refuse()
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={close} closeOnEscape={!leaving.asking} size={details.shown ? 'xl' : undefined} title={t`Add by hand: ${kind.label.toLowerCase()}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form ref={form} className="stack" noValidate onSubmit={(e) => { e.preventDefault(); void submit() }}>
        {related ? <p className="muted">{relationWords(related.alias.direction === 'in' ? 'out' : 'in', related.alias.verb)}: <bdi>{related.to.name || related.to.id}</bdi></p> : null}
        <TextInput label={t`Name`} required error={tried && !name.trim() ? t`This is needed.` : said('/name')} value={name} onChange={(e) => { setName(e.currentTarget.value); forget('/name') }} data-autofocus />
        {place ? <TextInput label={place.type === 'array' ? t`Address` : labelOf(place)} error={said(place.pointer)} value={address} onChange={(e) => { setAddress(e.currentTarget.value); forget(place.pointer) }} /> : null}
        <Taken kind={kind.name} name={name} address={address} datacenter={datacenter ?? ''} />
        <Select label={t`Datacenter`} clearable data={(datacenters.data?.items ?? []).map((d) => ({ value: d.id, label: d.name }))} error={said('/datacenter')} value={datacenter} onChange={(v) => { setDatacenter(v); forget('/datacenter') }} />
        <NewIdentifiers types={types} list={identifiers} said={said} onChange={(list) => { setIdentifiers(list); forget('/identifiers') }} />
        <Details details={details} kind={kind} except={place?.pointer} answer={answer}>
          <div className={css.inputs}>
            <TextInput label={t`Region`} error={said('/region')} value={region} onChange={(e) => { setRegion(e.currentTarget.value); forget('/region') }} />
            <TextInput label={t`Zone`} error={said('/zone')} value={zone} onChange={(e) => { setZone(e.currentTarget.value); forget('/zone') }} />
          </div>
          <TagsInput label={t`Tags`} description={t`Each as key=value, then Enter.`} error={said('/tags')} value={tags} onChange={(list) => { setTags(list); forget('/tags') }} splitChars={[',']} acceptValueOnBlur />
        </Details>
        <Textarea label={t`Reason`} description={t`Kept in the audit trail.`} value={reason} error={said('/reason')} onChange={(e) => { setReason(e.currentTarget.value); forget('/reason') }} />
        {tried && (details.problems.size || !name.trim()) ? <p role="alert" className={css.wrong}>{wrongWords([...(name.trim() ? [] : [t`Name`]), ...[...details.problems.keys()].map((p) => pointerLabel(kind, p))])}</p> : null}
        {error ? <ProblemPanel error={error} compact /> : null}
        <div className="row">
          <Button type="submit" variant="filled" loading={busy}><Trans>Add</Trans></Button>
          <Button onClick={close}><Trans>Cancel</Trans></Button>
        </div>
      </form>
      {leaving.dialog}
    </Modal>
  )
}

/** What the collector refused, at the fields it names, until they are changed. */
function useAnswer() {
  const [error, setError] = useState<unknown>(null)
  const [fields, setFields] = useState(new Map<string, string>())
  return {
    error,
    answers: fields,
    setError: (err: unknown) => { setError(err); setFields(err instanceof Problem ? err.fields : new Map()) },
    said: (pointer: string) => [...fields].find(([p]) => within(p, pointer))?.[1],
    forget: (pointer: string) => {
      const left = without(fields, pointer)
      if (left === fields) return
      setFields(left)
      // A refusal for the sake of fields is over with the last of them.
      if (left.size === 0) setError(null)
    },
  }
}

const within = (pointer: string, field: string) => pointer === field || pointer.startsWith(field + '/')

/** The same map where there is nothing to take out of it. */
function without(said: Map<string, string>, field: string) {
  const left = [...said].filter(([p]) => !within(p, field))
  return left.length === said.size ? said : new Map(left)
}

/** key=value; what has no = is a key alone. */
const tagOf = (text: string) => {
  const [key = '', ...rest] = text.split('=')
  return { key: key.trim(), value: rest.join('=').trim() }
}

const wrongWords = (labels: string[]) => {
  const names = [...new Set(labels)].join(', ')
  return t`Not added yet. Look at: ${names}.`
}

type Filled = { attributes?: Record<string, unknown>; common?: Record<string, unknown> }

/** What was typed of a kind's own fields and of the common ones. */
function useDetails(kind: KindInfo) {
  const [shown, setShown] = useState(false)
  const [texts, setTexts] = useState<Record<string, string>>({})
  const [rows, setRows] = useState<Record<string, Row[]>>({})
  const [problems, setProblems] = useState(new Map<string, string>())
  const groups = [...groupsOf(kind).map((g) => ({ title: g.title, fields: g.fields.filter((f) => ofPeople(kind, f)) })), { title: t`Responsibility and life`, fields: commonFields(kind).filter((f) => editable(f)) }].filter((g) => g.fields.length)
  const filled = (f: Field) => (texts[f.pointer] ?? '').trim() !== '' || !!rows[f.pointer]?.length
  const all = groups.flatMap((g) => g.fields)
  // What is filled stays in sight, whatever is typed where the question whether it is asked for is decided.
  const asked = groups.map((g) => ({ ...g, fields: g.fields.filter((f) => filled(f) || askedFor(f, (p) => texts[p] ?? '')) })).filter((g) => g.fields.length)
  return {
    shown, show: () => setShown(true), groups: asked, texts, rows, problems,
    typed: all.filter(filled).length,
    holds: (pointer: string) => all.some((f) => pointer === f.pointer || pointer.startsWith(f.pointer + '/')),
    setText: (pointer: string, text: string) => { setTexts((was) => ({ ...was, [pointer]: text })); setProblems((was) => without(was, pointer)) },
    setRows: (pointer: string, list: Row[]) => { setRows((was) => ({ ...was, [pointer]: list })); setProblems((was) => without(was, pointer)) },
    /** The document, or null where something is wrong, which is then said at its input. */
    read: (): Filled | null => {
      const wrong = new Map<string, string>()
      let out: Filled = {}
      for (const f of all) {
        if (isRecords(f)) {
          for (const [p, text] of recordProblems(f, rows[f.pointer] ?? [], f.pointer)) wrong.set(p, text)
          const filled = filledRows(f, rows[f.pointer] ?? [])
          if (filled.length) out = put(out, f.pointer, filled)
        } else if ((texts[f.pointer] ?? '').trim() !== '') {
          const { value, problem } = parseValue(f, texts[f.pointer]!)
          if (problem) wrong.set(f.pointer, problem)
          else out = put(out, f.pointer, value)
        }
      }
      setProblems(wrong)
      if (wrong.size) setShown(true)
      return wrong.size ? null : out
    },
  }
}

/** What a provider alone can say ("aws.instance_type") is not asked of people. */
const ofPeople = (kind: KindInfo, f: Field) => editable(f) && !f.sensitive && !kind.extensions?.some((e) => f.path.startsWith(e.provider + '.'))

function Details({ details: d, kind, except, answer, children }: { details: ReturnType<typeof useDetails>; kind: KindInfo; except: string | undefined; answer: ReturnType<typeof useAnswer>; children: ReactNode }) {
  if (!d.shown) return <div><Button aria-expanded={false} onClick={d.show}><Trans>More details</Trans></Button>{d.typed ? <span className="muted"> {counted(d.typed, t`field filled`, t`fields filled`)}</span> : null}</div>
  const said = (p: string) => d.problems.get(p) ?? answer.said(p)
  return (
    <div className={css.details}>
      <fieldset className={css.group}>
        <legend><Trans>Place and tags</Trans></legend>
        <div className="stack-s">{children}</div>
      </fieldset>
      {d.groups.map((g) => (
        <fieldset key={g.title} className={css.group}>
          <legend>{g.title}</legend>
          <div className={css.inputs}>
            {g.fields.filter((f) => !isRecords(f) && f.pointer !== except).map((f) => <FieldInput key={f.pointer} labelled kind={kind.name} field={f} text={d.texts[f.pointer] ?? ''} setText={(it) => { d.setText(f.pointer, it); answer.forget(f.pointer) }} error={said(f.pointer)} />)}
          </div>
          {g.fields.filter(isRecords).map((f) => (
            <fieldset key={f.pointer} className={css.group}>
              <legend>{labelOf(f)}</legend>
              <RecordsEdit field={f} rows={d.rows[f.pointer] ?? []} onChange={(list) => { d.setRows(f.pointer, list); answer.forget(f.pointer) }} problems={new Map([...answer.answers, ...d.problems])} prefix={f.pointer} />
              {said(f.pointer) ? <p role="alert" className={css.wrong}>{said(f.pointer)}</p> : null}
            </fieldset>
          ))}
        </fieldset>
      ))}
    </div>
  )
}
