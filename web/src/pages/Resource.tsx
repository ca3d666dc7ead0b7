// The one page of a thing, of any kind: its facts with where each came from, who says what, what it is related to,
// and what became of it.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { IconExternalLink } from '@tabler/icons-react'
import { useState } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'

import { api } from '../api/client'
import { asProblem } from '../api/problem'
import { q } from '../api/queries'
import type { KindInfo, Resource as Document } from '../api/types'
import { safeLink } from '../format/text'
import { useAsOf } from '../frame/AsOf'
import { KindIcon } from '../frame/icons'
import { useMaySomewhere } from '../frame/session'
import { usePageKey } from '../frame/usePageKey'
import { Confirm } from '../parts/Confirm'
import { State } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Copy, Foreign, Snippet } from '../parts/Text'
import { TabBar } from '../parts/TabBar'
import { say } from '../parts/toast'
import { When } from '../parts/When'
import { Access } from './resource/Access'
import { Accounts } from './resource/Accounts'
import { Facts } from './resource/Facts'
import { History, historyOf } from './resource/History'
import { Merge } from './resource/Merge'
import { Relations } from './resource/Relations'
import css from './resource/Resource.module.css'
import { Sources } from './resource/Sources'

const tabs = [
  { id: 'facts', label: t`Facts` },
  { id: 'sources', label: t`Sources` },
  { id: 'relations', label: t`Relations` },
  { id: 'history', label: t`History` },
  { id: 'access', label: t`Access` },
  { id: 'raw', label: t`Raw` },
]

export default function Resource() {
  const { kind = '', id = '' } = useParams()
  const asOf = useAsOf()
  const kinds = useQuery(q.kinds())
  const resource = useQuery(q.resource(kind, id, asOf))
  const [asked] = useSearchParams()
  useInfiniteQuery({ ...historyOf(kind, id), enabled: asked.get('tab') === 'history' })
  const info = kinds.data?.find((k) => k.name === kind)
  if (resource.isPending || kinds.isPending) return <Page title="…" heading={<span className="muted"><Trans>Loading</Trans></span>}><Loading what={t`this resource`} lines={10} /></Page>
  if (resource.error && !resource.data) return <Missing error={resource.error} kind={kind} info={info} retry={() => void resource.refetch()} />
  if (resource.data.state === 'merged' && resource.data.redirect_to) {
    return (
      <Page title={resource.data.name}>
        <Empty title={t`This was found to be the same thing as another`} action={<Button component={Link} variant="filled" to={`/inventory/${kind}/${resource.data.redirect_to}`}><Trans>Go there</Trans></Button>}>
          <Trans>Both were joined; the other one lives on, with the history of both.</Trans>
        </Empty>
      </Page>
    )
  }
  return <One key={id} r={resource.data} kind={info} asOf={asOf} refresh={() => void resource.refetch()} />
}

function Missing({ error, kind, info, retry }: { error: unknown; kind: string; info: KindInfo | undefined; retry: () => void }) {
  const p = asProblem(error)
  const { id = '' } = useParams()
  return (
    <Page title={p.status === 404 ? t`Not found` : (info?.label ?? kind)} trail={[{ to: `/inventory/${kind}`, label: info?.plural ?? kind }]}>
      {p.status === 404 ? (
        <Empty title={t`There is no such ${(info?.label ?? kind).toLowerCase()}`} action={<div className="row"><Button component={Link} variant="filled" to={`/why?name=${encodeURIComponent(id)}&kind=${kind}`}><Trans>Why is it not here?</Trans></Button><Button component={Link} to={`/inventory/${kind}?filter=${encodeURIComponent('state = gone')}`}><Trans>Those that are gone</Trans></Button></div>}>
          <Trans>It never existed, it was pruned long after it was gone, or you may not see it. An administrator can tell.</Trans>
        </Empty>
      ) : (
        <ProblemPanel error={error} retry={retry} />
      )}
    </Page>
  )
}

function One({ r, kind, asOf, refresh }: { r: Document; kind: KindInfo | undefined; asOf: string | undefined; refresh: () => void }) {
  const [params, setParams] = useSearchParams()
  const may = useMaySomewhere('resource.edit')
  const mayCost = useMaySomewhere('cost.edit')
  const [editing, setEditing] = useState<string | null>(null)
  const [merging, setMerging] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const tab = params.get('tab') ?? 'facts'
  const canEdit = may && !asOf && !!kind
  const link = safeLink(r.console_url)
  const select = (id: string) => {
    const next = new URLSearchParams(params)
    if (id === 'facts') next.delete('tab')
    else next.set('tab', id)
    setParams(next, { replace: true })
  }
  const rename = () => {
    select('facts')
    setEditing('/name')
  }
  usePageKey('e', canEdit ? rename : null)
  const sources = r.observations?.length ?? 0
  return (
    <Page
      title={r.name || r.id}
      trail={[{ to: `/inventory/${r.kind}`, label: kind?.plural ?? r.kind }]}
      heading={<span className={css.name}><KindIcon kind={kind ?? { name: r.kind }} size={22} /><Foreign text={r.name || r.id} max={120} /></span>}
      facts={
        <>
          <State state={r.state} pill />
          {r.state === 'active' ? null : <span><Trans>since <When at={r.state_since} />{r.state_reason ? <>: <Foreign text={r.state_reason} /></> : null}</Trans></span>}
          <Place r={r} />
          {r.common.owner?.name ? <span><Trans>owner <Foreign text={r.common.owner.name} /></Trans></span> : null}
          <span className="muted"><Trans>seen <When at={r.last_seen} /></Trans></span>
          <span className="muted"><Trans>changed <When at={r.updated_at} /></Trans></span>
        </>
      }
      actions={
        <>
          {link ? <Button component="a" href={link} target="_blank" rel="noreferrer noopener" leftSection={<IconExternalLink size={15} aria-hidden />}><Trans>Provider’s console</Trans></Button> : null}
          {canEdit ? <Button onClick={() => setMerging(true)}><Trans>Merge…</Trans></Button> : null}
          {canEdit ? <Button onClick={rename}><Trans>Rename</Trans></Button> : null}
          {canEdit && recorded(r) ? <Button onClick={() => setDeleting(true)}><Trans>Delete…</Trans></Button> : null}
        </>
      }
    >
      <TabBar label={t`Views of this resource`} value={tab} onChange={select} tabs={tabs.map((it) => (it.id === 'sources' && sources ? { ...it, count: sources } : it))} />
      {tab === 'facts' && r.kind === 'client' && !asOf ? <Accounts client={r.id} /> : null}
      {tab === 'facts' && kind ? <Facts r={r} kind={kind} canEdit={canEdit} canCost={mayCost && !asOf} editing={editing} setEditing={setEditing} refresh={refresh} /> : null}
      {tab === 'sources' ? <Sources r={r} kind={kind} canEdit={canEdit} refresh={refresh} /> : null}
      {tab === 'relations' ? <Relations r={r} asOf={asOf} canEdit={canEdit} /> : null}
      {tab === 'history' ? <History kind={r.kind} id={r.id} info={kind} /> : null}
      {tab === 'access' ? <Access kind={r.kind} id={r.id} /> : null}
      {tab === 'raw' ? (
        <Panel title={t`As the API answers it`} actions={<span className="muted"><Trans>id <Copy text={r.id} label={t`the id`} /></Trans></span>}>
          <Snippet tall label={t`the JSON document`} text={JSON.stringify(r, null, 2)} />
        </Panel>
      ) : null}
      {deleting ? <Delete r={r} onClose={() => setDeleting(false)} refresh={refresh} /> : null}
      {merging ? <Merge r={r} onClose={() => setMerging(false)} refresh={refresh} /> : null}
    </Page>
  )
}

/** What only people know of can be deleted; the collector has the last word. */
function recorded(r: Document): boolean {
  return r.origin === 'recorded' && r.state === 'active'
}

function Delete({ r, onClose, refresh }: { r: Document; onClose: () => void; refresh: () => void }) {
  const client = useQueryClient()
  return (
    <Confirm
      title={t`Delete this record`}
      verb={t`Delete`}
      danger
      reason="optional"
      onClose={onClose}
      onConfirm={async (reason) => {
        await api.delete('/api/v1/resources/{kind}/{id}', { path: { kind: r.kind, id: r.id }, ifMatch: r.version, query: reason ? { reason } : {} })
        for (const key of ['resources', 'operations', 'changes', 'summary']) void client.invalidateQueries({ queryKey: [key] })
        say(t`Deleted`)
        refresh()
      }}
    >
      <p><Trans><Foreign text={r.name || r.id} max={80} /> leaves the lists, the relations that it states end, and its identifiers are free for another.</Trans></p>
      <p><Trans>Its history stays. The page of the imports lists the deletion, and can take it back.</Trans></p>
    </Confirm>
  )
}

function Place({ r }: { r: Document }) {
  const parts = [r.datacenter?.name, r.region, r.zone].filter((p): p is string => !!p)
  if (parts.length === 0) return null
  return <span>{parts.map((p, i) => <span key={i}>{i ? <span className="muted"> / </span> : null}<Foreign text={p} max={40} /></span>)}</span>
}
