// Puts changes together that one run made of many things alike, so that a first run is one line and not a page.
import type { Change } from '../api/types'

export interface ChangeGroup {
  /** One change stands for itself; more are of one kind and action, by one run. */
  changes: Change[]
}

const alike = (a: Change, b: Change) => a.action !== 'updated' && !!a.run_id && a.action === b.action && a.kind === b.kind && a.run_id === b.run_id

export function grouped(changes: readonly Change[], least = 4): ChangeGroup[] {
  const out: ChangeGroup[] = []
  for (const c of changes) {
    const last = out.at(-1)
    if (last && alike(last.changes[0]!, c)) last.changes.push(c)
    else out.push({ changes: [c] })
  }
  return out.flatMap((g) => (g.changes.length >= least ? [g] : g.changes.map((c) => ({ changes: [c] }))))
}
