// The health matrix: connections down, kinds across. A cell says how the kind ended where it ended worst, and when it was last read
// to its end everywhere; it leads to the run that says why.
import { plural, t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Button, Select, Switch } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useSearchParams } from 'react-router'

import { q } from '../api/queries'
import type { ConnectionHealth, KindHealth, KindInfo } from '../api/types'
import { useMay, useReadsAll } from '../frame/session'
import { Hidden } from '../parts/Hidden'
import { State, stateWord } from '../parts/marks'
import { Page, Panel } from '../parts/Page'
import { Empty, Loading, ProblemPanel } from '../parts/States'
import { Foreign } from '../parts/Text'
import { When } from '../parts/When'
import css from './Health.module.css'

const wrong = (k: KindHealth) => !!k.late || (k.status !== 'complete' && k.status !== 'unsupported')
const distinct = (list: { value: string; label: string }[]) => [...new Map(list.map((x) => [x.value, x])).values()].sort((a, b) => a.label.localeCompare(b.label))

export default function Health() {
  const [params, setParams] = useSearchParams()
  const asked = useQuery(q.health())
  const kinds = useQuery(q.kinds())
  const may = useMay('connection.manage')
  const wide = useReadsAll()
  const datacenter = params.get('datacenter')
  const provider = params.get('provider')
  const bad = params.get('bad') === '1'
  const set = (name: string, value: string | null) => setParams((old) => {
    if (value) old.set(name, value)
    else old.delete(name)
    return old
  }, { replace: true })
  const trail = [{ to: '/connections', label: t`Connections` }]
  if (asked.error && !asked.data) return <Page title={t`Health`} trail={trail}><ProblemPanel error={asked.error} retry={() => void asked.refetch()} /></Page>
  if (!asked.data) return <Page title={t`Health`} trail={trail}><Loading what={t`how the connections stand`} /></Page>
  const all = asked.data.items
  const rows = all.filter((c) => (!datacenter || c.datacenter?.id === datacenter) && (!provider || c.provider === provider) && (!bad || c.kinds.some(wrong)))
  const columns = [...new Set(rows.flatMap((c) => c.kinds.filter((k) => !bad || wrong(k)).map((k) => k.kind)))].sort()
  const cells = all.flatMap((c) => c.kinds)
  const ill = cells.filter(wrong).length
  return (
    <Page title={t`Health`} trail={trail} facts={cells.length === 0 ? null : <span>{ill ? t`${plural(ill, { one: '# kind', other: '# kinds' })} of ${cells.length} not complete or late.` : wide ? t`Every kind of every connection was read completely.` : t`Every kind of every connection that you may see was read completely.`}</span>}>
      {all.length === 0 && !wide ? <Hidden title={t`No connection that you may see`} /> : all.length === 0 ? (
        <Empty title={t`No connections yet`} action={may ? <Button component={Link} to="/connections/setup" variant="filled"><Trans>Add a connection</Trans></Button> : null}><Trans>Once one has run, each kind that it reads has its cell here.</Trans></Empty>
      ) : (
        <>
          <div className={css.filters}>
            <Select aria-label={t`Datacenter`} placeholder={t`Any datacenter`} clearable data={distinct(all.flatMap((c) => (c.datacenter ? [{ value: c.datacenter.id, label: c.datacenter.name || c.datacenter.id }] : [])))} value={datacenter} onChange={(v) => set('datacenter', v)} />
            <Select aria-label={t`Provider`} placeholder={t`Any provider`} clearable data={distinct(all.map((c) => ({ value: c.provider, label: c.provider })))} value={provider} onChange={(v) => set('provider', v)} />
            <Switch label={t`Only what needs somebody`} checked={bad} onChange={(e) => set('bad', e.currentTarget.checked ? '1' : null)} />
          </div>
          <Panel title={plural(rows.length, { one: '# connection', other: '# connections' })} flush>
            {rows.length === 0 ? <Empty title={bad ? t`Nothing needs somebody` : t`No connection is like this`}>{bad ? t`Every kind that is switched on was read completely and in time.` : t`Choose another datacenter or provider.`}</Empty> : <Matrix rows={rows} columns={columns} kinds={kinds.data ?? []} />}
          </Panel>
          {asked.data.next_page_token ? <p className="muted"><Trans>The first {rows.length} connections.</Trans></p> : null}
        </>
      )}
    </Page>
  )
}

function Matrix({ rows, columns, kinds }: { rows: ConnectionHealth[]; columns: string[]; kinds: KindInfo[] }) {
  const label = (kind: string) => kinds.find((k) => k.name === kind)?.plural ?? kind
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label={t`Health matrix`}>
      <table className={css.matrix}>
        <thead><tr><th scope="col"><Trans>Connection</Trans></th>{columns.map((k) => <th key={k} scope="col"><Foreign text={label(k)} max={30} /></th>)}</tr></thead>
        <tbody>
          {rows.map((c) => {
            const of = new Map(c.kinds.map((k) => [k.kind, k]))
            return (
              <tr key={c.id}>
                <th scope="row">
                  <Link to={`/connections/${c.id}`}><Foreign text={c.name} max={36} /></Link>
                  <span className={css.under}><State state={c.health} /></span>
                </th>
                {columns.map((k) => <td key={k}>{of.has(k) ? <Cell k={of.get(k)!} /> : <span className="muted" title={t`Not read by this connection`}>–</span>}</td>)}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function Cell({ k }: { k: KindHealth }) {
  const word = k.scopes > 1 && k.complete < k.scopes ? t`${stateWord(k.status)}, ${k.complete} of ${k.scopes}` : stateWord(k.status)
  const body = (
    <>
      <State state={k.status} word={word} />
      <span className={css.under}>{k.last_complete ? <><When at={k.last_complete} />{k.late ? <>{' '}<span className={css.late}><Trans>late</Trans></span></> : null}</> : <span className="muted"><Trans>never complete</Trans></span>}</span>
    </>
  )
  return k.run_id ? <Link to={`/runs/${k.run_id}`} className={css.cell} title={[k.error, k.advice].filter(Boolean).join(' ') || undefined}>{body}</Link> : <span className={css.cell}>{body}</span>
}
