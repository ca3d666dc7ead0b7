// JSON pointers (RFC 6901): the names of fields in provenance, diffs and edits.

export const escape = (part: string) => part.replaceAll('~', '~0').replaceAll('/', '~1')
const unescape = (part: string) => part.replaceAll('~1', '/').replaceAll('~0', '~')

export function parts(pointer: string): string[] {
  return pointer === '' ? [] : pointer.slice(1).split('/').map(unescape)
}

export const join = (...list: string[]) => list.map((p) => '/' + escape(p)).join('')

/** The value a pointer leads to, or undefined. */
export function at(value: unknown, pointer: string): unknown {
  let v = value
  for (const p of parts(pointer)) {
    if (v === null || typeof v !== 'object' || !Object.hasOwn(v, p)) return undefined
    v = (v as Record<string, unknown>)[p]
  }
  return v
}

/** A copy of value in which pointer leads to leaf; undefined removes it and what becomes empty above it. */
export function put<T>(value: T, pointer: string, leaf: unknown): T {
  const [head, ...rest] = parts(pointer)
  if (head === undefined) return leaf as T
  const out = { ...((value ?? {}) as Record<string, unknown>) }
  const next = rest.length ? put(out[head], join(...rest), leaf) : leaf
  const empty = next === undefined || (rest.length > 0 && leaf === undefined && isEmptyObject(next))
  if (empty) delete out[head]
  else Object.defineProperty(out, head, { value: next, enumerable: true, configurable: true, writable: true })
  return out as T
}

const isEmptyObject = (v: unknown) => typeof v === 'object' && v !== null && !Array.isArray(v) && Object.keys(v).length === 0
