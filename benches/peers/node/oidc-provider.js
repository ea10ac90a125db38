// `oidc-provider` with a SQLite adapter: `node oidc-provider.js FOLDER`. Refreshing rotates and gives a signed JWT; what is introspected is an
// opaque access token, since it knows no other there.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { openDatabase, writer } from "./sqlite.js";

const API = "https://api.example";
const database = openDatabase(process.argv[2]);
database.exec(`CREATE TABLE kept (kind TEXT, id TEXT, grant_id TEXT, payload TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
  CREATE INDEX kept_of_grant ON kept (grant_id) WHERE grant_id IS NOT NULL;`);
const statement = (text) => database.prepare(text);
const sql = {
  put: statement("INSERT INTO kept VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET payload = excluded.payload"),
  find: statement("SELECT payload FROM kept WHERE kind = ? AND id = ?"),
  consume: statement("UPDATE kept SET payload = json_set(payload, '$.consumed', ?) WHERE kind = ? AND id = ?"),
  destroy: statement("DELETE FROM kept WHERE kind = ? AND id = ?"),
  revoke: statement("DELETE FROM kept WHERE grant_id = ?"),
};
const write = writer(database);
const now = () => Math.floor(Date.now() / 1000);

class Adapter {
  constructor(kind) { this.kind = kind; }
  async find(id) {
    const row = sql.find.get(this.kind, id);
    return row && JSON.parse(row.payload);
  }
  async findByUid() {}
  async findByUserCode() {}
  upsert(id, payload) { return write(() => sql.put.run(this.kind, id, payload.grantId ?? null, JSON.stringify(payload))); }
  consume(id) { return write(() => sql.consume.run(now(), this.kind, id)); }
  destroy(id) { return write(() => sql.destroy.run(this.kind, id)); }
  revokeByGrantId(grantId) { return write(() => sql.revoke.run(grantId)); }
}

const key = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
const provider = new Provider("http://127.0.0.1", {
  adapter: Adapter,
  jwks: { keys: [{ ...key, alg: "EdDSA", use: "sig" }] },
  enabledJWA: { idTokenSigningAlgValues: ["EdDSA"] },
  clients: [
    { client_id: "app", token_endpoint_auth_method: "none", id_token_signed_response_alg: "EdDSA",
      grant_types: ["authorization_code", "refresh_token"], redirect_uris: ["https://app.example/"] },
    { client_id: "api", client_secret: "secret-of-the-api", id_token_signed_response_alg: "EdDSA",
      grant_types: [], response_types: [], redirect_uris: [] },
  ],
  scopes: ["read", "write", "offline_access"],
  rotateRefreshToken: true,
  findAccount: async (_, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => false,
      getResourceServerInfo: () => ({ scope: "read write", accessTokenFormat: "jwt", accessTokenTTL: 300, jwt: { sign: { alg: "EdDSA" } } }),
    },
  },
  ttl: { AccessToken: 3600, RefreshToken: 86400, Grant: 86400 },
});

/// What a login would end with: a grant, a refresh token, and an opaque access token.
async function open(accountId) {
  const client = await provider.Client.find("app");
  const grant = new provider.Grant({ accountId, clientId: "app" });
  grant.addOIDCScope("read write offline_access");
  grant.addResourceScope(API, "read write");
  const grantId = await grant.save();
  const common = { accountId, client, grantId, gty: "authorization_code", scope: "read write offline_access" };
  const refresh = new provider.RefreshToken({ ...common, resource: API, rotations: 0, iiat: now() });
  const access = new provider.AccessToken({ ...common, scope: "read write" });
  return { refresh_token: await refresh.save(), access_token: await access.save() };
}

const answer = provider.callback();
const server = createServer((request, response) => {
  if (request.url !== "/open") return answer(request, response);
  request.on("data", (subject) => open(`user ${subject}`).then((opened) => response.end(JSON.stringify(opened))));
});
server.listen(0, "127.0.0.1", () => console.error(`listening on http://127.0.0.1:${server.address().port}`));
