import { describe, expect, it } from 'vitest'

import browserVectors from '../../../internal/sealed/testdata/browser.json'
import goVectors from '../../../internal/sealed/testdata/go.json'
import type { SealedEnvelope } from '../api/types'
import { contentBinding, fingerprintOf, fromBase64, seal, suite, toBase64, wrapBinding } from './seal'

interface Vector {
  name: string
  /** PKCS #8. */
  private_key: string
  public_key: string
  fingerprint: string
  values: Record<string, string>
  envelope: SealedEnvelope
}

const der = (pem: string) => fromBase64(pem.replace(/-----[^-]+-----|\s/g, ''))

async function open(v: Vector, envelope = v.envelope): Promise<Record<string, string>> {
  const wrap = fromBase64(envelope.wraps.find((w) => w.recipient === v.fingerprint)!.data)
  const secret = await crypto.subtle.importKey('pkcs8', der(v.private_key), { name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits'])
  const content = await suite.open({ recipientKey: secret, enc: wrap.slice(0, 65).buffer, info: await wrapBinding(envelope.header) }, wrap.slice(65))
  const sealed = fromBase64(envelope.ciphertext)
  const key = await crypto.subtle.importKey('raw', content, 'AES-GCM', false, ['decrypt'])
  const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: sealed.slice(0, 12), additionalData: contentBinding(envelope.header) }, key, sealed.slice(12))
  return JSON.parse(new TextDecoder().decode(plain)) as Record<string, string>
}

const termsOf = (v: Vector) => ({ id: 'conn-1', tenant: 'default', provider: 'vsphere', targets: { '/url': 'https://vc.example.com/sdk' }, recipients: [{ key: v.public_key, fingerprint: v.fingerprint, name: 'agent' }] })

describe('sealing in the browser', () => {
  const vectors: Vector[] = goVectors as unknown as Vector[]
  it('opens what Go sealed', async () => {
    expect(vectors.length).toBeGreaterThan(2)
    for (const v of vectors) {
      expect(await fingerprintOf(fromBase64(v.public_key))).toBe(v.fingerprint)
      expect(await open(v), v.name).toEqual(v.values)
    }
  })
  it('seals what Go opens', async () => {
    // Go's test opens the same file, which scripts/vectors.mjs makes anew.
    expect(browserVectors.length).toBe(vectors.length)
    for (const v of browserVectors) expect(await open({ ...v, values: {} }), v.name).toEqual(v.values)
  })
  it('binds the values to the header', async () => {
    const v = vectors[0]!
    const e = await seal(termsOf(v), v.values)
    expect(await open(v, e)).toEqual(v.values)
    await expect(open(v, { ...e, header: e.header.replace('conn-1', 'conn-2') })).rejects.toThrow()
  })
  it('hides how long a password is', async () => {
    const v = vectors[0]!
    const short = await seal(termsOf(v), { P: 'x' })
    const long = await seal(termsOf(v), { P: 'x'.repeat(100) })
    expect(short.ciphertext.length).toBe(long.ciphertext.length)
  })
  it('refuses a key that is not the one shown', async () => {
    const v = vectors[0]!
    const terms = termsOf(v)
    terms.recipients[0]!.key = vectors[1]!.public_key
    await expect(seal(terms, v.values)).rejects.toThrow('not the one it claims')
    await expect(seal({ ...terms, recipients: [] }, v.values)).rejects.toThrow('nobody')
  })
  it('writes base64 as Go does', () => expect(toBase64(fromBase64('AP+AfwE='))).toBe('AP+AfwE='))
})
