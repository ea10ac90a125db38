// jose verifies our JWTs through the published key set, and makes assertions (RFC 7523) and proofs (RFC 9449) that we take.
import { SignJWT, base64url, calculateJwkThumbprint, createRemoteJWKSet, decodeJwt, errors, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { begin, check, keyed, refuses, world } from './checks.mjs'

begin('jose')
const requiredClaims = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id']

for (const node of world.nodes) {
  const name = node.algorithm
  const keys = createRemoteJWKSet(new URL(`${node.issuer}/.well-known/jwks.json`))
  const claimsOf = async (token, wanted = {}) => {
    const options = { algorithms: [name], issuer: node.issuer, audience: world.audience, typ: 'at+jwt', requiredClaims, ...wanted }
    return (await jwtVerify(token, keys, options)).payload
  }
  const refused = (why) => why instanceof errors.JOSEError
  for (const kind of ['session', 'client']) {
    await check(`${name}: takes the token of a ${kind}`, async () => (await claimsOf(node.tokens[kind])).iss === node.issuer)
  }
  await check(`${name}: reads the session's own claims`, async () => (await claimsOf(node.tokens.session)).role === 'reader')
  for (const [what, token] of Object.entries(node.bent)) {
    await refuses(`${name}: refuses: ${what}`, () => claimsOf(token), refused)
  }
  const other = 'https://other.example'
  const wrongClaim = (why) => why instanceof errors.JWTClaimValidationFailed
  await refuses(`${name}: refuses another audience`, () => claimsOf(node.tokens.session, { audience: other }), wrongClaim)
  await refuses(`${name}: refuses another issuer`, () => claimsOf(node.tokens.session, { issuer: other }), wrongClaim)
  await refuses(`${name}: refuses another kind of JWT`, () => claimsOf(node.tokens.session, { typ: 'JWT' }), wrongClaim)
  await refuses(`${name}: refuses an expired token`, () => claimsOf(node.tokens.expired), (why) => why instanceof errors.JWTExpired)
  await refuses(`${name}: refuses a token an hour later`, () => claimsOf(node.tokens.session, { currentDate: new Date(Date.now() + 3600e3) }),
    (why) => why instanceof errors.JWTExpired)
  await refuses(`${name}: refuses the token of another issuer`, () => claimsOf(node.foreign), refused)
}

const [node] = world.nodes
for (const alg of ['EdDSA', 'Ed25519', 'ES256', 'RS256']) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const id = await keyed(node, `jose-${alg.toLowerCase()}`, jwk)
  const endpoint = `${node.issuer}/oauth/token`
  const assertion = () => new SignJWT({}).setProtectedHeader({ alg, typ: 'client-authentication+jwt' }).setIssuer(id).setSubject(id).setAudience(node.issuer)
    .setJti(crypto.randomUUID()).setIssuedAt().setExpirationTime('1 minute').sign(privateKey)
  const proof = (claims) => new SignJWT({ jti: crypto.randomUUID(), ...claims }).setProtectedHeader({ alg, typ: 'dpop+jwt', jwk }).setIssuedAt().sign(privateKey)
  const ask = async (headers = {}) => {
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_assertion_type: type, client_assertion: await assertion(), scope: 'mintage:sessions.read' })
    const answer = await fetch(endpoint, { method: 'POST', headers, body })
    return { nonce: answer.headers.get('dpop-nonce'), status: answer.status, ...await answer.json() }
  }
  await check(`${alg}: we take its assertion`, async () => (await ask()).token_type === 'Bearer')
  const asked = await ask({ DPoP: await proof({ htm: 'POST', htu: endpoint }) })
  await check(`${alg}: we ask its proof for a nonce`, () => asked.error === 'use_dpop_nonce' && asked.status === 400)
  const bound = await ask({ DPoP: await proof({ htm: 'POST', htu: endpoint, nonce: asked.nonce }) })
  await check(`${alg}: we bind the token to the key of its proof`, async () =>
    bound.token_type === 'DPoP' && decodeJwt(bound.access_token).cnf.jkt === await calculateJwkThumbprint(jwk))
  const ath = base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(bound.access_token))))
  const call = async (claims) => {
    const url = `${node.issuer}/v1/sessions`
    const DPoP = await proof({ htm: 'GET', htu: url, nonce: bound.nonce, ...claims })
    return (await fetch(`${url}?subject=alice`, { headers: { Authorization: `DPoP ${bound.access_token}`, DPoP } })).status
  }
  await check(`${alg}: our API takes it with a proof over it`, async () => (await call({ ath })) === 200)
  await check(`${alg}: and with no other`, async () => (await call({})) === 401 && (await call({ ath, htm: 'POST' })) === 401 && (await call({ ath, htu: endpoint })) === 401)
}
