// Foreign text as it is shown: whole where it fits, else cut in the middle, and never able to turn the direction
// of what stands around it.
import { named } from '../texts/language'

const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g
const picture = /\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?$/u
// The joiner within one emoji is part of the picture; anywhere else it is hidden text.
const joins = (text: string, at: number) => picture.test(text.slice(Math.max(0, at - 5), at)) && /^\p{Extended_Pictographic}/u.test(text.slice(at + 1, at + 3))

/** Makes invisible and direction-changing characters visible. */
export const plain = (text: string) =>
  text.replace(unsafe, (c, at: number) => (c === '\u200d' && joins(text, at) ? c : `\u2423${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`))

/** Cuts the middle out: the ends are what tells names apart. */
export function cut(text: string, max: number): string {
  const chars = [...text]
  if (chars.length <= max) return text
  const head = Math.ceil((max - 1) * 0.6)
  return chars.slice(0, head).join('') + '…' + chars.slice(chars.length - (max - 1 - head)).join('')
}

const words: Record<string, string> = { id: 'id', ip: 'IP', os: 'OS', cpu: 'CPU', mac: 'MAC', dns: 'DNS', url: 'URL', vlan: 'VLAN', mtu: 'MTU', iops: 'IOPS', vm: 'VM', uuid: 'UUID', cidr: 'CIDR' }

/** not_tried -> Not tried; cpu_count -> CPU count */
export function human(name: string): string {
  const out = name
    .split(/[_\s]+/)
    .filter(Boolean)
    .map((w) => words[w] ?? w)
    .join(' ')
  return named(out.charAt(0).toUpperCase() + out.slice(1))
}

/** user:anna -> anna; run:... -> a run. */
export function actor(text: string): { type: string; name: string } {
  const i = text.indexOf(':')
  return i < 0 ? { type: '', name: text } : { type: text.slice(0, i), name: text.slice(i + 1) }
}

/** A partition in one line: "eu-west-2 · 1234", or "everything" for the empty one. */
export function partition(labels: readonly { key: string; value: string }[] | undefined | null): string {
  return labels?.length ? labels.map((l) => l.value).join(' · ') : 'everything'
}

/** A link that a foreign document gave: only what a browser may follow without harm. */
export function safeLink(url: string | undefined): string | undefined {
  if (!url) return undefined
  try {
    const u = new URL(url)
    return u.protocol === 'https:' || u.protocol === 'http:' ? u.href : undefined
  } catch {
    return undefined
  }
}

/** A kind's label within a sentence: small letters, but for what is an abbreviation: "network ACLs". */
export function lower(label: string): string {
  return label.split(' ').map((w) => (/[A-Z]{2}/.test(w) ? w : w.toLowerCase())).join(' ')
}
