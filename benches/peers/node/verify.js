// Verifies our tokens: `node verify.js jose|fast-jwt FILE SECONDS` prints one line of JSON, nanoseconds of a processor each.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createVerifier } from "fast-jwt";
import { importJWK, jwtVerify } from "jose";

const [TURNS, AT_ONCE] = [20, 16];
const [library, file, seconds] = process.argv.slice(2);
const { issuer, audience, eddsa, es256 } = JSON.parse(readFileSync(file, "utf8"));

const libraries = {
  async jose(algorithm, { token, jwk }) {
    const key = await importJWK(jwk, algorithm);
    const rules = { algorithms: [algorithm], issuer, audience, typ: "at+jwt", requiredClaims: ["exp", "sub", "jti", "client_id"] };
    return () => jwtVerify(token, key, rules);
  },
  // Without its cache: a hit would compare nothing but text.
  async "fast-jwt"(algorithm, { token, jwk }) {
    const key = createPublicKey({ key: jwk, format: "jwk" }).export({ format: "pem", type: "spki" });
    const rules = { algorithms: [algorithm], allowedIss: issuer, allowedAud: audience, requiredClaims: ["exp", "sub", "jti", "client_id"] };
    const verify = createVerifier({ key, ...rules, cache: false });
    return () => verify(token);
  },
};

function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1_000;
}

async function turn(verify) {
  const [began, length] = [processorTime(), (seconds * 1e9) / TURNS];
  for (let rounds = 0, taken = 0; ; rounds += AT_ONCE) {
    if (rounds && (taken = processorTime() - began) >= length) return taken / rounds;
    for (let at = 0; at < AT_ONCE; at++) await verify();
  }
}

const things = { EdDSA: await libraries[library]("EdDSA", eddsa), ES256: await libraries[library]("ES256", es256) };
const turns = { EdDSA: [], ES256: [] };
for (let at = 0; at < TURNS; at++) {
  for (const name in things) turns[name].push(await turn(things[name]));
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
console.log(JSON.stringify({ EdDSA: median(turns.EdDSA), ES256: median(turns.ES256) }));
