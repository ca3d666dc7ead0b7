// Makes internal/sealed/testdata/browser.json anew: what the browser's code seals for the keys of go.json, for Go's tests to open.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { createServer } from 'vite'

const testdata = new URL('../../internal/sealed/testdata/', import.meta.url)
const server = await createServer({ root: fileURLToPath(new URL('..', import.meta.url)), server: { middlewareMode: true }, appType: 'custom', logLevel: 'error' })
const { seal } = await server.ssrLoadModule('/src/sealing/seal.ts')
const made = []
for (const v of JSON.parse(readFileSync(new URL('go.json', testdata), 'utf8'))) {
  const terms = { id: 'conn-1', tenant: 'default', provider: 'vsphere', targets: { '/url': 'https://vc.example.com/sdk' }, recipients: [{ key: v.public_key, fingerprint: v.fingerprint, name: 'agent' }] }
  made.push({ ...v, envelope: await seal(terms, v.values, new Date(1e12)) })
}
await server.close()
writeFileSync(new URL('browser.json', testdata), `${JSON.stringify(made, null, 2)}\n`)
