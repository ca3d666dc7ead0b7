// What serves a client as a whole: the datacenters and connections that say so. Its systems are among its relations.
import { t } from '@lingui/core/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { q } from '../../api/queries'
import { Panel } from '../../parts/Page'
import { Loading, ProblemPanel } from '../../parts/States'
import { Foreign } from '../../parts/Text'
import css from '../MoveAccount.module.css'

export function Accounts({ client }: { client: string }) {
  const datacenters = useQuery(q.datacenters())
  const connections = useQuery(q.connections())
  const error = (datacenters.data ? null : datacenters.error) ?? (connections.data ? null : connections.error)
  if (error) return <Panel title={t`Accounts`}><ProblemPanel error={error} compact /></Panel>
  if (!datacenters.data || !connections.data) return <Panel title={t`Accounts`}><Loading what={t`its accounts`} lines={2} /></Panel>
  const own = [
    ...datacenters.data.items.filter((d) => d.client?.id === client).map((d) => ({ ...d, to: `/datacenters/${d.id}`, what: t`datacenter` })),
    ...connections.data.items.filter((c) => c.client?.id === client && c.own_client).map((c) => ({ ...c, to: `/connections/${c.id}`, what: t`connection` })),
  ]
  return (
    <Panel title={t`Accounts`}>
      {own.length ? (
        <ul className={css.list} tabIndex={0} aria-label={t`Accounts`}>{own.map((a) => <li key={a.id}><Link to={a.to}><Foreign text={a.name} max={60} /></Link><span className="muted">{a.what}</span></li>)}</ul>
      ) : <p className="muted">{t`No datacenter and no connection says that it serves this client. Their pages say it; whoever has a right on the client has it on them, then.`}</p>}
    </Panel>
  )
}
