// Counts checks; main.py reads what this prints.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

export const world = JSON.parse(process.env.INTEROP)

/** Says which version is under test. Not every package exports its package.json, so the file is looked up beside its entry. */
export function begin(name) {
  const { paths } = createRequire(import.meta.url).resolve
  const folder = paths(name).find((folder) => readable(`${folder}/${name}/package.json`))
  console.log(`version ${JSON.parse(readFileSync(`${folder}/${name}/package.json`)).version}`)
}

function readable(path) {
  try { return readFileSync(path) } catch { return undefined }
}

/** One check: `act` must not throw, and must not answer false. */
export async function check(name, act) {
  try {
    if ((await act()) === false) throw new Error('it is not so')
    console.log(`ok ${name}`)
  } catch (why) {
    failed(name, why)
  }
}

/** One check: `act` must throw an error of which `expected` is true. */
export async function refuses(name, act, expected) {
  let answer
  try {
    answer = await act()
  } catch (why) {
    return expected(why) ? console.log(`ok ${name}`) : failed(name, why)
  }
  failed(name, new Error(`accepted: ${JSON.stringify(answer)}`))
}

function failed(name, why) {
  process.exitCode = 1
  console.log(`FAILED ${name}`)
  console.error(name, why)
}

/** Opens a session as a login backend does. */
export function open(node, clientId, more = {}) {
  return manage(node, '/v1/sessions', { subject: 'alice', client_id: clientId, ...more })
}

/** Registers a client that proves itself with a key of its own; answers with its id. */
export async function keyed(node, id, jwk, more = {}) {
  const { kty, crv, x, y, n, e } = jwk
  const client = { type: 'confidential', grants: ['client_credentials', 'refresh_token'], scopes: ['read', 'mintage:sessions.read'], audiences: [world.audience] }
  await manage(node, '/v1/clients', { id, ...client, jwks: { keys: [{ kty, crv, x, y, n, e }] }, ...more })
  return id
}

async function manage(node, path, body) {
  const basic = Buffer.from(`backend:${node.secrets.backend}`).toString('base64')
  const token = await post(`${node.issuer}/oauth/token`, { Authorization: `Basic ${basic}` }, new URLSearchParams({ grant_type: 'client_credentials' }))
  const headers = { Authorization: `Bearer ${token.access_token}`, 'Content-Type': 'application/json' }
  return post(`${node.issuer}${path}`, headers, JSON.stringify(body))
}

async function post(url, headers, body) {
  const answer = await fetch(url, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return answer.json()
}
