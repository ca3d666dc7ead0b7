// The tenant that this window is in. Every question says it, so that another window may be in another tenant with the same session.
let current = ''

export const tenantHeader = 'X-Maestro-Tenant'

export const place = {
  now: () => current,
  set: (tenant: string) => {
    current = tenant
  },
  /** The header of a question; what is about the session itself goes without, or nobody could leave a tenant that has shut him out. */
  header: (template: string): Record<string, string> => (current && !template.startsWith('/api/v1/session/') ? { [tenantHeader]: current } : {}),
}
