// paseto verifies our PASETO tokens through the published set of PASERKs.
import { InspectFooter, PublicProtocol } from 'paseto'
import { ImportPublicKeyFactory, VerifyFactory } from 'paseto/v4/public'
import { begin, check, refuses, world } from './checks.mjs'

begin('paseto')
const [node] = world.nodes
const v4 = new PublicProtocol(ImportPublicKeyFactory, VerifyFactory)
const published = (await (await fetch(`${node.issuer}/.well-known/paserk.json`)).json()).keys
const keys = new Map()
for (const { kid, paserk } of published) keys.set(kid, await v4.ImportPublicKey(paserk))
const text = new TextDecoder()

async function claimsOf(token, { implicit, audience = world.audience } = {}) {
  const footer = InspectFooter(token)
  const kid = footer?.length ? JSON.parse(text.decode(footer)).kid : published[0].kid
  if (!keys.has(kid)) throw new Error('no such key')
  const { claims } = await v4.Verify(keys.get(kid), token, implicit === undefined ? {} : { implicitAssertion: new TextEncoder().encode(implicit) })
  if (claims.aud !== audience || claims.iss !== node.issuer || new Date(claims.exp) <= new Date()) throw new Error('a claim is not as it must be')
  return claims
}

const refused = (why) => why instanceof Error
await check('takes the token of a session', async () => (await claimsOf(world.pasetos.session)).sub === 'alice')
const forPaseto = { implicit: world.implicit, audience: world.implicitAudience }
await check('takes a token with the implicit assertion', async () => (await claimsOf(world.pasetos.implicit, forPaseto)).sub === 'alice')
await refuses('refuses it without the implicit assertion', () => claimsOf(world.pasetos.implicit, { audience: world.implicitAudience }), refused)
await refuses('refuses an implicit assertion that is not there', () => claimsOf(world.pasetos.session, { implicit: world.implicit }), refused)
for (const [what, token] of Object.entries(world.bentPasetos)) {
  await refuses(`refuses: ${what}`, () => claimsOf(token), refused)
}
await refuses('refuses an expired token', () => claimsOf(world.pasetos.expired), refused)
await refuses('refuses the token of another issuer', () => claimsOf(world.pasetos.foreign), refused)
