import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'react-router'

import { api } from '../../api/client'
import { q } from '../../api/queries'
import type { KindInfo, RelatedResource, Resource } from '../../api/types'
import { counted } from '../../format/units'
import { KindIcon } from '../../frame/icons'
import { useReadsAll } from '../../frame/session'
import { Confirm } from '../../parts/Confirm'
import { Mark } from '../../parts/marks'
import { Panel } from '../../parts/Page'
import { Empty, Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { say } from '../../parts/toast'
import { Relate } from './Relate'
import { RelationGraph } from './RelationGraph'
import css from './Resource.module.css'
import { relationWords } from './words'

const heading = (e: RelatedResource) => relationWords(e.direction, e.verb)

type Of = Pick<Resource, 'kind' | 'id' | 'name' | 'state'>

export function Relations({ r, asOf, canEdit = false }: { r: Of; asOf: string | undefined; canEdit?: boolean }) {
  const [relating, setRelating] = useState(false)
  const [ending, setEnding] = useState<RelatedResource | null>(null)
  const { data, error, refetch } = useQuery(q.relations(r.kind, r.id, asOf))
  const kinds = useQuery(q.kinds())
  const all = useReadsAll()
  if (error && !data) return <ProblemPanel error={error} retry={() => void refetch()} />
  if (!data) return <Loading what={t`the relations`} />
  const own = kinds.data?.find((k) => k.name === r.kind)
  const add = canEdit && own?.relations?.length ? <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setRelating(true)}><Trans>State a relation</Trans></Button> : null
  const dialogs = (
    <>
      {relating && own ? <Relate r={r} kind={own} onClose={() => setRelating(false)} /> : null}
      {ending ? <Unrelate r={r} e={ending} onClose={() => setEnding(null)} /> : null}
    </>
  )
  if (data.items.length === 0) return <><Empty title={t`Nothing is related to this`} action={add}>{all ? <Trans>No source has named a relation to or from it.</Trans> : <Trans>No relation to or from something that you may see is known.</Trans>}</Empty>{dialogs}</>
  const groups = new Map<string, RelatedResource[]>()
  for (const e of data.items) {
    const key = `${e.direction}/${e.verb}/${e.resource?.kind ?? ''}`
    groups.set(key, [...(groups.get(key) ?? []), e])
  }
  const kindOf = (name: string | undefined): KindInfo | undefined => kinds.data?.find((k) => k.name === name)
  return (
    <div className="stack">
      {data.next_page_token ? <p className="muted"><Trans>The first {data.items.length} of {data.total_size}.</Trans></p> : null}
      <RelationGraph key={r.id} center={{ kind: r.kind, id: r.id, name: r.name || r.id, state: r.state }} relations={data.items} asOf={asOf} />
      <Panel title={<><Trans>Relations <span className="muted"><Plural value={data.total_size} one="# edge" other="# edges" /></span></Trans></>} actions={add} flush>
        <dl className={css.groups}>
          {[...groups].map(([key, list]) => {
            const info = kindOf(list[0]!.resource?.kind)
            return (
              <div key={key}>
                <dt>{heading(list[0]!)}<span className="muted">{info ? counted(list.length, info.label.toLowerCase(), info.plural.toLowerCase()) : list.length}</span></dt>
                <dd><ul className={css.related}>{list.map((e, i) => <Edge key={e.resource?.id ?? i} e={e} info={info} onEnd={canEdit && e.source === 'curated' && e.resource ? () => setEnding(e) : undefined} />)}</ul></dd>
              </div>
            )
          })}
        </dl>
      </Panel>
      {dialogs}
    </div>
  )
}

/** Takes back what a person stated; what a source says ends when the source no longer says it. */
function Unrelate({ r, e, onClose }: { r: Of; e: RelatedResource; onClose: () => void }) {
  const client = useQueryClient()
  const other = e.resource!
  const [from, to] = e.direction === 'out' ? [r, other] : [other, r]
  return (
    <Confirm
      title={t`Take the relation back`}
      verb={t`Take it back`}
      onClose={onClose}
      onConfirm={async () => {
        await api.delete('/api/v1/resources/{kind}/{id}/relations', { path: { kind: from.kind ?? '', id: from.id }, query: { verb: e.verb, target: to.id } })
        for (const key of ['relations', 'resources', 'history']) void client.invalidateQueries({ queryKey: [key] })
        say(t`Relation taken back`)
      }}
    >
      <p>{heading(e)}: <Foreign text={other.name || other.id} max={80} /></p>
      <p className="muted"><Trans>The history of both keeps it.</Trans></p>
    </Confirm>
  )
}

function Edge({ e, info, onEnd }: { e: RelatedResource; info: KindInfo | undefined; onEnd: (() => void) | undefined }) {
  return (
    <li>
      {e.resource ? (
        <>
          <span className={css.relatedIcon}><KindIcon kind={info ?? { name: e.resource.kind ?? '' }} /></span>
          <Link to={`/inventory/${e.resource.kind ?? ''}/${e.resource.id}`}><Foreign text={e.resource.name || e.resource.id} max={60} /></Link>
          {e.source && e.source !== 'discovered' ? <span className="muted">{e.source === 'curated' ? t`stated by a person` : <><Trans>by the rule <Foreign text={e.source.replace(/^rule:/, '')} max={40} /></Trans></>}</span> : null}
          {e.state && e.state !== 'active' ? <Mark state={e.state} title={e.state} /> : null}
          {onEnd ? <button type="button" className="link" onClick={onEnd} aria-label={t`Take back the relation to ${e.resource.name || e.resource.id}`}><Trans>take back</Trans></button> : null}
        </>
      ) : (
        <span className="muted"><Trans><Mark state="unwatched" /> not known here: <Foreign text={e.wanted ?? ''} mono max={60} /></Trans></span>
      )}
      {e.warning ? <span className={css.note}><Mark state="degraded" /> <Foreign text={e.warning} /></span> : null}
    </li>
  )
}
