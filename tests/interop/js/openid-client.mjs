// openid-client as an OAuth client of the running node.
import * as client from 'openid-client'
import { begin, check, open, refuses, world } from './checks.mjs'

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
