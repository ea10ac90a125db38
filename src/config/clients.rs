//! `[[clients]]` and `[[resource_servers]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::fault::{Place, Problem};
use super::files::read_text;
use super::section::{Placed, Section};
use crate::registry::check::{MAX_ACCESS_TTL, MAX_SECRETS, MAX_SESSION, MAX_SESSIONS, MAX_WINDOW, is_audience, is_client_id};
use crate::registry::{
    Client, ClientFault, ClientType, Grant, Lifetimes, OpensFor, Overrides, Registry, ResourceServer, ScopeSet, SecretHash, TokenFormat,
    WhenStale, is_strong_secret,
};
use crate::token::assertion;

const SECOND: Duration = Duration::from_secs(1);

/// Where the members of a client stand, for faults that its registration as a whole has.
struct Where {
    key: String,
    place: Place,
    members: BTreeMap<String, Place>,
}

/// Reads all clients and resource servers, each by itself and then together.
pub(super) fn read(top: &mut Section<'_>, defaults: Lifetimes) -> Registry {
    let mut registry = Registry { defaults, clients: BTreeMap::new(), resource_servers: read_servers(top) };
    let mut all = Vec::new();
    for section in top.sections("clients") {
        let (client, stands) = read_client(section);
        let Some(client) = client else { continue };
        if registry.clients.contains_key(&client.id) {
            let problem = Problem::Duplicate(client.id.clone());
            top.findings.fault(stands.place.clone(), format!("{}.id", stands.key), problem, "give each client an id of its own");
        } else {
            registry.clients.insert(client.id.clone(), Arc::new(client.clone()));
        }
        all.push((client, stands));
    }
    let own = registry.defaults.faults();
    for (client, stands) in &all {
        for fault in registry.faults(client).into_iter().filter(|fault| !own.contains(fault)) {
            report(top, stands, fault);
        }
    }
    registry
}

/// The lifetimes of a table, those that are there; each is checked by itself here and together later.
pub(super) fn read_overrides(section: &mut Section<'_>) -> Overrides {
    Overrides {
        access_ttl: section.duration("access_ttl", SECOND, MAX_ACCESS_TTL).map(|found| found.value),
        absolute: section.duration("absolute", SECOND, MAX_SESSION).map(|found| found.value),
        idle: section.duration("idle", SECOND, MAX_SESSION).map(|found| found.value),
        retry_window: section.duration("retry_window", Duration::ZERO, MAX_WINDOW).map(|found| found.value),
        rotation_pause: section.duration("rotation_pause", Duration::ZERO, MAX_WINDOW).map(|found| found.value),
    }
}

fn read_client(mut section: Section<'_>) -> (Option<Client>, Where) {
    let stands = Where { key: section.key.clone(), place: section.place.clone(), members: section.places() };
    let id = section.parsed("id", "use 1 to 128 of A-Z a-z 0-9 - . _ ~ : @", |text| is_client_id(text).then(|| text.to_owned()));
    if id.is_none() && !stands.members.contains_key("id") {
        section.missing("id", "name the client: id = \"…\"");
    }
    let kind = section.choice("type", &[("confidential", ClientType::Confidential), ("public", ClientType::Public)]);
    if kind.is_none() && !stands.members.contains_key("type") {
        section.missing("type", "write type = \"confidential\" or type = \"public\"");
    }
    let client = Client {
        id: id.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
        kind: kind.unwrap_or(ClientType::Confidential),
        secrets: read_secrets(&mut section, kind, stands.members.contains_key("jwks_file")),
        keys: read_keys(&mut section),
        grants: read_grants(&mut section),
        scopes: read_scopes(&mut section),
        audiences: values(section.texts("audiences")),
        opens_for: opens_for(values(section.texts("opens_for"))),
        format: section.choice("format", &[("jwt", TokenFormat::Jwt), ("paseto", TokenFormat::Paseto)]).unwrap_or_default(),
        origins: values(section.texts("origins")),
        overrides: read_overrides(&mut section),
        rotates: section.flag("rotates").unwrap_or(true),
        dpop_bound: section.flag("dpop_bound_access_tokens").unwrap_or(false),
        sessions_per_slot: section.number("sessions_per_slot", 1, MAX_SESSIONS),
        disabled: section.flag("disabled").unwrap_or(false),
    };
    section.finish();
    ((id.is_some() && kind.is_some()).then_some(client), stands)
}

fn read_secrets(section: &mut Section<'_>, kind: Option<ClientType>, has_keys: bool) -> Vec<SecretHash> {
    let mut paths: Vec<_> = section.text("secret_file").into_iter().collect();
    paths.extend(section.texts("secret_files").unwrap_or_default());
    if paths.len() > MAX_SECRETS {
        let problem = Problem::OutOfRange(format!("{} secrets", paths.len()));
        section.findings.fault(
            section.place.clone(),
            format!("{}.secret_files", section.key),
            problem,
            "keep two: the old one and the new one",
        );
    }
    if kind == Some(ClientType::Confidential) && paths.is_empty() && !has_keys {
        section.missing(
            "secret_file",
            "name a file with the client's secret, made by: openssl rand -hex 32; or jwks_file with its public keys",
        );
    }
    paths.iter().filter_map(|path| read_secret(section, path)).collect()
}

fn read_secret(section: &Section<'_>, path: &Placed<String>) -> Option<SecretHash> {
    match read_text(&path.value).map(zeroize::Zeroizing::new) {
        Err(error) => {
            let problem = Problem::Unreadable(format!("{}: {error}", path.value));
            section.findings.fault(path.place.clone(), path.key.clone(), problem, "name a file that this process may read");
            None
        }
        Ok(_) if is_world_readable(&path.value) => {
            let fix = "chmod o-rwx the file, and make a new secret if others could have read it";
            section.findings.fault(path.place.clone(), path.key.clone(), Problem::WorldReadable(path.value.clone()), fix);
            None
        }
        Ok(text) if !is_strong_secret(text.trim_end_matches(['\r', '\n'])) => {
            let fix = "it needs 128 bits of entropy on one line; make one with: openssl rand -hex 32";
            section.findings.fault(path.place.clone(), path.key.clone(), Problem::WeakSecret, fix);
            None
        }
        Ok(text) => Some(SecretHash::of(text.trim_end_matches(['\r', '\n']).as_bytes())),
    }
}

fn read_keys(section: &mut Section<'_>) -> Vec<String> {
    let Some(path) = section.text("jwks_file") else { return Vec::new() };
    let (problem, fix) = match read_text(&path.value) {
        Err(error) => (Problem::Unreadable(format!("{}: {error}", path.value)), "name a file that this process may read"),
        Ok(set) => match assertion::read_keys(&set) {
            Ok(keys) => return keys,
            Err(fault) => {
                let fix = "write a JWK Set of 1 to 8 public keys, Ed25519, P-256 or RSA: {\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"…\"}]}";
                (Problem::BadKeys(format!("{}: {fault}", path.value)), fix)
            }
        },
    };
    section.findings.fault(path.place, path.key, problem, fix);
    Vec::new()
}

/// Rights of the owner's group are left to the deployment: mounted secrets are often read through it.
pub(super) fn is_world_readable(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

fn read_grants(section: &mut Section<'_>) -> BTreeSet<Grant> {
    let Some(names) = section.texts("grants") else { return BTreeSet::from([Grant::RefreshToken]) };
    let grant = |name: Placed<String>| match name.value.as_str() {
        "refresh_token" => Some(Grant::RefreshToken),
        "client_credentials" => Some(Grant::ClientCredentials),
        _ => {
            let fix = "write \"refresh_token\" or \"client_credentials\"";
            section.findings.fault(name.place, name.key, Problem::Malformed(name.value), fix);
            None
        }
    };
    names.into_iter().filter_map(grant).collect()
}

fn read_scopes(section: &mut Section<'_>) -> ScopeSet {
    let names = section.texts("scopes").unwrap_or_default();
    let good = |name: &Placed<String>| {
        let is_one = !name.value.is_empty() && !name.value.contains(' ') && name.value.parse::<ScopeSet>().is_ok();
        if !is_one {
            let fix = "write one scope each, in visible ASCII without quote and backslash (RFC 6749 §3.3)";
            section.findings.fault(name.place.clone(), name.key.clone(), Problem::Malformed(name.value.clone()), fix);
        }
        is_one
    };
    names.iter().filter(|name| good(name)).map(|name| name.value.as_str()).collect()
}

fn opens_for(ids: Vec<String>) -> OpensFor {
    if ids.iter().any(|id| id == "*") { OpensFor::Every } else { OpensFor::These(ids.into_iter().collect()) }
}

fn read_servers(top: &mut Section<'_>) -> BTreeMap<String, ResourceServer> {
    let mut servers = BTreeMap::new();
    for mut section in top.sections("resource_servers") {
        let place = section.place.clone();
        let has_audience = section.places().contains_key("audience");
        let wanted = "write an absolute URI without a fragment, such as https://api.example";
        let audience = section.parsed("audience", wanted, |text| is_audience(text).then(|| text.to_owned()));
        if audience.is_none() && !has_audience {
            section.missing("audience", wanted);
        }
        let when_stale = section.choice("when_stale", &[("refuse", WhenStale::Refuse), ("accept", WhenStale::Accept)]).unwrap_or_default();
        let implicit = section.text("implicit").map(|found| found.value);
        section.finish();
        let Some(Placed { value: audience, key, .. }) = audience else { continue };
        let server = ResourceServer { audience: audience.clone(), when_stale, implicit };
        if servers.insert(audience.clone(), server).is_some() {
            top.findings.fault(place, key, Problem::Duplicate(audience), "describe each audience once");
        }
    }
    servers
}

fn report(top: &Section<'_>, stands: &Where, fault: ClientFault) {
    let field = if fault.field == "jwks" { "jwks_file" } else { fault.field };
    let place = stands.members.get(field).unwrap_or(&stands.place).clone();
    let fix = fault.problem.fix();
    top.findings.fault(place, format!("{}.{}", stands.key, field), Problem::Client(fault.problem), fix);
}

fn values(texts: Option<Vec<Placed<String>>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(|text| text.value).collect()
}
