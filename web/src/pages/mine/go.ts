// Going to something of another tenant changes into that tenant first.
import { useNavigate } from 'react-router'

import { asProblem } from '../../api/problem'
import { useSession } from '../../frame/session'
import { useEnterTenant } from '../../frame/TenantSwitcher'
import { say } from '../../parts/toast'

export function useGo() {
  const session = useSession()
  const enterTenant = useEnterTenant()
  const navigate = useNavigate()
  return async (tenant: string, to: string) => {
    try {
      if (tenant !== session?.tenant) await enterTenant(tenant)
      void navigate(to)
    } catch (err) {
      say(asProblem(err).message)
    }
  }
}
