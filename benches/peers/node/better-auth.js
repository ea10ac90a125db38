// `better-auth` with its OAuth provider, on its own SQLite adapter: `node better-auth.js FOLDER`.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { oauthProvider } from "@better-auth/oauth-provider";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import { openDatabase } from "./sqlite.js";

const BASE = "http://127.0.0.1/api/auth";
const API = "https://api.example";
const REDIRECT = "https://app.example/";
const auth = betterAuth({
  baseURL: "http://127.0.0.1",
  secret: "a secret that is used for these measurements only",
  database: openDatabase(process.argv[2]),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: "EdDSA" } } }),
    oauthProvider({
      loginPage: "/login", consentPage: "/consent", scopes: ["read", "offline_access"],
      resources: [API], cachedResources: new Set([API]), enforcePerClientResources: false, // with a resource the access token is a signed JWT
      silenceWarnings: { oauthAuthServerConfig: true },
    }),
  ],
});
await (await getMigrations(auth.options)).runMigrations();

const post = (path, body, headers) => auth.handler(new Request(BASE + path, { method: "POST", body, headers }));
const json = { "content-type": "application/json" };
const account = JSON.stringify({ email: "user@example.com", password: "correct horse battery staple", name: "user" });
const cookie = (await post("/sign-up/email", account, json)).headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
const client = await auth.api.adminCreateOAuthClient({
  headers: new Headers({ cookie }),
  body: { redirect_uris: [REDIRECT], skip_consent: true, scope: "read offline_access", grant_types: ["authorization_code", "refresh_token"] },
});
const basic = { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` };

/// A whole login: there is no shorter way to a refresh token.
async function open() {
  const verifier = "v".repeat(43);
  const question = new URLSearchParams({
    response_type: "code", client_id: client.client_id, redirect_uri: REDIRECT, scope: "read offline_access", state: "state", resource: API,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256",
  });
  const asked = await auth.handler(new Request(`${BASE}/oauth2/authorize?${question}`, { headers: { cookie } }));
  const back = new URL(asked.headers.get("location") ?? (await asked.json()).url);
  const code = back.searchParams.get("code");
  const form = new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: verifier, resource: API });
  const answer = await post("/oauth2/token", form, basic);
  return { ...(await answer.json()), authorization: basic.authorization };
}

const answer = toNodeHandler(auth);
const server = createServer((request, response) => {
  if (request.url !== "/open") return answer(request, response);
  request.resume().on("end", () => open().then((opened) => response.end(JSON.stringify(opened))));
});
server.listen(0, "127.0.0.1", () => console.error(`listening on http://127.0.0.1:${server.address().port}`));
