// oauth4webapi as an OAuth client of the running node, and as an API that takes its tokens (RFC 9068).
import * as oauth from 'oauth4webapi'
import { begin, check, keyed, open, refuses, world } from './checks.mjs'

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

// Clients with keys of their own: assertions (RFC 7523) and proofs (RFC 9449).
const typed = (change = () => {}) => ({ [oauth.modifyAssertion]: (header, payload) => { header.typ = 'client-authentication+jwt'; change(payload) } })
const isUnknown = (why) => why.error === 'invalid_client' || why instanceof oauth.WWWAuthenticateChallengeError
/** What a browser or a server does: asks again, once, with the nonce that it was told. */
const again = async (act) => { try { return await act() } catch (why) { if (!oauth.isDPoPNonceError(why)) throw why; return act() } }

for (const alg of ['Ed25519', 'ES256', 'RS256']) {
  const pair = await oauth.generateKeyPair(alg, { extractable: true })
  const id = await keyed(node, `oauth4webapi-${alg.toLowerCase()}`, await crypto.subtle.exportKey('jwk', pair.publicKey))
  const client = { client_id: id }
  const key = (change) => oauth.PrivateKeyJwt(pair.privateKey, typed(change))
  await check(`${alg}: client_credentials by private_key_jwt`, async () => (await credentials(id, key(), { scope: 'read' })).scope === 'read')
  await refuses(`${alg}: an assertion without its typ`, () => credentials(id, oauth.PrivateKeyJwt(pair.privateKey)), isUnknown)
  await refuses(`${alg}: an assertion for the token endpoint`, () => credentials(id, key((claims) => { claims.aud = as.token_endpoint })), isUnknown)
  await refuses(`${alg}: an assertion for us and another`, () => credentials(id, key((claims) => { claims.aud = [as.issuer, 'https://b.example'] })), isUnknown)
  await refuses(`${alg}: an assertion that lives for an hour`, () => credentials(id, key((claims) => { claims.exp += 3600 })), isUnknown)
  await credentials(id, key((claims) => { claims.jti = 'once' }))
  await refuses(`${alg}: an assertion twice`, () => credentials(id, key((claims) => { claims.jti = 'once' })), isUnknown)
  const stranger = await oauth.generateKeyPair(alg)
  await refuses(`${alg}: an assertion by another key`, () => credentials(id, oauth.PrivateKeyJwt(stranger.privateKey, typed())), isUnknown)

  const opened = await open(node, id)
  const refreshed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, key(), opened.refresh_token, http))
  const ask = async (token) => oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, key(), token, http))
  await check(`${alg}: refresh and introspection by private_key_jwt`, async () => (await ask(refreshed.access_token)).active === true)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, key(), refreshed.refresh_token, http))
  await check(`${alg}: revocation by private_key_jwt`, async () => (await ask(refreshed.access_token)).active === false)

  const DPoP = oauth.DPoP(client, pair)
  const bound = (parameters) => again(async () => oauth.processClientCredentialsResponse(as, client,
    await oauth.clientCredentialsGrantRequest(as, client, key(), new URLSearchParams(parameters), { DPoP, ...http })))
  const token = await bound({ scope: 'read' })
  await check(`${alg}: a token bound to a key`, () => token.token_type === 'dpop')
  await check(`${alg}: an API takes it with its proof (RFC 9449 §7)`, async () => {
    let request
    const catching = { DPoP, [oauth.customFetch]: async (url, options) => { request = new Request(url, options); return new Response() } }
    await oauth.protectedResourceRequest(token.access_token, 'GET', new URL('https://api.example/things'), undefined, undefined, catching)
    const options = { signingAlgorithms: [node.algorithm, alg], requireDPoP: true, ...http }
    const claims = await oauth.validateJwtAccessToken(as, request, world.audience, options)
    return claims.cnf.jkt === await DPoP.calculateThumbprint()
  })

  const manager = await bound({ scope: 'mintage:sessions.read' })
  const sessions = new URL(`${node.issuer}/v1/sessions?subject=alice`)
  const call = (options) => oauth.protectedResourceRequest(manager.access_token, 'GET', sessions, undefined, undefined, { ...http, ...options })
  await check(`${alg}: our API takes a bound token with its proof`, async () => (await again(() => call({ DPoP }))).status === 200)
  await refuses(`${alg}: a bound token as Bearer`, () => call({}), (why) => why instanceof oauth.WWWAuthenticateChallengeError && why.cause.some(({ scheme }) => scheme === 'dpop'))
  const other = oauth.DPoP(client, await oauth.generateKeyPair(alg, { extractable: true }))
  await refuses(`${alg}: a bound token with a proof by another key`, () => again(() => call({ DPoP: other })),
    (why) => why instanceof oauth.WWWAuthenticateChallengeError && !oauth.isDPoPNonceError(why))

  const app = { client_id: 'app' }
  const phone = await open(node, 'app', { cnf: { jkt: await DPoP.calculateThumbprint() } })
  const renew = (handle) => again(async () => oauth.processRefreshTokenResponse(as, app,
    await oauth.refreshTokenGrantRequest(as, app, oauth.None(), phone.refresh_token, { DPoP: handle, ...http })))
  for (const [what, handle] of [['without a proof', undefined], ['with a proof by another key', other]]) {
    await refuses(`${alg}: refresh of a bound session ${what}`, () => renew(handle), (why) => why.error === 'invalid_grant')
  }
  await check(`${alg}: refresh of a bound session with its proof`, async () => (await renew(DPoP)).token_type === 'dpop')
}
