// In which tenant one works. Who is in one only, and manages none, is not shown any of it.
import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { Menu } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { IconAffiliate, IconBuildings, IconCheck, IconSettings } from '@tabler/icons-react'
import { Link, useNavigate } from 'react-router'

import { api } from '../api/client'
import { asProblem } from '../api/problem'
import { q } from '../api/queries'
import { Foreign } from '../parts/Text'
import { say } from '../parts/toast'
import css from './Frame.module.css'
import { enter, useMay, useSession } from './session'

export function useEnterTenant() {
  const client = useQueryClient()
  return async (tenant: string) => enter(client, await api.put('/api/v1/session/tenant', { body: { id: tenant } }))
}

export function TenantSwitcher() {
  const session = useSession()
  const manages = useMay('tenant.manage')
  const places = useQuery({ ...q.places(), enabled: session !== null })
  const enterTenant = useEnterTenant()
  const navigate = useNavigate()
  const list = places.data?.items ?? []
  if (!session || (list.length < 2 && !session.home)) return null
  const go = async (tenant: string) => {
    try {
      await enterTenant(tenant)
      void navigate('/')
    } catch (err) {
      say(asProblem(err).message)
    }
  }
  return (
    <Menu position="bottom-end" width={280}>
      <Menu.Target>
        <button type="button" className={css.tenant} aria-label={t`Tenant ${session.tenant_name}; change it`}>
          <IconBuildings size={16} aria-hidden />
          <span className="clip">{session.tenant_name}</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label><Trans>Tenants that you are in</Trans></Menu.Label>
        {list.map((p) => (
          <Menu.Item
            key={p.tenant}
            disabled={p.disabled ?? false}
            leftSection={p.tenant === session.tenant ? <IconCheck size={15} aria-label={t`You are here`} /> : <span className={css.noMark} />}
            onClick={() => (p.tenant === session.tenant ? undefined : void go(p.tenant))}
          >
            <Foreign text={p.name} max={40} /> <span className="muted">{p.disabled ? t`disabled` : p.role}</span>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconAffiliate size={15} />} component={Link} to="/mine"><Trans>All mine</Trans></Menu.Item>
        {manages ? <Menu.Item leftSection={<IconSettings size={15} />} component={Link} to="/settings/tenants"><Trans>Manage tenants</Trans></Menu.Item> : null}
      </Menu.Dropdown>
    </Menu>
  )
}
