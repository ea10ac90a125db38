//! What makes a registration wrong; the configuration file and the API refuse the same.

use std::fmt;
use std::time::Duration;

use super::{Client, ClientType, Grant, Lifetimes, OpensFor, Registry, management};

/// The longest text that a client id may be, in bytes.
pub const MAX_CLIENT_ID: usize = 128;
/// The longest text that an audience may be, in bytes.
pub const MAX_AUDIENCE: usize = 255;
/// The largest lifetime of an access token.
pub const MAX_ACCESS_TTL: Duration = Duration::from_secs(86_400);
/// The largest lifetime and idle time of a session: ten years.
pub const MAX_SESSION: Duration = Duration::from_secs(3_650 * 86_400);
/// The largest `retry_window` and `rotation_pause`.
pub const MAX_WINDOW: Duration = Duration::from_secs(3_600);
/// The most live sessions that a subject can have, and so a slot.
pub const MAX_SESSIONS: u32 = 100;
/// The most secrets that a client can have: the old one and the new one.
pub const MAX_SECRETS: usize = 2;
/// The name under which Mintage itself ends sessions; no client may take it.
const OURSELVES: &str = "mintage";

/// One thing that is wrong with a registration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientFault {
    /// The member that holds it, as the API and the configuration file name it.
    pub field: &'static str,
    /// What is wrong.
    pub problem: ClientProblem,
}

/// What can be wrong with a registration: a closed list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientProblem {
    /// Not 1 to [`MAX_CLIENT_ID`] of the characters `A-Z a-z 0-9 - . _ ~ : @`, or reserved.
    BadId,
    /// Not an absolute URI without fragment (RFC 8707 §2).
    BadAudience(String),
    /// Not an origin: `https://host[:port]` in lower case, or `http://` on loopback.
    BadOrigin(String),
    /// The same value twice.
    Duplicate(String),
    /// A `mintage:` scope that does not exist.
    UnknownScope(String),
    /// A `mintage:` scope that only a confidential client may have.
    ScopeNeedsSecret(String),
    /// A `mintage:` scope that only `client_credentials` gives, at a client without that grant.
    ScopeNeedsGrant(String),
    /// A grant that only a confidential client may use (RFC 6749 §4.4).
    GrantNeedsSecret,
    /// A public client with a secret.
    PublicWithSecret,
    /// A public client with keys for assertions.
    PublicWithKeys,
    /// More than [`MAX_SECRETS`].
    TooManySecrets,
    /// A public client that opens sessions.
    PublicOpens,
    /// `opens_for` names a client that is not registered.
    UnknownClient(String),
    /// A public client whose refresh tokens would not rotate (RFC 9700 §4.14.2).
    MustRotate,
    /// Below or above what is allowed.
    OutOfRange {
        /// The least.
        least: Duration,
        /// The most.
        most: Duration,
    },
    /// `sessions_per_slot` outside 1 to [`MAX_SESSIONS`].
    BadSlotLimit,
    /// `rotation_pause` is neither zero nor at least `retry_window`.
    PauseBelowWindow,
}

impl ClientProblem {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::BadId => format!("use 1 to {MAX_CLIENT_ID} of A-Z a-z 0-9 - . _ ~ : @, and not {OURSELVES:?}"),
            Self::BadAudience(_) => "write an absolute URI without a fragment, such as https://api.example".into(),
            Self::BadOrigin(_) => "write scheme, host and port only, such as https://app.example (http only on loopback)".into(),
            Self::Duplicate(_) => "leave one of them".into(),
            Self::UnknownScope(scope) => known_scope(scope),
            Self::ScopeNeedsSecret(_) => "make the client confidential, or leave the scope out".into(),
            Self::ScopeNeedsGrant(_) => "add the grant client_credentials, or leave the scope out".into(),
            Self::GrantNeedsSecret => "make the client confidential, or leave client_credentials out".into(),
            Self::PublicWithSecret => "make the client confidential, or leave the secret out".into(),
            Self::PublicWithKeys => "make the client confidential, or leave the keys out".into(),
            Self::TooManySecrets => format!("keep at most {MAX_SECRETS}: the old one and the new one"),
            Self::PublicOpens => "make the client confidential, or leave opens_for out".into(),
            Self::UnknownClient(_) => "register that client, or write [\"*\"]".into(),
            Self::MustRotate => {
                "leave rotates out, or set dpop_bound_access_tokens: a public client's refresh tokens rotate unless they are bound".into()
            }
            Self::OutOfRange { least, most } => format!("use {} to {} seconds", least.as_secs_f64(), most.as_secs()),
            Self::BadSlotLimit => format!("use 1 to {MAX_SESSIONS}"),
            Self::PauseBelowWindow => "raise rotation_pause to at least retry_window, or set it to \"0s\" in a test".into(),
        }
    }
}

impl fmt::Display for ClientProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadId => f.write_str("is no client id"),
            Self::BadAudience(text) => write!(f, "{text:?} is no audience"),
            Self::BadOrigin(text) => write!(f, "{text:?} is no web origin"),
            Self::Duplicate(text) => write!(f, "{text:?} stands there twice"),
            Self::UnknownScope(scope) => write!(f, "{scope:?} is no scope of Mintage"),
            Self::ScopeNeedsSecret(scope) => write!(f, "a public client may not have {scope:?}"),
            Self::ScopeNeedsGrant(scope) => write!(f, "{scope:?} is given only by client_credentials, which this client may not use"),
            Self::GrantNeedsSecret => f.write_str("a public client may not use client_credentials"),
            Self::PublicWithSecret => f.write_str("a public client has no secret"),
            Self::PublicWithKeys => f.write_str("a public client does not authenticate"),
            Self::TooManySecrets => f.write_str("too many secrets"),
            Self::PublicOpens => f.write_str("a public client opens no sessions"),
            Self::UnknownClient(id) => write!(f, "no client {id:?} is registered"),
            Self::MustRotate => f.write_str("a public client's refresh tokens must rotate unless they are bound to a key"),
            Self::OutOfRange { .. } => f.write_str("is out of range"),
            Self::BadSlotLimit => f.write_str("is out of range"),
            Self::PauseBelowWindow => f.write_str("rotation_pause is below retry_window"),
        }
    }
}

impl Client {
    /// Everything that is wrong with this registration by itself; nothing when it is good. Whether a confidential client has a
    /// secret is not asked here: the file demands one, the API makes one.
    pub fn faults(&self) -> Vec<ClientFault> {
        let mut found = Vec::new();
        if !is_client_id(&self.id) {
            found.push(ClientFault { field: "id", problem: ClientProblem::BadId });
        }
        self.kind_faults(&mut found);
        self.scope_faults(&mut found);
        list_faults("audiences", &self.audiences, is_audience, ClientProblem::BadAudience, &mut found);
        list_faults("origins", &self.origins, is_origin, ClientProblem::BadOrigin, &mut found);
        if self.sessions_per_slot.is_some_and(|limit| !(1..=MAX_SESSIONS).contains(&limit)) {
            found.push(ClientFault { field: "sessions_per_slot", problem: ClientProblem::BadSlotLimit });
        }
        found
    }

    fn kind_faults(&self, found: &mut Vec<ClientFault>) {
        if self.secrets.len() > MAX_SECRETS {
            found.push(ClientFault { field: "secrets", problem: ClientProblem::TooManySecrets });
        }
        if self.kind == ClientType::Confidential {
            return;
        }
        if !self.secrets.is_empty() {
            found.push(ClientFault { field: "secrets", problem: ClientProblem::PublicWithSecret });
        }
        if !self.keys.is_empty() {
            found.push(ClientFault { field: "jwks", problem: ClientProblem::PublicWithKeys });
        }
        if self.grants.contains(&Grant::ClientCredentials) {
            found.push(ClientFault { field: "grants", problem: ClientProblem::GrantNeedsSecret });
        }
        if self.opens_for != OpensFor::These(std::collections::BTreeSet::new()) {
            found.push(ClientFault { field: "opens_for", problem: ClientProblem::PublicOpens });
        }
        if !self.rotates && !self.dpop_bound {
            found.push(ClientFault { field: "rotates", problem: ClientProblem::MustRotate });
        }
    }

    fn scope_faults(&self, found: &mut Vec<ClientFault>) {
        for scope in self.scopes.iter().filter(|scope| scope.starts_with(management::PREFIX) && *scope != management::ME) {
            let problem = if !management::ALL.contains(&scope) {
                ClientProblem::UnknownScope(scope.to_owned())
            } else if self.kind == ClientType::Public {
                ClientProblem::ScopeNeedsSecret(scope.to_owned())
            } else if !self.grants.contains(&Grant::ClientCredentials) {
                ClientProblem::ScopeNeedsGrant(scope.to_owned())
            } else {
                continue;
            };
            found.push(ClientFault { field: "scopes", problem });
        }
    }
}

impl Lifetimes {
    /// Everything that is wrong with these lifetimes together.
    pub fn faults(&self) -> Vec<ClientFault> {
        let second = Duration::from_secs(1);
        let ranges = [
            ("access_ttl", self.access_ttl, second, MAX_ACCESS_TTL),
            ("absolute", self.absolute, second, MAX_SESSION),
            ("idle", self.idle, second, MAX_SESSION),
            ("retry_window", self.retry_window, Duration::ZERO, MAX_WINDOW),
            ("rotation_pause", self.rotation_pause, Duration::ZERO, MAX_WINDOW),
        ];
        let mut found: Vec<_> = ranges
            .into_iter()
            .filter(|(_, value, least, most)| value < least || value > most)
            .map(|(field, _, least, most)| ClientFault { field, problem: ClientProblem::OutOfRange { least, most } })
            .collect();
        if !self.rotation_pause.is_zero() && self.rotation_pause < self.retry_window {
            found.push(ClientFault { field: "rotation_pause", problem: ClientProblem::PauseBelowWindow });
        }
        found
    }
}

impl Registry {
    /// Everything that is wrong with a registration here: by itself, in its lifetimes over the defaults, and in whom it names.
    pub fn faults(&self, client: &Client) -> Vec<ClientFault> {
        let mut found = client.faults();
        found.extend(self.lifetimes(client).faults());
        if let OpensFor::These(ids) = &client.opens_for {
            let unknown = ids.iter().filter(|id| **id != client.id && !self.clients.contains_key(*id));
            found.extend(unknown.map(|id| ClientFault { field: "opens_for", problem: ClientProblem::UnknownClient(id.clone()) }));
        }
        found
    }
}

/// Whether a text can be a `client_id`: it stands in URLs, logs and keys of the store unescaped. Dots alone would be a step in a path.
pub fn is_client_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte);
    (1..=MAX_CLIENT_ID).contains(&text.len()) && text.bytes().all(allowed) && ![OURSELVES, ".", ".."].contains(&text)
}

/// Whether a text can be an audience: an absolute URI without fragment (RFC 8707 §2) in visible ASCII.
pub fn is_audience(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let visible = |byte: u8| byte.is_ascii_graphic() && !b"#\"\\<>".contains(&byte);
    let scheme_is_good = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    text.len() <= MAX_AUDIENCE && scheme_is_good && !matches!(rest, "" | "/" | "//") && rest.bytes().all(visible)
}

/// Whether a text is a web origin as browsers send it (RFC 6454 §6.2): lower case, no path, no default port; plain HTTP on loopback only.
pub fn is_origin(text: &str) -> bool {
    let (authority, secure) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (_, Some(rest)) => (rest, false),
        _ => return false,
    };
    let Some((host, port)) = split_port(authority) else { return false };
    let default = if secure { 443 } else { 80 };
    port != Some(default) && (is_host(host)) && (secure || is_loopback_host(host))
}

/// Whether a URL's host names this machine only.
pub fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Takes `host[:port]` apart; `None` where the port is no port. An IPv6 host keeps its brackets.
pub fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
            if digits { port.parse().ok().map(|port| (host, Some(port))) } else { None }
        }
        _ => Some((authority, None)),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn list_faults(
    field: &'static str,
    list: &[String],
    is_good: fn(&str) -> bool,
    wrong: fn(String) -> ClientProblem,
    found: &mut Vec<ClientFault>,
) {
    for (at, text) in list.iter().enumerate() {
        if !is_good(text) {
            found.push(ClientFault { field, problem: wrong(text.clone()) });
        } else if list[..at].contains(text) {
            found.push(ClientFault { field, problem: ClientProblem::Duplicate(text.clone()) });
        }
    }
}

fn known_scope(scope: &str) -> String {
    let nearest = management::ALL.iter().chain([&management::ME]).min_by_key(|known| distance(scope, known));
    match nearest {
        Some(known) if distance(scope, known) <= 3 => format!("did you mean {known:?}?"),
        _ => format!("known are {}", management::ALL.join(" ")),
    }
}

/// How many characters must be added, left out or changed to make one text the other (Levenshtein).
pub fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
