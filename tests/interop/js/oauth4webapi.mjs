// oauth4webapi as an OAuth client of the running node, and as an API that takes its tokens (RFC 9068).
import * as oauth from 'oauth4webapi'
import { begin, check, open, refuses, world } from './checks.mjs'

begin('oauth4webapi')
const http = { [oauth.allowInsecureRequests]: true } // loopback

async function discover(node) {
  const issuer = new URL(node.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http }))
}

for (const node of world.nodes) {
  const name = node.algorithm
  const as = await discover(node)
  const claimsOf = (token, audience = world.audience) => {
    const request = new Request('https://api.example/', { headers: { Authorization: `Bearer ${token}` } })
    return oauth.validateJwtAccessToken(as, request, audience, { signingAlgorithms: [name], [oauth.clockTolerance]: 0, ...http })
  }
  const refused = (why) => why instanceof oauth.OperationProcessingError || why instanceof oauth.UnsupportedOperationError || why instanceof TypeError
  for (const kind of ['session', 'client']) {
    await check(`${name}: takes the token of a ${kind} as RFC 9068 has it`, async () => (await claimsOf(node.tokens[kind])).iss === node.issuer)
  }
  for (const [what, token] of Object.entries(node.bent)) {
    await refuses(`${name}: refuses: ${what}`, () => claimsOf(token), (why) => refused(why) || why instanceof oauth.WWWAuthenticateChallengeError)
  }
  await refuses(`${name}: refuses another audience`, () => claimsOf(node.tokens.session, 'https://other.example'), refused)
  await refuses(`${name}: refuses an expired token`, () => claimsOf(node.tokens.expired), (why) => why.code === oauth.JWT_TIMESTAMP_CHECK)
  await refuses(`${name}: refuses the token of another issuer`, () => claimsOf(node.foreign), refused)
}

const [node] = world.nodes
const as = await discover(node)
await refuses('discovery: refuses the metadata of another issuer',
  async () => oauth.processDiscoveryResponse(new URL('https://other.example'), await oauth.discoveryRequest(new URL(node.issuer), { algorithm: 'oauth2', ...http })),
  (why) => why.code === oauth.JSON_ATTRIBUTE_COMPARISON)

const methods = {
  basic: (secret) => oauth.ClientSecretBasic(secret),
  post: (secret) => oauth.ClientSecretPost(secret),
}
const credentials = async (id, auth, parameters = {}) => {
  const client = { client_id: id }
  return oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, auth, new URLSearchParams(parameters), http))
}
for (const [name, method] of Object.entries(methods)) {
  await check(`client_credentials by ${name}`, async () => (await credentials('web', method(node.secrets.web))).token_type === 'bearer')
  await check(`client_credentials with an odd secret by ${name}`, async () => (await credentials('odd', method(node.secrets.odd))).scope === 'read')
  await refuses(`client_credentials with a wrong secret by ${name}`, () => credentials('web', method('0'.repeat(64))),
    (why) => why instanceof oauth.ResponseBodyError ? why.error === 'invalid_client' : why instanceof oauth.WWWAuthenticateChallengeError)
}
await check('client_credentials for a resource', async () =>
  (await credentials('web', methods.basic(node.secrets.web), { resource: world.audience, scope: 'read' })).scope === 'read')
await refuses('client_credentials for more than is registered', () => credentials('web', methods.basic(node.secrets.web), { scope: 'everything' }),
  (why) => why.error === 'invalid_scope')

for (const [id, auth, how] of [['app', oauth.None(), 'none'], ['web', methods.basic(node.secrets.web), 'basic'], ['web', methods.post(node.secrets.web), 'post']]) {
  const client = { client_id: id }
  const opened = await open(node, id)
  const refresh = async (token) => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, token, http))
  const first = await refresh(opened.refresh_token)
  await check(`refresh by ${how}: a new pair`, () => first.refresh_token !== opened.refresh_token && first.access_token !== opened.access_token)
  await check(`refresh by ${how}: a lost answer gets the same successor`, async () => (await refresh(opened.refresh_token)).refresh_token === first.refresh_token)
  const second = await refresh(first.refresh_token)
  await check(`refresh by ${how}: the refresh token is kept within the pause`, () => second.refresh_token === undefined)

  const api = { client_id: 'api' }
  const ask = async (token, client = api) => oauth.processIntrospectionResponse(as, client,
    await oauth.introspectionRequest(as, client, methods.basic(node.secrets.api), token, http))
  const signed = { ...api, introspection_signed_response_alg: node.algorithm }
  await check(`introspection: an access token of ${how} is active`, async () => (await ask(second.access_token)).active === true)
  await check(`introspection: says who it is for, signed (RFC 9701)`, async () => {
    const answer = await oauth.introspectionRequest(as, signed, methods.basic(node.secrets.api), second.access_token, { requestJwtResponse: true, ...http })
    const body = await oauth.processIntrospectionResponse(as, signed, answer)
    await oauth.validateApplicationLevelSignature(as, answer, http)
    return body.active === true && body.aud === world.audience
  })
  const revoke = async (token) => oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, http))
  await check(`revocation by ${how}: an access token alone`, async () => {
    await revoke(second.access_token)
    return !(await ask(second.access_token)).active && (await ask(first.access_token)).active
  })
  await check(`revocation by ${how}: a refresh token ends the session`, async () => {
    await revoke(first.refresh_token)
    return !(await ask(first.access_token)).active
  })
  await check(`revocation by ${how}: an unknown token is no error`, () => revoke('unknown').then(() => true))
  await refuses(`refresh by ${how}: refused after revocation`, () => refresh(first.refresh_token), (why) => why.error === 'invalid_grant')
}
