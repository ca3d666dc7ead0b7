// Which fields of two versions of one document differ. What is absent and what is empty are the same to a person.
import { absent } from './value'

const same = (a: unknown, b: unknown): boolean => (absent(a) && absent(b)) || canonical(a) === canonical(b)

/** Text of a value in which the order of an object's members says nothing. */
function canonical(v: unknown): string {
  if (Array.isArray(v)) return `[${v.map(canonical).join(',')}]`
  if (typeof v !== 'object' || v === null) return JSON.stringify(v) ?? ''
  return `{${Object.entries(v).filter(([, x]) => !absent(x)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, x]) => `${JSON.stringify(k)}:${canonical(x)}`).join(',')}}`
}

export function differing(a: object, b: object): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].filter((n) => !same((a as Record<string, unknown>)[n], (b as Record<string, unknown>)[n]))
}
