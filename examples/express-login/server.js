// A login backend: it checks the password itself, has Mintage open the session, and hands the token pair to the app.
import { randomUUID, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import express from 'express'

const { MINTAGE_URL = 'http://127.0.0.1:8080', MINTAGE_CLIENT_ID = 'admin', MINTAGE_CLIENT_SECRET, APP = 'app', PORT = '3000' } = process.env
if (!MINTAGE_CLIENT_SECRET) throw new Error('set MINTAGE_CLIENT_SECRET to the secret of ' + MINTAGE_CLIENT_ID)

// DEMO: one user, password "correct horse battery staple". Yours are in your database, each with a salt of its own.
const USERS = new Map([['alice', { salt: '5f1c3a9e7b2d48606a94c1e08d73b25f', hash: 'fc79e28f79432d2ea875c0eded7aad386197420b31b2c0b8fbe8c1117f26d6bb' }]])
const NOBODY = { salt: '0'.repeat(32), hash: '0'.repeat(64) } // an unknown name costs as much time as a known one

async function knows(name, password) {
  const { salt, hash } = USERS.get(name) ?? NOBODY
  const found = await promisify(scrypt)(password, Buffer.from(salt, 'hex'), 32, { N: 2 ** 14, r: 8, p: 5 })
  return timingSafeEqual(found, Buffer.from(hash, 'hex')) && USERS.has(name)
}

class Later extends Error {} // its message is for Retry-After

// Asks once more when no answer came. That is safe: nothing here has more effect the second time than the first.
async function mintage(path, request, again = true) {
  const signal = AbortSignal.timeout(5000)
  const answer = await fetch(MINTAGE_URL + path, { ...request, signal }).catch(() => null)
  if (answer === null && again) return mintage(path, request, false)
  if (answer === null || answer.status === 503) throw new Later(answer?.headers.get('retry-after') ?? '1')
  return answer
}

let own = { until: 0 } // our own access token, kept until shortly before it expires

async function ownToken() {
  if (Date.now() < own.until) return own.token
  const pair = [MINTAGE_CLIENT_ID, MINTAGE_CLIENT_SECRET].map(encodeURIComponent).join(':') // RFC 6749 §2.3.1
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'mintage:sessions.open' })
  const answer = await mintage('/oauth/token', { method: 'POST', headers: { authorization: 'Basic ' + btoa(pair) }, body })
  if (!answer.ok) throw new Error(`no token for ${MINTAGE_CLIENT_ID}: ${answer.status} ${await answer.text()}`)
  const { access_token: token, expires_in } = await answer.json()
  own = { token, until: Date.now() + (expires_in - 30) * 1000 }
  return token
}

async function openSession(session, key = randomUUID(), again = true) {
  const headers = { authorization: `Bearer ${await ownToken()}`, 'content-type': 'application/json', 'idempotency-key': key }
  const answer = await mintage('/v1/sessions', { method: 'POST', headers, body: JSON.stringify(session) })
  if (answer.status === 401 && again) { // our token has been revoked
    own = { until: 0 }
    return openSession(session, key, false)
  }
  if (answer.status !== 201) throw new Error(`no session: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

const app = express().use(express.json()) // behind a proxy, also .set('trust proxy', …): else `request.ip` is the proxy's

app.post('/login', async (request, response) => {
  const { name, password } = request.body ?? {}
  if (typeof name !== 'string' || typeof password !== 'string') return response.status(400).json({ error: 'name and password, please' })
  if (!(await knows(name, password))) return response.status(401).json({ error: 'wrong name or password' })
  const device = { user_agent: request.get('user-agent')?.slice(0, 255), ip: request.ip }
  const { access_token, expires_in, refresh_token } = await openSession({ subject: name, client_id: APP, device })
  response.set('cache-control', 'no-store').json({ access_token, expires_in, refresh_token }) // the app refreshes at Mintage
})

app.post('/logout', async (request, response) => {
  const body = new URLSearchParams({ client_id: APP, token: String(request.body?.refresh_token) })
  const answer = await mintage('/oauth/revoke', { method: 'POST', body }) // ends the session
  if (!answer.ok) throw new Error(`not signed out: ${answer.status} ${await answer.text()}`)
  response.status(204).end()
})

app.use((error, request, response, next) => {
  if (error instanceof Later) return response.status(503).set('retry-after', error.message).json({ error: 'not now' })
  if (!error.status) console.error(error) // what has a status is the caller's fault
  response.status(error.status ?? 500).json({ error: 'that did not work' })
})

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
