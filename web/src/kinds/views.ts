// Saved lists, as addresses.
import type { View } from '../api/types'

/** Where a saved list is shown: all of its state is in the address. */
export function addressOfView(v: View): string {
  const q = new URLSearchParams({ view: v.id })
  if (v.filter) q.set('filter', v.filter)
  if (v.order_by) q.set('order_by', v.order_by)
  if (v.columns?.length) q.set('columns', v.columns.join(','))
  if (v.pinned) q.set('pinned', String(v.pinned))
  return `/inventory/${encodeURIComponent(v.kind)}?${q.toString()}`
}

/** Saved lists by kind, in the kinds' own order, each with its lists by name. */
export function byKind<K extends { name: string }>(views: readonly View[], kinds: readonly K[]): { kind: K; views: View[] }[] {
  return kinds
    .map((kind) => ({ kind, views: views.filter((v) => v.kind === kind.name).sort((a, b) => a.name.localeCompare(b.name)) }))
    .filter((g) => g.views.length)
}
