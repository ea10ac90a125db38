//! From file, environment and flags to settings, or to everything that is wrong with them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::clients;
use super::doors;
use super::environment::{key_path, variable};
use super::fault::{Fault, Place, Problem};
use super::files::read_text;
use super::keys;
use super::proxies;
use super::rates;
use super::section::{Findings, Placed, Section};
use super::settings::{Audit, JwtAlgorithm, Log, LogLevel, SessionLimits, Settings, Signing, StoreChoice};
use super::tree::{self, Table};
use crate::registry::check::{MAX_SESSIONS, is_loopback_host, split_port};
use crate::registry::{Lifetimes, is_strong_secret};
use crate::secret::Secret;
use crate::telemetry::LogFormat;
use crate::time::Moment;

const DAY: Duration = Duration::from_secs(86_400);

/// What the command line says over file and environment.
#[derive(Clone, Default, Debug)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--data`.
    pub data: Option<String>,
    /// `--keys`.
    pub keys: Option<String>,
    /// `--store`.
    pub store: Option<String>,
}

/// Settings and where each comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Every key that holds, with its value as TOML and its place.
    pub shown: Vec<Shown>,
}

impl Loaded {
    /// What is wrong only now: a certificate that is over.
    pub fn fault_at(&self, now: Moment) -> Option<Fault> {
        let files = self.settings.tls.as_ref()?;
        let fault = files.read().and_then(|pair| pair.good_at(files, now)).err()?.swap_remove(0);
        let key = "tls.cert_file";
        let place = self.shown.iter().find(|shown| shown.key == key).map_or(Place::Default, |shown| shown.place.clone());
        let fix = fault.fix();
        Some(Fault { place, key: key.to_owned(), problem: Problem::Tls { path: fault.path, problem: fault.problem }, fix })
    }
}

/// One key that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Such as `defaults.access_ttl`.
    pub key: String,
    /// As TOML would write it.
    pub value: String,
    /// Where it comes from.
    pub place: Place,
}

/// Reads file, environment (every `MINTAGE_…` variable in `variables`) and flags, the later over the earlier.
///
/// # Errors
/// Everything that is wrong, in the order of the file, then the environment.
pub fn load(flags: &Flags, variables: impl IntoIterator<Item = (String, String)>) -> Result<Loaded, Vec<Fault>> {
    let findings = Findings::default();
    let mut variables: Vec<_> = variables.into_iter().collect();
    variables.sort();
    let mut table = read_file(flags, &variables, &findings);
    lay_variables(&mut table, &variables, &findings);
    lay_flags(&mut table, flags);
    let mut settings = read_settings(table, &findings);
    settings.admin_secret = read_admin_secret(&variables, &findings);
    finish(settings, findings)
}

fn finish(settings: Settings, findings: Findings) -> Result<Loaded, Vec<Fault>> {
    let mut faults = findings.faults.into_inner();
    if faults.is_empty() {
        return Ok(Loaded { settings, shown: keys::effective(findings.set.into_inner()) });
    }
    faults.sort_by(|one, other| (&one.place, &one.key).cmp(&(&other.place, &other.key)));
    let torn = |place: &Place| match place {
        Place::File { line, .. } => Some(*line),
        _ => None,
    };
    let torn_lines: Vec<_> =
        faults.iter().filter(|fault| matches!(fault.problem, Problem::Syntax(_))).filter_map(|fault| torn(&fault.place)).collect();
    faults
        .retain(|fault| matches!(fault.problem, Problem::Syntax(_)) || !torn(&fault.place).is_some_and(|line| torn_lines.contains(&line)));
    faults.dedup();
    Err(faults)
}

fn read_file(flags: &Flags, variables: &[(String, String)], findings: &Findings) -> Table {
    let named = variables.iter().find(|(name, value)| name == "MINTAGE_CONFIG" && !value.is_empty());
    let (path, place) = match (&flags.config, named) {
        (Some(path), _) => (path.clone(), Place::Flag("--config")),
        (None, Some((name, value))) => (PathBuf::from(value), Place::Environment(name.clone())),
        (None, None) => return Table::new(),
    };
    match read_text(&path) {
        Ok(text) => {
            let (table, faults) = tree::read_toml(&path, &text);
            findings.faults.borrow_mut().extend(faults);
            table
        }
        Err(error) => {
            let problem = Problem::Unreadable(format!("{}: {error}", path.display()));
            findings.fault(place, "", problem, "name a TOML file that this process may read");
            Table::new()
        }
    }
}

fn lay_variables(table: &mut Table, variables: &[(String, String)], findings: &Findings) {
    for (name, value) in variables {
        let Some(path) = key_path(name) else { continue };
        let place = Place::Environment(name.clone());
        if value.contains('\u{fffd}') {
            findings.fault(place, path.join("."), Problem::Malformed(value.clone()), "write it in UTF-8");
        } else if !keys::can_be_variable(&path.join(".")) {
            let fix = keys::nearest_variable(name).map_or_else(|| "unset it".to_owned(), |meant| format!("did you mean {meant}?"));
            findings.fault(place, "", Problem::UnknownKey, fix);
        } else if let Err(fault) = tree::lay_over(table, &path, place, value.clone()) {
            findings.faults.borrow_mut().push(*fault);
        }
    }
}

fn lay_flags(table: &mut Table, flags: &Flags) {
    let Flags { config: _, listen, data, keys, store } = flags;
    let given = [("--listen", listen), ("--data", data), ("--keys", keys), ("--store", store)];
    for (flag, value) in given {
        if let Some(value) = value {
            let node = tree::Node { place: Place::Flag(flag), value: tree::Value::Loose(value.clone()) };
            table.insert(flag.trim_start_matches('-').to_owned(), node);
        }
    }
}

fn read_settings(table: Table, findings: &Findings) -> Settings {
    let mut top = Section::new(String::new(), Place::Default, table, findings);
    let listen = read_address(&mut top, "listen");
    let issuer = top.parsed("issuer", "write https://host with no slash at its end (http only on loopback)", issuer);
    check_issuer(issuer.as_ref(), listen.as_ref(), findings);
    let (trusted_proxies, proxy_header) = proxies::read(&mut top);
    let listen = listen.map_or(SocketAddr::from(([127, 0, 0, 1], 8080)), |found| found.value);
    let is_local = trusted_proxies.is_empty() && listen.ip().is_loopback();
    let data = top.path("data", "name a folder").map_or_else(|| PathBuf::from("data"), |found| found.value);
    let (shutdown_deadline, shutdown_delay) = doors::read_shutdown(&mut top);
    let store = read_store(&mut top);
    let namespace = top.parsed("namespace", "use 1 to 32 of a-z 0-9 - _", namespace);
    let (defaults, sessions) = read_defaults(&mut top);
    let audit = read_audit(&mut top, &data);
    let settings = Settings {
        listen,
        ops_listen: read_address(&mut top, "ops_listen").map(|found| found.value),
        trusted_proxies,
        proxy_header,
        rate_limits: rates::read(&mut top, is_local),
        keys: read_key_folder(&mut top, &data),
        data,
        passphrase_file: top.path("passphrase_file", "name a file").map(|found| found.value),
        store,
        namespace: namespace.map_or_else(|| "mintage".to_owned(), |found| found.value),
        registry: clients::read(&mut top, defaults),
        signing: read_signing(&mut top),
        sessions,
        audit,
        tls: doors::read_tls(&mut top, issuer.as_ref()),
        connections: doors::read_connections(&mut top),
        issuer: issuer.map(|found| found.value),
        log: read_log(&mut top),
        shutdown_deadline,
        shutdown_delay,
        admin_secret: None,
    };
    top.finish();
    settings
}

/// Never the folder of the state: whoever copies one must not have both.
fn read_key_folder(top: &mut Section<'_>, data: &Path) -> PathBuf {
    let plain = |path: &Path| {
        path.components().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>()
    };
    let default = || Placed { value: PathBuf::from("keys"), key: "keys".to_owned(), place: Place::Default };
    let keys = top.path("keys", "name a folder").unwrap_or_else(default);
    if plain(&keys.value) == plain(data) {
        let problem = Problem::Conflict("is the folder of the state, too".to_owned());
        top.findings.fault(keys.place, keys.key, problem, "name another folder: whoever copies the state must not have the keys");
    }
    keys.value
}

fn read_address(top: &mut Section<'_>, name: &'static str) -> Option<Placed<SocketAddr>> {
    top.parsed(name, "write an address and a port, such as 127.0.0.1:8080", |text| text.parse().ok())
}

/// The issuer identifier (RFC 8414 §2): no query, no fragment, no path, so that its metadata have one place.
fn issuer(text: &str) -> Option<String> {
    let (authority, secure) = match text.strip_prefix("https://") {
        Some(rest) => (rest, true),
        None => (text.strip_prefix("http://")?, false),
    };
    let (host, _) = split_port(authority)?;
    let host_is_good = crate::registry::check::is_origin(&format!("https://{host}"));
    (host_is_good && (secure || is_loopback_host(host))).then(|| text.to_owned())
}

fn check_issuer(issuer: Option<&Placed<String>>, listen: Option<&Placed<SocketAddr>>, findings: &Findings) {
    let Some(listen) = listen else { return };
    let is_open = match listen.value.ip() {
        IpAddr::V4(address) => !address.is_loopback(),
        IpAddr::V6(address) => !address.is_loopback(),
    };
    if is_open && issuer.is_none() {
        let problem = Problem::Conflict(format!("{} can be reached from outside, but there is no issuer", listen.value));
        let fix = "set issuer = \"https://…\", the address that others know, or listen on 127.0.0.1";
        findings.fault(listen.place.clone(), listen.key.clone(), problem, fix);
    }
}

fn read_store(top: &mut Section<'_>) -> StoreChoice {
    let Some(found) = top.text("store") else { return StoreChoice::Embedded };
    if found.value.starts_with("redis://") || found.value.starts_with("rediss://") {
        top.findings.fault(found.place, found.key, Problem::Unsupported("a store on Redis".to_owned()), "write \"embedded\"");
    } else if found.value != "embedded" {
        top.findings.fault(found.place, found.key, Problem::Malformed(found.value), "write \"embedded\"");
    }
    StoreChoice::Embedded
}

fn namespace(text: &str) -> Option<String> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    ((1..=32).contains(&text.len()) && text.bytes().all(good)).then(|| text.to_owned())
}

fn read_defaults(top: &mut Section<'_>) -> (Lifetimes, SessionLimits) {
    let mut section = top.section("defaults");
    let places = section.places();
    let lifetimes = clients::read_overrides(&mut section).over(Lifetimes::default());
    for fault in lifetimes.faults() {
        let place = [fault.field, "retry_window"].iter().find_map(|field| places.get(*field)).unwrap_or(&section.place);
        let fix = fault.problem.fix();
        section.findings.fault(place.clone(), format!("defaults.{}", fault.field), Problem::Client(fault.problem), fix);
    }
    section.finish();
    let mut section = top.section("sessions");
    let limits = SessionLimits {
        per_subject: section.number("per_subject", 1, MAX_SESSIONS).unwrap_or(MAX_SESSIONS),
        grace: section.duration("grace", Duration::ZERO, 365 * DAY).map_or(DAY, |found| found.value),
    };
    section.finish();
    (lifetimes, limits)
}

fn read_signing(top: &mut Section<'_>) -> Signing {
    let mut section = top.section("signing");
    let minute = Duration::from_secs(60);
    let words = [
        ("EdDSA", JwtAlgorithm::EdDsa),
        ("Ed25519", JwtAlgorithm::Ed25519),
        ("ES256", JwtAlgorithm::Es256),
        ("RS256", JwtAlgorithm::Rs256),
    ];
    let algorithm = section.choice("algorithm", &words).unwrap_or(JwtAlgorithm::EdDsa);
    let rotation = section.duration("rotation", Duration::from_secs(1), 3_650 * DAY);
    let max_age = section.duration("jwks_max_age", Duration::ZERO, DAY);
    let signing = Signing {
        algorithm,
        rotation: rotation.as_ref().map_or(30 * DAY, |found| found.value),
        mac_rotation: section.duration("mac_rotation", Duration::from_secs(1), 3_650 * DAY).map_or(30 * DAY, |found| found.value),
        jwks_max_age: max_age.as_ref().map_or(5 * minute, |found| found.value),
    };
    if signing.rotation < 2 * signing.jwks_max_age {
        let place = rotation.or(max_age).map_or(section.place.clone(), |found| found.place);
        let problem = Problem::Conflict("rotation is below twice jwks_max_age".to_owned());
        let fix = "raise rotation or lower jwks_max_age: a key is announced that long before it signs";
        section.findings.fault(place, "signing.rotation", problem, fix);
    }
    section.finish();
    signing
}

fn read_audit(top: &mut Section<'_>, data: &Path) -> Option<Audit> {
    let mut section = top.section("audit");
    let enabled = section.flag("enabled").unwrap_or(true);
    let folder = section.path("folder", "name a folder").map_or_else(|| data.join("audit"), |found| found.value);
    let keep = section.duration("keep", DAY, 3_650 * DAY).map_or(365 * DAY, |found| found.value);
    let total = u64::from(section.number("total_mib", 64, 1 << 20).unwrap_or(4_096)) << 20;
    section.finish();
    enabled.then_some(Audit { folder, keep, total })
}

fn read_log(top: &mut Section<'_>) -> Log {
    let mut section = top.section("log");
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace].map(|level| (level.name(), level));
    let log = Log {
        format: section.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]).unwrap_or(LogFormat::Text),
        level: section.choice("level", &levels).unwrap_or(LogLevel::Info),
    };
    section.finish();
    log
}

fn read_admin_secret(variables: &[(String, String)], findings: &Findings) -> Option<Secret<String>> {
    let value = |name: &str| variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    if value("MINTAGE_ADMIN_SECRET").is_some() && value("MINTAGE_ADMIN_SECRET_FILE").is_some() {
        let problem = Problem::Conflict("is set together with MINTAGE_ADMIN_SECRET_FILE".to_owned());
        findings.fault(Place::Environment("MINTAGE_ADMIN_SECRET".to_owned()), "", problem, "unset one of the two");
    }
    let (name, secret) = match (value("MINTAGE_ADMIN_SECRET"), value("MINTAGE_ADMIN_SECRET_FILE")) {
        (Some(secret), _) => ("MINTAGE_ADMIN_SECRET", Secret::new(secret.to_owned())),
        (None, Some(path)) => match read_text(path) {
            Ok(_) if clients::is_world_readable(path) => {
                let fix = "chmod o-rwx the file, and make a new secret if others could have read it";
                findings.fault(Place::Environment(variable("admin_secret_file")), "", Problem::WorldReadable(path.to_owned()), fix);
                return None;
            }
            Ok(text) => ("MINTAGE_ADMIN_SECRET_FILE", Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => {
                let place = Place::Environment(variable("admin_secret_file"));
                findings.fault(place, "", Problem::Unreadable(format!("{path}: {error}")), "name a file that this process may read");
                return None;
            }
        },
        (None, None) => return None,
    };
    if !secret.expose(|text| is_strong_secret(text)) {
        let fix = "it needs 128 bits of entropy; make one with: openssl rand -hex 32";
        findings.fault(Place::Environment(name.to_owned()), "", Problem::WeakSecret, fix);
    }
    Some(secret)
}

/// The keys that reading has asked for, for the page that lists them.
#[cfg(test)]
pub(super) fn known_keys(text: &str) -> std::collections::BTreeSet<String> {
    let findings = Findings::default();
    let (table, _) = tree::read_toml(std::path::Path::new("sample"), text);
    let _ = read_settings(table, &findings);
    findings.known.into_inner()
}
