// How far each list can be trusted, in one place: a strip for every kind, with what is missing.
import { t } from '@lingui/core/macro'
import { Plural, Trans } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { q } from '../api/queries'
import { lower } from '../format/text'
import { KindIcon } from '../frame/icons'
import { count } from '../format/units'
import { useReadsAll } from '../frame/session'
import { trust } from '../kinds/coverage'
import { Exceptions, Strip } from '../parts/Coverage'
import { Hidden } from '../parts/Hidden'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import css from './Coverage.module.css'

export default function Coverage() {
  const kinds = useQuery(q.kinds())
  const summary = useQuery(q.summary())
  const whole = useQuery(q.coverage())
  const all = useReadsAll()
  const each = useQuery(q.coverageOfKinds())
  const failed = [kinds, whole, each].find((x) => x.error && !x.data)
  if (failed) return <Page title={t`Coverage`}><ProblemPanel error={failed.error} retry={() => void failed.refetch()} /></Page>
  if (!whole.data || !kinds.data || !each.data) return <Page title={t`Coverage`}><Loading what={t`the coverage`} /></Page>
  const of = new Map(each.data.items.map((c) => [c.kind, c]))
  const read = kinds.data.flatMap((k) => {
    const c = of.get(k.name)
    return c && trust(c) !== 'none' ? [{ k, c }] : []
  })
  const unread = kinds.data.filter((k) => !read.some((r) => r.k === k))
  const names = unread.map((k) => lower(k.plural)).join(', ')
  const active = (kind: string) => summary.data?.kinds.find((k) => k.kind === kind)?.active ?? 0
  return (
    <Page title={t`Coverage`} facts={<span><Trans>What was read, when it was last complete, and what could not be read. Nothing is called gone that was not looked for.</Trans></span>}>
      {whole.data.scopes === 0 && !all ? <Hidden title={t`No connection that you may see has read anything`} /> : whole.data.scopes === 0 ? <Empty title={t`Nothing has been read yet`}><Trans>Once a connection has run, every kind it reads has its line here.</Trans></Empty> : null}
      <ul className={css.list}>
        {read.map(({ k, c }) => (
          <li key={k.name}>
            <Link to={`/inventory/${k.name}`} className={css.kind}><KindIcon kind={k} />{k.plural}</Link>
            <Strip c={c} kind={k} total={`${count(active(k.name))} ${(active(k.name) === 1 ? k.label : k.plural).toLowerCase()}`} />
          </li>
        ))}
      </ul>
      {whole.data.exceptions?.length ? (
        <Panel title={<><Trans>Not complete <span className="muted"><Plural value={whole.data.scopes - whole.data.complete} one="# scope" other="# scopes" /> of {count(whole.data.scopes)}</span></Trans></>} flush>
          <div className={css.exceptions}><Exceptions list={whole.data.exceptions} withKind /></div>
        </Panel>
      ) : null}
      {unread.length ? <p className="muted">{all ? <Trans>No connection reads {names}.</Trans> : <Trans>No connection that you may see reads {names}.</Trans>}</p> : null}
    </Page>
  )
}
