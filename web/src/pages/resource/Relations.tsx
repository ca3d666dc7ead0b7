import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { q } from '../../api/queries'
import type { KindInfo, RelatedResource, Resource } from '../../api/types'
import { counted } from '../../format/units'
import { KindIcon } from '../../frame/icons'
import { Mark } from '../../parts/marks'
import { Panel } from '../../parts/Page'
import { Empty, Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import { RelationGraph } from './RelationGraph'
import css from './Resource.module.css'
import { relationWords } from './words'

const heading = (e: RelatedResource) => relationWords(e.direction, e.verb)

export function Relations({ r, asOf }: { r: Pick<Resource, 'kind' | 'id' | 'name' | 'state'>; asOf: string | undefined }) {
  const { data, error, refetch } = useQuery(q.relations(r.kind, r.id, asOf))
  const kinds = useQuery(q.kinds())
  if (error && !data) return <ProblemPanel error={error} retry={() => void refetch()} />
  if (!data) return <Loading what={t`the relations`} />
  if (data.items.length === 0) return <Empty title={t`Nothing is related to this`}><Trans>No source has named a relation to or from it.</Trans></Empty>
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
      <Panel title={<><Trans>Relations <span className="muted"><Plural value={data.total_size} one="# edge" other="# edges" /></span></Trans></>} flush>
        <dl className={css.groups}>
          {[...groups].map(([key, list]) => {
            const info = kindOf(list[0]!.resource?.kind)
            return (
              <div key={key}>
                <dt>{heading(list[0]!)}<span className="muted">{info ? counted(list.length, info.label.toLowerCase(), info.plural.toLowerCase()) : list.length}</span></dt>
                <dd><ul className={css.related}>{list.map((e, i) => <Edge key={e.resource?.id ?? i} e={e} info={info} />)}</ul></dd>
              </div>
            )
          })}
        </dl>
      </Panel>
    </div>
  )
}

function Edge({ e, info }: { e: RelatedResource; info: KindInfo | undefined }) {
  return (
    <li>
      {e.resource ? (
        <>
          <span className={css.relatedIcon}><KindIcon kind={info ?? { name: e.resource.kind ?? '' }} /></span>
          <Link to={`/inventory/${e.resource.kind ?? ''}/${e.resource.id}`}><Foreign text={e.resource.name || e.resource.id} max={60} /></Link>
          {e.source && e.source !== 'discovered' ? <span className="muted">{e.source === 'curated' ? t`stated by a person` : <><Trans>by the rule <Foreign text={e.source.replace(/^rule:/, '')} max={40} /></Trans></>}</span> : null}
          {e.state && e.state !== 'active' ? <Mark state={e.state} title={e.state} /> : null}
        </>
      ) : (
        <span className="muted"><Trans><Mark state="unwatched" /> not known here: <Foreign text={e.wanted ?? ''} mono max={60} /></Trans></span>
      )}
      {e.warning ? <span className={css.note}><Mark state="degraded" /> <Foreign text={e.warning} /></span> : null}
    </li>
  )
}
