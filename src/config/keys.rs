//! Every key there is: what it means, its unit, its default. `docs/configuration.md` is printed from this list.

use std::fmt::Write;

use super::environment::variable;
use super::fault::Place;
use super::load::Shown;
use crate::registry::check::distance;

/// A key of the configuration.
pub(super) struct Key {
    /// Its full name, without indices.
    pub(super) name: &'static str,
    /// What it takes, with its range.
    kind: &'static str,
    /// What holds when it is not set, as TOML; empty where nothing does.
    pub(super) default: &'static str,
    /// What it does.
    text: &'static str,
}

const fn key(name: &'static str, kind: &'static str, default: &'static str, text: &'static str) -> Key {
    Key { name, kind, default, text }
}

/// All of them, tables excepted.
pub(super) const KEYS: &[Key] = &[
    key(
        "issuer",
        "`https://host[:port]`; `http` only on loopback",
        "",
        "The issuer identifier: `iss` of every token, and the address that others know. Not set: `http://` (with TLS `https://`) and the loopback address that was bound.",
    ),
    key("listen", "address and port", "\"127.0.0.1:8080\"", "Where to listen. An address that is not loopback needs an `issuer`."),
    key("ops_listen", "address and port", "", "Where health, metrics and OpenAPI are served instead of on `listen`."),
    key(
        "trusted_proxies",
        "list of networks or addresses",
        "[]",
        "Proxies that are believed about where a request comes from, such as `[\"10.0.0.0/8\"]`; then `proxy_header` must be set.",
    ),
    key(
        "proxy_header",
        "`\"x-forwarded-for\"` or `\"forwarded\"`",
        "",
        "The one header in which the trusted proxies say it, each appending to what it was sent. The other is never read.",
    ),
    key("data", "folder", "\"data\"", "State: the embedded store. Relative to the working directory."),
    key("keys", "folder", "\"keys\"", "The key ring. Relative to the working directory."),
    key(
        "passphrase_file",
        "file",
        "",
        "Seals the key files: one line of 16 to 1024 bytes in a file that only its owner can read. Plain key files are sealed at the next start.",
    ),
    key("store", "`\"embedded\"`", "\"embedded\"", "Which store."),
    key("namespace", "1 to 32 of `a-z 0-9 - _`", "\"mintage\"", "Labels every metric, and begins every key of a shared store."),
    key(
        "shutdown_delay",
        "duration, 0s to 1h",
        "\"0s\"",
        "How long, after a signal to stop, `/healthz/ready` says 503 while everything is still served, so that load balancers turn away first.",
    ),
    key("shutdown_deadline", "duration, 0s to 1d", "\"25s\"", "How long accepted requests may take to finish after a signal to stop."),
    key(
        "defaults.access_ttl",
        "duration, 1s to 1d",
        "\"5m\"",
        "Lifetime of an access token; up to 5 % are taken off, so that refreshes do not come in waves.",
    ),
    key("defaults.absolute", "duration, 1s to 3650d", "\"30d\"", "Lifetime of a session; nothing extends it."),
    key("defaults.idle", "duration, 1s to 3650d", "\"7d\"", "How long a session may lie unused."),
    key(
        "defaults.retry_window",
        "duration, 0s to 1h",
        "\"30s\"",
        "How long a superseded refresh token still gets the same successor; 0 is strict.",
    ),
    key(
        "defaults.rotation_pause",
        "duration, 0s to 1h",
        "\"30s\"",
        "How long a new refresh token is kept before it rotates again; at least `retry_window`, or 0 in tests.",
    ),
    key(
        "sessions.per_subject",
        "1 to 100",
        "100",
        "How many live sessions a subject may have; a new one ends that of its client which has lain unused longest, and another client's only where its own has none.",
    ),
    key("sessions.grace", "duration, 0s to 365d", "\"1d\"", "How long a session that is over can still be looked at."),
    key(
        "signing.algorithm",
        "`\"EdDSA\"`, `\"Ed25519\"`, `\"ES256\"` or `\"RS256\"`",
        "\"EdDSA\"",
        "What new JWT keys sign with; RS256 keys are imported (`mintage keys import`). PASETO keys are always v4.public.",
    ),
    key(
        "signing.rotation",
        "duration, 1s to 3650d",
        "\"30d\"",
        "How long a key signs before its standby takes over; at least twice `jwks_max_age`.",
    ),
    key(
        "signing.mac_rotation",
        "duration, 1s to 3650d",
        "\"30d\"",
        "How long a MAC key makes refresh tokens before the next one does; each is kept until the longest session made under it has ended.",
    ),
    key(
        "signing.jwks_max_age",
        "duration, 0s to 1d",
        "\"5m\"",
        "How long others may cache the published key sets. A key is announced for twice that before it signs.",
    ),
    key("audit.enabled", "`true` or `false`", "true", "Whether an audit trail is kept."),
    key(
        "audit.folder",
        "folder",
        "",
        "Where it is kept. Not set: `audit` in `data`. On a disk of its own a full store cannot stop it, nor it the store.",
    ),
    key("audit.keep", "duration, 1d to 3650d", "\"365d\"", "How long its files are kept, in whole days."),
    key(
        "audit.total_mib",
        "64 to 1048576",
        "4096",
        "How many MiB it may take; beyond, the oldest files are removed before their time, and a warning says so.",
    ),
    key(
        "tls.cert_file",
        "PEM file",
        "",
        "The certificate of `listen`, then its chain; with it, `listen` speaks TLS 1.2 and 1.3 only. Read again on SIGHUP and every minute.",
    ),
    key("tls.key_file", "PEM file", "", "Its private key: readable by its owner, at most by its group (mode 0600 or 0640)."),
    key(
        "connections.head",
        "duration, 100ms to 60s",
        "\"10s\"",
        "For a request's head, or a TLS handshake; how long HTTP/1.1 rests between requests.",
    ),
    key("connections.body", "duration, 100ms to 10m", "\"20s\"", "For a request's body (408)."),
    key("connections.answer", "duration, 100ms to 10m", "\"30s\"", "From a request's head to its answer (503)."),
    key(
        "connections.idle",
        "duration, 100ms to 1h",
        "\"60s\"",
        "How long nothing may move on a connection; within twice this, a request must come.",
    ),
    key("connections.age", "duration, 1s to 24h", "\"1h\"", "How old a connection may become before it is told to go."),
    key(
        "connections.most",
        "1 to 1000000",
        "10000",
        "Open at once; for a further one, the one that was waited for the longest has to leave. Never more than the limit of open files allows.",
    ),
    key(
        "connections.per_address",
        "1 to 1000000",
        "1000",
        "Of those, from one IPv4 address or IPv6 network of 64 bits; likewise, among its own. This machine and trusted proxies are not counted.",
    ),
    key("log.format", "`\"text\"` or `\"json\"`", "\"text\"", "The form of a log line."),
    key("log.level", "`\"error\"`, `\"warn\"`, `\"info\"`, `\"debug\"` or `\"trace\"`", "\"info\"", "The least weight that is logged."),
    key(
        "rate_limits.apply",
        "`\"auto\"`, `\"on\"` or `\"off\"`",
        "\"auto\"",
        "Whether they hold. `auto`: unless `listen` is loopback and no proxy is trusted.",
    ),
    key(
        "rate_limits.failures_per_minute",
        "1 to 60000",
        "60",
        "How often an address (IPv6: a /64) may present what is not ours: wrong secrets, forged tokens. Beyond it: 429.",
    ),
    key("rate_limits.failures_burst", "1 to 100000", "120", "How many of them may come at once."),
    key(
        "rate_limits.requests_per_second",
        "1 to 100000",
        "1000",
        "How often a client may ask; a public one from one address. Beyond it: 429.",
    ),
    key("rate_limits.requests_burst", "1 to 1000000", "2000", "How many requests may come at once."),
    key("clients.id", "1 to 128 of `A-Z a-z 0-9 - . _ ~ : @`", "", "`client_id`. Required."),
    key("clients.type", "`\"confidential\"` or `\"public\"`", "", "Whether it can keep a secret. Required."),
    key(
        "clients.secret_file",
        "file",
        "",
        "Holds its secret on one line, of at least 128 bits of entropy (`openssl rand -hex 32`). Confidential clients need one, or keys.",
    ),
    key("clients.secret_files", "at most 2 files", "", "The old secret and the new one, while one replaces the other."),
    key(
        "clients.jwks_file",
        "file",
        "",
        "A JWK Set with 1 to 8 public keys of a confidential client, which then proves itself with assertions that it signs (`private_key_jwt`), instead of a secret or beside it.",
    ),
    key(
        "clients.grants",
        "list of `\"refresh_token\"`, `\"client_credentials\"`",
        "[\"refresh_token\"]",
        "What it may ask of the token endpoint.",
    ),
    key(
        "clients.scopes",
        "list of scopes",
        "[]",
        "What it, or a session at it, may have. `mintage:` scopes only for confidential clients with `client_credentials`, but `mintage:me`.",
    ),
    key("clients.audiences", "list of absolute URIs", "[]", "Whom its tokens may be for; the first is the default."),
    key("clients.opens_for", "list of client ids, or `[\"*\"]`", "[]", "For which clients it may open sessions."),
    key("clients.format", "`\"jwt\"` or `\"paseto\"`", "\"jwt\"", "The form of its access tokens."),
    key("clients.origins", "list of web origins", "[]", "Who may call the token and revocation endpoints from a browser (CORS)."),
    key("clients.access_ttl", "as in `defaults`", "", "Instead of the default."),
    key("clients.absolute", "as in `defaults`", "", "Instead of the default."),
    key("clients.idle", "as in `defaults`", "", "Instead of the default."),
    key("clients.retry_window", "as in `defaults`", "", "Instead of the default."),
    key("clients.rotation_pause", "as in `defaults`", "", "Instead of the default."),
    key(
        "clients.rotates",
        "`true` or `false`",
        "true",
        "Whether its refresh tokens rotate; `false` only for confidential clients and for those with `dpop_bound_access_tokens`.",
    ),
    key(
        "clients.dpop_bound_access_tokens",
        "`true` or `false`",
        "false",
        "Whether it gets only tokens that are bound to a key of its own (DPoP): its sessions are opened with `cnf`, and it proves the key at every refresh. Not for the client of the commands: they send no proofs.",
    ),
    key("clients.sessions_per_slot", "1 to 100", "", "How many live sessions of one subject may share a slot; a new one ends the oldest."),
    key(
        "clients.disabled",
        "`true` or `false`",
        "false",
        "Whether it is answered as if it did not exist, and its tokens are inactive to whoever asks; edge services learn that by `mintage revoke client`.",
    ),
    key("resource_servers.audience", "absolute URI without fragment", "", "The value of `aud`. Required."),
    key(
        "resource_servers.when_stale",
        "`\"refuse\"` or `\"accept\"`",
        "\"refuse\"",
        "What its edges do when their knowledge of revocations is too old.",
    ),
    key("resource_servers.implicit", "text", "", "The implicit assertion of its PASETO tokens."),
];

/// Whether the environment can set this key: every one that does not stand in a list.
pub(super) fn can_be_variable(name: &str) -> bool {
    !is_listed(name) && KEYS.iter().any(|key| key.name == name)
}

/// The variable that was probably meant.
pub(super) fn nearest_variable(name: &str) -> Option<String> {
    let all = KEYS.iter().filter(|key| !is_listed(key.name)).map(|key| variable(key.name));
    all.min_by_key(|known| distance(name, known)).filter(|known| distance(name, known) <= 4)
}

/// What was set, and the defaults of what was not, in the order of the list; the members of lists at the end.
pub(super) fn effective(set: Vec<(String, String, Place)>) -> Vec<Shown> {
    let single = |key: &Key| {
        let given = set.iter().find(|(name, ..)| name == key.name);
        let default = || (!key.default.is_empty()).then(|| (key.default.to_owned(), Place::Default));
        let (value, place) = given.map(|(_, value, place)| (value.clone(), place.clone())).or_else(default)?;
        Some(Shown { key: key.name.to_owned(), value, place })
    };
    let mut shown: Vec<_> = KEYS.iter().filter(|key| !is_listed(key.name)).filter_map(single).collect();
    shown.extend(set.into_iter().filter(|(name, ..)| is_listed(name)).map(|(key, value, place)| Shown { key, value, place }));
    shown
}

/// The page `docs/configuration.md`.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut table = None;
    for key in KEYS {
        let (of, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if table != Some(of) {
            page.push_str(&heading(of));
            table = Some(of);
        }
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let _ = writeln!(page, "| `{name}` | {} | {default} | {} |", key.kind, key.text);
    }
    page
}

const INTRODUCTION: &str = "# Configuration

<!-- Printed from the list of keys in `src/config/keys.rs`; a test compares them. Rewrite with `UPDATE_DOCS=1 cargo test --lib config::`. -->

`mintage serve` runs without any configuration. A TOML file is named with `--config FILE` or `MINTAGE_CONFIG`; flags lie over environment
variables, and these over the file. `mintage config check` reports everything that is wrong with the three together, each with its place and its
fix; `mintage config show` prints what holds and where it comes from.

Durations are a whole number and `ms`, `s`, `m`, `h` or `d`: `\"90s\"`. A key `b` of table `a` is the variable `MINTAGE_A__B`; lists are written there
with commas. Clients and resource servers stand in the file only. Unknown keys and unknown `MINTAGE_` variables are refused.

No secret stands in the file: `secret_file` names where it is. `MINTAGE_ADMIN_SECRET` or `MINTAGE_ADMIN_SECRET_FILE` sets, at any start, the
secret of the client `admin` that a first run without clients in the file makes. `MINTAGE_URL`, `MINTAGE_CA_FILE`, `MINTAGE_CLIENT_ID` and `MINTAGE_CLIENT_SECRET`
are for the commands that speak to a running node.
";

fn heading(table: &str) -> String {
    let title = match table {
        "" => "The top of the file".to_owned(),
        "clients" | "resource_servers" => format!("`[[{table}]]`"),
        other => format!("`[{other}]`"),
    };
    format!("\n## {title}\n\n| key | takes | default | meaning |\n| --- | --- | --- | --- |\n")
}

fn is_listed(name: &str) -> bool {
    ["clients", "resource_servers"].iter().any(|list| name.starts_with(list))
}
