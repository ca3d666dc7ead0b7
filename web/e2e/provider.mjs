// An OpenID Connect provider for tests: discovery, a page that asks who it is, codes that work once, PKCE, signed tokens.
import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** `people` are claims by what the button of each says. */
export async function provider(people, client = { id: 'maestro', secret: 'of the provider' }) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const codes = new Map()
  let url
  const answer = (res, status, body, type = 'application/json') => {
    res.writeHead(status, { 'Content-Type': type })
    res.end(type === 'application/json' ? JSON.stringify(body) : body)
  }
  const signed = (claims) => {
    const text = `${part({ alg: 'RS256', kid: '1', typ: 'JWT' })}.${part(claims)}`
    return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`
  }
  const routes = {
    '/.well-known/openid-configuration': (_, res) => answer(res, 200, {
      issuer: url, authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token`, jwks_uri: `${url}/keys`, end_session_endpoint: `${url}/logout`,
      response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'], code_challenge_methods_supported: ['S256'],
    }),
    '/keys': (_, res) => answer(res, 200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: '1', alg: 'RS256', use: 'sig' }] }),
    '/authorize': (asked, res) => {
      const back = (more) => {
        const to = new URL(asked.get('redirect_uri'))
        for (const [k, v] of Object.entries({ state: asked.get('state'), ...more })) to.searchParams.set(k, v)
        return `<a href="${to.href.replaceAll('&', '&amp;')}">`
      }
      const buttons = Object.entries(people).map(([name, claims]) => {
        const code = randomUUID()
        codes.set(code, { claims, nonce: asked.get('nonce'), challenge: asked.get('code_challenge') })
        return `<p>${back({ code })}${name}</a></p>`
      })
      answer(res, 200, `<!doctype html><title>Example ID</title><h1>Who are you?</h1>${buttons.join('')}<p>${back({ error: 'access_denied' })}Turn back</a></p>`, 'text/html')
    },
    '/token': (asked, res) => {
      const grant = codes.get(asked.get('code'))
      codes.delete(asked.get('code'))
      if (!grant || createHash('sha256').update(asked.get('code_verifier') ?? '').digest('base64url') !== grant.challenge) return answer(res, 400, { error: 'invalid_grant' })
      const now = Math.floor(Date.now() / 1000)
      return answer(res, 200, { access_token: randomUUID(), token_type: 'Bearer', expires_in: 300, id_token: signed({ iss: url, aud: client.id, iat: now, exp: now + 300, nonce: grant.nonce, ...grant.claims }) })
    },
    '/logout': (_, res) => answer(res, 200, '<!doctype html><title>Example ID</title><h1>Signed out of everything</h1>', 'text/html'),
  }
  const server = createServer((req, res) => {
    let body = ''
    req.on('data', (d) => { body += d })
    req.on('end', () => {
      const at = new URL(req.url, url)
      const route = routes[at.pathname]
      if (route) route(req.method === 'POST' ? new URLSearchParams(body) : at.searchParams, res)
      else answer(res, 404, {})
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${server.address().port}`
  return { url, client, close: () => { server.closeAllConnections(); server.close() } }
}

/** A port that nobody has now: for what must know its own address before it starts. */
export async function freePort() {
  const server = createServer()
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}
