// Seals credentials in the browser, so that the collector carries what it cannot read. The Go package internal/sealed has
// the rules; both open what the other sealed (internal/sealed/testdata). This file is loaded only when somebody seals.
import { t } from '@lingui/core/macro'
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core'

import type { SealedCredential, SealedEnvelope, SealRecipient } from '../api/types'

export const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })

/** Texts that keep the uses of a key apart. */
const CONTENT = 'maestro sealed 1 content\0'
const WRAP = 'maestro sealed 1 key\0'
const PADDING = 256

const utf8 = new TextEncoder()

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
}

export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (const b of bytes) text += String.fromCharCode(b)
  return btoa(text)
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

export const contentBinding = (header: string) => utf8.encode(CONTENT + header)
export const wrapBinding = async (header: string) => joined(utf8.encode(WRAP), new Uint8Array(await crypto.subtle.digest('SHA-256', utf8.encode(header))))

export async function fingerprintOf(point: Uint8Array<ArrayBuffer>): Promise<string> {
  return `SHA256:${toBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', point))).replace(/=+$/, '')}`
}

/** Spaces after the JSON hide how long a password is. */
function padded(text: string): Uint8Array<ArrayBuffer> {
  const bytes = utf8.encode(text)
  return joined(bytes, new Uint8Array((PADDING - (bytes.length % PADDING)) % PADDING).fill(0x20))
}

/** What of the collector's answer sealing needs. */
export type Terms = Pick<SealedCredential, 'id' | 'tenant' | 'provider' | 'targets'> & { recipients: Pick<SealRecipient, 'key' | 'fingerprint' | 'name'>[] }

export async function seal(terms: Terms, values: Record<string, string>, now = new Date()): Promise<SealedEnvelope> {
  if (terms.recipients.length === 0) throw new Error(t`there is nobody to seal to`)
  const names = Object.keys(values).sort()
  const header = JSON.stringify({
    format: 1, tenant: terms.tenant, connection: terms.id, provider: terms.provider, targets: terms.targets ?? {}, variables: names,
    sealed_at: now.toISOString().replace(/\.\d+Z$/, 'Z'),
  })
  const content = crypto.getRandomValues(new Uint8Array(32))
  const nonce = crypto.getRandomValues(new Uint8Array(12))
  const key = await crypto.subtle.importKey('raw', content, 'AES-GCM', false, ['encrypt'])
  const plain = padded(JSON.stringify(Object.fromEntries(names.map((n) => [n, values[n]]))))
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: contentBinding(header) }, key, plain))
  const info = await wrapBinding(header)
  const wraps = []
  for (const r of terms.recipients) {
    const point = fromBase64(r.key)
    if ((await fingerprintOf(point)) !== r.fingerprint) throw new Error(t`the key of ${r.name} is not the one it claims`)
    const { enc, ct } = await suite.seal({ recipientPublicKey: await suite.kem.deserializePublicKey(point), info }, content)
    wraps.push({ recipient: r.fingerprint, data: toBase64(joined(new Uint8Array(enc), new Uint8Array(ct))) })
  }
  content.fill(0)
  return { header, ciphertext: toBase64(joined(nonce, sealed)), wraps }
}

/** Browsers encrypt only on pages that came over TLS or from this machine. */
export const canSeal = () => typeof crypto !== 'undefined' && !!crypto.subtle
