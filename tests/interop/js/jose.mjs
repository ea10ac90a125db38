// jose verifies our JWTs through the published key set.
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { begin, check, refuses, world } from './checks.mjs'

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
