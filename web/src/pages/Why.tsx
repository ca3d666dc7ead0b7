// Why is it not here? The way from the provider to the reader, step by step, with what stopped it and what to do.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconZoomQuestion } from '@tabler/icons-react'
import { useState, type FormEvent } from 'react'
import { Link, useSearchParams } from 'react-router'

import { q } from '../api/queries'
import type { Why as Answer, WhyFinding, WhyStep } from '../api/types'
import { partition } from '../format/text'
import { Mark, State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import css from './Why.module.css'

const titles: Record<WhyStep['step'], string> = {
  inventory: t`Inventory`, connection: t`Connection`, permission: t`Permission`, run: t`Run`, spool: t`Agent and spool`, receipt: t`Receipt`, merge: t`Merge`, access: t`Access`,
}
const questions: Record<WhyStep['step'], string> = {
  inventory: t`Is it there after all?`, connection: t`Does anything look for it?`, permission: t`May it be seen at the provider?`, run: t`Was its place read?`,
  spool: t`Did the agent send it?`, receipt: t`Was it taken?`, merge: t`Was it joined into something else?`, access: t`May you see it?`,
}
const words = { ok: t`ok`, stops_here: t`stops here`, cannot_tell: t`cannot tell` } as const

export default function Why() {
  const [params, setParams] = useSearchParams()
  const name = params.get('name') ?? ''
  const kind = params.get('kind') ?? ''
  const connection = params.get('connection') ?? ''
  const answer = useQuery(q.why({ name, kind, connection }))
  return (
    <Page title={t`Why is it not here?`} facts={<span><Trans>Asks every step between a provider and this page: who looks for it, what was refused, what was read, taken and joined.</Trans></span>}>
      <Question key={params.toString()} name={name} kind={kind} connection={connection}
        ask={(next) => setParams(Object.fromEntries(Object.entries(next).filter(([, v]) => v !== '')))} />
      {name === '' ? (
        <Empty icon={<IconZoomQuestion size={28} stroke={1.4} aria-hidden />} title={t`What is missing?`}>
          <Trans>A name, an id, a serial number or another identifier, an address, or what its provider calls it.</Trans>
        </Empty>
      ) : answer.error && !answer.data ? <ProblemPanel error={answer.error} retry={() => void answer.refetch()} /> : !answer.data ? <Loading what={t`the answer`} /> : <Walk a={answer.data} />}
    </Page>
  )
}

interface Asked { name: string; kind: string; connection: string }

function Question({ ask, ...asked }: Asked & { ask: (q: Asked) => void }) {
  const [text, setText] = useState(asked.name)
  const kinds = useQuery(q.kinds())
  const connections = useQuery(q.connections())
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (text.trim()) ask({ ...asked, name: text.trim() })
  }
  return (
    <form className={css.question} onSubmit={submit} role="search">
      <TextInput className={css.name} label={t`What is missing`} placeholder={t`web-17, SN-4711, 10.0.0.17 …`} value={text} maxLength={2048} onChange={(e) => setText(e.currentTarget.value)} data-autofocus />
      <Select label={t`It is a`} placeholder={t`any kind`} clearable searchable value={asked.kind || null} data={(kinds.data ?? []).map((k) => ({ value: k.name, label: k.label }))}
        onChange={(v) => ask({ ...asked, name: text.trim(), kind: v ?? '' })} />
      <Select label={t`Seen by`} placeholder={t`any connection`} clearable searchable value={asked.connection || null} data={(connections.data?.items ?? []).map((c) => ({ value: c.id, label: c.name }))}
        onChange={(v) => ask({ ...asked, name: text.trim(), connection: v ?? '' })} />
      <Button type="submit" variant="filled"><Trans>Ask</Trans></Button>
    </form>
  )
}

function Walk({ a }: { a: Answer }) {
  const found = a.resources ?? []
  return (
    <>
      <div className={css.summary} data-verdict={a.verdict} role="status">
        <Mark state={a.verdict} />
        <p><Foreign text={a.summary} max={800} /></p>
      </div>
      {found.length ? (
        <Panel title={found.some((r) => r.how !== 'words') ? t`What goes by this name` : t`What has the same words`}>
          <ul className={css.found}>
            {found.map((r) => (
              <li key={r.resource.id}>
                <State state={r.resource.state} />
                {r.pruned ? <Foreign text={r.resource.name} max={60} /> : <Link to={`/inventory/${r.resource.kind}/${r.resource.id}`}><Foreign text={r.resource.name || r.resource.id} max={60} /></Link>}
                <span className="muted">{r.resource.kind.replaceAll('_', ' ')}{r.resource.datacenter?.name ? <>, <Foreign text={r.resource.datacenter.name} max={40} /></> : null}; {r.detail}</span>
                {r.into ? <span><Trans>now <Link to={`/inventory/${r.into.kind}/${r.into.id}`}><Foreign text={r.into.name ?? r.into.id} max={60} /></Link></Trans></span> : null}
              </li>
            ))}
          </ul>
        </Panel>
      ) : null}
      <ol className={css.walk}>
        {a.steps.map((s) => <Step key={s.step} s={s} here={a.stops_at === s.step} />)}
      </ol>
    </>
  )
}

function Step({ s, here }: { s: WhyStep; here: boolean }) {
  const findings = s.findings ?? []
  const [open, setOpen] = useState(here)
  const more = findings.length > 1 || (findings[0] !== undefined && findings[0].text !== s.found)
  return (
    <li data-verdict={s.verdict} data-here={here || undefined}>
      <span className={css.dot}><Mark state={s.verdict} /></span>
      <div className={css.step}>
        <h2>{titles[s.step]} <span className="muted">{questions[s.step]}</span></h2>
        <p className={css.verdict} data-verdict={s.verdict}>{words[s.verdict]}</p>
        <div className={css.told}>
          <p><Foreign text={s.found} max={600} /></p>
          {s.advice ? <p className={css.advice}><Foreign text={s.advice} max={400} /></p> : null}
          {more ? <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? t`Less` : t`All findings (${findings.length + (s.more ?? 0)})`}</button> : null}
          {open && more ? <ul className={css.findings}>{findings.map((f, i) => <Finding key={i} f={f} advice={s.advice} />)}{s.more ? <li className="muted"><Trans>and {s.more} more</Trans></li> : null}</ul> : null}
        </div>
      </div>
    </li>
  )
}

function Finding({ f, advice }: { f: WhyFinding; advice: string | undefined }) {
  return (
    <li>
      <Mark state={f.verdict} title={words[f.verdict]} />
      <div>
        <p><Foreign text={f.text} max={600} /></p>
        {f.advice && f.advice !== advice ? <p className={css.advice}><Foreign text={f.advice} max={400} /></p> : null}
        <p className="muted row">
          {f.connection?.name ? <Link to={`/connections/${f.connection.id}`}><Foreign text={f.connection.name} max={40} /></Link> : null}
          {f.partition?.length ? <Foreign text={partition(f.partition)} max={80} /> : null}
          {f.resource ? <Link to={`/inventory/${f.resource.kind}/${f.resource.id}`}><Foreign text={f.resource.name ?? f.resource.id} max={60} /></Link> : null}
          {f.run_id ? <Link to={`/runs/${f.run_id}`}><Trans>the run</Trans></Link> : null}
          {f.at ? <When at={f.at} /> : null}
        </p>
      </div>
    </li>
  )
}
