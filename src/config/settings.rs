//! The checked settings: plain types that cannot be wrong.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::keyring::Algorithm;
use crate::registry::Registry;
use crate::secret::Secret;
use crate::telemetry::LogFormat;
use crate::tls::TlsFiles;

/// Everything that a node needs to know to start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer, where one is configured; `None` only when listening on loopback: [`Settings::issuer_at`] then says it.
    pub issuer: Option<String>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where health, metrics, OpenAPI and the console are served instead.
    pub ops_listen: Option<SocketAddr>,
    /// The proxies that are believed about where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// In which header they say it.
    pub proxy_header: ProxyHeader,
    /// How often who may ask; `None` is as often as they like.
    pub rate_limits: Option<RateLimits>,
    /// The folder of the embedded store and the journals.
    pub data: PathBuf,
    /// The folder of the key ring.
    pub keys: PathBuf,
    /// What the key files are sealed with, where they are.
    pub passphrase_file: Option<PathBuf>,
    /// Which store.
    pub store: StoreChoice,
    /// What begins every key of a shared store and labels every metric.
    pub namespace: String,
    /// The defaults, and the clients and resource servers of the file; clients added over the API come on top.
    pub registry: Registry,
    /// How signing keys live.
    pub signing: Signing,
    /// Limits of sessions.
    pub sessions: SessionLimits,
    /// The audit trail; none where it is switched off.
    pub audit: Option<Audit>,
    /// The certificate and key of `listen`, where it speaks TLS.
    pub tls: Option<TlsFiles>,
    /// How much a connection may take.
    pub connections: Connections,
    /// What is logged, and how.
    pub log: Log,
    /// How long requests that were accepted may take to finish after a signal to stop.
    pub shutdown_deadline: Duration,
    /// How long the node says that it is not ready, and serves all the same, before it takes no new connections.
    pub shutdown_delay: Duration,
    /// `MINTAGE_ADMIN_SECRET` or `…_FILE`: the secret of the first run's client `admin`, never echoed.
    pub admin_secret: Option<Secret<String>>,
}

/// How often who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimits {
    /// Failures of one address.
    pub failures: Rate,
    /// Requests of one client.
    pub requests: Rate,
}

/// One each `every`, and `burst` of them at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How long one takes to be forgiven.
    pub every: Duration,
    /// How many may come together.
    pub burst: u32,
}

/// A header in which proxies name whom they speak for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// How many connections, and how long each step of one may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connections {
    /// Open at once.
    pub most: u32,
    /// Of those, from one address.
    pub per_address: u32,
    /// For a head, or a TLS handshake.
    pub head: Duration,
    /// For a body.
    pub body: Duration,
    /// For the whole of a request, up to its answer.
    pub answer: Duration,
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub age: Duration,
}

/// Which store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreChoice {
    /// In the data folder.
    Embedded,
}

/// How signing keys live (design §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signing {
    /// What new JWT keys sign with.
    pub algorithm: JwtAlgorithm,
    /// How long a key signs before the next one takes over.
    pub rotation: Duration,
    /// How long a MAC key makes refresh tokens before the next one does.
    pub mac_rotation: Duration,
    /// How long others may cache the published key sets; a key is announced for at least twice that.
    pub jwks_max_age: Duration,
}

/// What JWT keys may sign with; the name in a token's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JwtAlgorithm {
    /// `EdDSA` (RFC 8037) over Ed25519: most verifiers know no other name.
    EdDsa,
    /// `Ed25519` (RFC 9864).
    Ed25519,
    /// `ES256` (RFC 7518).
    Es256,
    /// `RS256` (RFC 7518); its keys are imported.
    Rs256,
}

/// Limits of sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionLimits {
    /// How many live sessions a subject may have.
    pub per_subject: u32,
    /// How long an ended session is still shown before it is forgotten.
    pub grace: Duration,
}

/// Where the audit trail is, and how much of it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit {
    /// Its folder.
    pub folder: PathBuf,
    /// How long.
    pub keep: Duration,
    /// How many bytes.
    pub total: u64,
}

/// What is logged, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least weight.
    pub level: LogLevel,
}

/// The least weight of what is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// What someone should look at, too.
    Warn,
    /// What happened, too.
    Info,
    /// How it happened, too.
    Debug,
    /// Everything.
    Trace,
}

impl From<JwtAlgorithm> for Algorithm {
    fn from(algorithm: JwtAlgorithm) -> Self {
        match algorithm {
            JwtAlgorithm::EdDsa => Self::EdDsa,
            JwtAlgorithm::Ed25519 => Self::Ed25519,
            JwtAlgorithm::Es256 => Self::Es256,
            JwtAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

impl LogLevel {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Settings {
    /// The issuer: as configured, else `http://`, or `https://` with TLS, and the loopback address that was bound.
    pub fn issuer_at(&self, bound: SocketAddr) -> String {
        self.issuer.clone().unwrap_or_else(|| format!("{}://{bound}", self.scheme()))
    }

    /// What `listen` speaks.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
