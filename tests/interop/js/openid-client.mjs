// openid-client as an OAuth client of the running node.
import * as client from 'openid-client'
import { begin, check, keyed, open, refuses, world } from './checks.mjs'

begin('openid-client')
const [node] = world.nodes
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] } // loopback
const discover = (id, auth) => client.discovery(new URL(node.issuer), id, undefined, auth, options)

const basic = await discover('web', client.ClientSecretBasic(node.secrets.web))
await check('discovery: finds the endpoints (RFC 8414)', () => {
  const found = basic.serverMetadata()
  return found.issuer === node.issuer && found.token_endpoint.startsWith(node.issuer)
})
await check('discovery: a server that says which grants it knows', () => basic.serverMetadata().grant_types_supported.includes('refresh_token'))

for (const [name, method] of [['basic', client.ClientSecretBasic], ['post', client.ClientSecretPost]]) {
  const web = await discover('web', method(node.secrets.web))
  const odd = await discover('odd', method(node.secrets.odd))
  const wrong = await discover('web', method('0'.repeat(64)))
  await check(`client_credentials by ${name}`, async () => (await client.clientCredentialsGrant(web, { scope: 'read' })).expiresIn() > 0)
  await check(`client_credentials with an odd secret by ${name}`, async () => (await client.clientCredentialsGrant(odd)).scope === 'read')
  await refuses(`client_credentials with a wrong secret by ${name}`, () => client.clientCredentialsGrant(wrong),
    (why) => why.error === 'invalid_client' || why.cause?.[0]?.scheme === 'basic')
}

const api = await discover('api', client.ClientSecretBasic(node.secrets.api))
const configurations = { none: ['app', await discover('app', client.None())], basic: ['web', basic],
  post: ['web', await discover('web', client.ClientSecretPost(node.secrets.web))] }
for (const [how, [id, configuration]] of Object.entries(configurations)) {
  const opened = await open(node, id)
  const first = await client.refreshTokenGrant(configuration, opened.refresh_token)
  await check(`refresh by ${how}: a new pair`, () => first.refresh_token !== opened.refresh_token)
  const narrowed = await client.refreshTokenGrant(configuration, first.refresh_token, { scope: 'read', resource: world.audience })
  await check(`refresh by ${how}: narrowed, and the refresh token kept`, () => narrowed.scope === 'read' && narrowed.refresh_token === undefined)
  await check(`a call by ${how} to an API with the token`, async () => {
    const answer = await client.fetchProtectedResource(configuration, first.access_token, new URL(`${node.issuer}/.well-known/jwks.json`), 'GET')
    return answer.status === 200
  })
  await check(`introspection: active by ${how}`, async () => {
    const answer = await client.tokenIntrospection(api, first.access_token)
    return answer.active === true && answer.client_id === id && answer.sub === 'alice'
  })
  await check(`introspection: a token of nobody is not active`, async () => (await client.tokenIntrospection(api, 'unknown')).active === false)
  await check(`revocation by ${how}`, () => client.tokenRevocation(configuration, first.refresh_token).then(() => true))
  await check(`introspection: not active any more by ${how}`, async () => (await client.tokenIntrospection(api, first.access_token)).active === false)
  await refuses(`refresh by ${how}: refused after revocation`, () => client.refreshTokenGrant(configuration, first.refresh_token),
    (why) => why.error === 'invalid_grant')
}

// A client with a key of its own: assertions (RFC 7523), and proofs (RFC 9449), for which it keeps the nonces itself.
const typed = { [client.modifyAssertion]: (header) => { header.typ = 'client-authentication+jwt' } }
for (const alg of ['Ed25519', 'ES256', 'RS256']) {
  const pair = await client.randomDPoPKeyPair(alg, { extractable: true })
  const id = await keyed(node, `openid-client-${alg.toLowerCase()}`, await crypto.subtle.exportKey('jwk', pair.publicKey))
  const configuration = await discover(id, client.PrivateKeyJwt(pair.privateKey, typed))
  const opened = await open(node, id)
  await check(`${alg}: client_credentials by private_key_jwt`, async () => (await client.clientCredentialsGrant(configuration, { scope: 'read' })).scope === 'read')
  await check(`${alg}: refresh by private_key_jwt`, async () => (await client.refreshTokenGrant(configuration, opened.refresh_token)).expiresIn() > 0)
  const untyped = await discover(id, client.PrivateKeyJwt(pair.privateKey))
  await refuses(`${alg}: an assertion without its typ`, () => client.clientCredentialsGrant(untyped), (why) => why.error === 'invalid_client' || why.status === 401)

  const DPoP = client.getDPoPHandle(configuration, pair)
  const token = await client.clientCredentialsGrant(configuration, { scope: 'mintage:sessions.read' }, { DPoP })
  await check(`${alg}: a token bound to a key`, () => token.token_type === 'dpop')
  const sessions = new URL(`${node.issuer}/v1/sessions?subject=alice`)
  await check(`${alg}: our API takes it with its proof`, async () => {
    const answer = await client.fetchProtectedResource(configuration, token.access_token, sessions, 'GET', undefined, undefined, { DPoP })
    return answer.status === 200
  })
  await refuses(`${alg}: our API takes it no other way`, () => client.fetchProtectedResource(configuration, token.access_token, sessions, 'GET'), (why) => why.status === 401)

  const app = await discover('app', client.None())
  const own = client.getDPoPHandle(app, pair)
  const phone = await open(node, 'app', { cnf: { jkt: await own.calculateThumbprint() } })
  await check(`${alg}: refresh of a bound session with its proof`, async () => (await client.refreshTokenGrant(app, phone.refresh_token, {}, { DPoP: own })).token_type === 'dpop')
  await refuses(`${alg}: refresh of a bound session without`, () => client.refreshTokenGrant(app, phone.refresh_token), (why) => why.error === 'invalid_grant')
}
