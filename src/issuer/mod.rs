//! The verbs: what Mintage does, one file each, for whoever asks through whichever door.
//!
//! Everything that is refused here is refused before anything is written.

mod audit_trail;
mod audited;
mod authenticate;
mod backup;
mod client_credentials;
mod client_rights;
mod client_secrets;
mod clients;
mod fault;
mod first_run;
mod follow;
mod idempotency;
mod introspect;
mod key_schedule;
mod key_turns;
mod keys;
mod mac_keys;
mod mark;
mod mint;
mod open;
mod proof;
mod published;
mod refresh;
mod requests;
mod revoke;
mod revoke_token;
mod sessions;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::ambient::{Clock, Drawn, Entropy};
use crate::audit::Trail;
use crate::id::{IdRandom, Stamp};
use crate::keyfiles::KeyFolder;
use crate::keyring::{Algorithm, KeyRing};
use crate::registry::Registry;
use crate::store::{AnyStore, Known, Position, Progress};
use crate::telemetry::Metrics;
use crate::time::Moment;
use crate::token::dpop::Seen;
use crate::verify::{CachedVerifier, HARD_AGE, LiveView, Now};

pub use authenticate::Asker;
pub use backup::Backup;
pub use clients::new_secret;
pub use fault::{Fault, Refusal, Unavailable};
pub use first_run::{ADMIN, FirstRun, administrator};
pub use follow::keep_log;
pub use proof::Presented;
pub use published::Published;
pub use requests::*;

/// What a node remembers of genuine tokens that it is asked about again, in bytes: some two thousand tokens.
const REMEMBERED_BYTES: u64 = 4 << 20;

/// What holds for the whole deployment.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `iss`, and the audience of the management API.
    pub issuer: String,
    /// What JWTs are signed with.
    pub jwt_algorithm: Algorithm,
    /// How long a key signs.
    pub key_period: Duration,
    /// How long a MAC key makes refresh tokens.
    pub mac_period: Duration,
    /// How long others may cache the key sets.
    pub jwks_max_age: Duration,
}

/// What an issuer is made of.
pub struct Parts {
    /// What holds for the whole deployment.
    pub policy: Policy,
    /// Clients and resource servers of the configuration; the store's are added.
    pub registry: Registry,
    /// Where sessions and revocations are.
    pub store: Arc<AnyStore>,
    /// Where keys are.
    pub folder: KeyFolder,
    /// The keys.
    pub ring: KeyRing,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Who did what; none where it is switched off.
    pub audit: Option<Trail>,
}

/// One node of the issuer. Shared by every door; all state inside is safe to share.
pub struct Issuer {
    policy: Policy,
    store: Arc<AnyStore>,
    clock: Arc<dyn Clock>,
    /// For secrets and keys.
    entropy: Arc<dyn Entropy>,
    /// For ids and delays.
    drawn: Drawn,
    metrics: Arc<Metrics>,
    audit: Option<Trail>,
    view: Arc<LiveView>,
    verifier: CachedVerifier,
    registry: ArcSwap<Registry>,
    /// The clients that the configuration names: the API cannot change them.
    configured: BTreeSet<String>,
    ring: ArcSwap<KeyRing>,
    folder: KeyFolder,
    /// Held while the ring or the registry changes, so that no change is lost.
    changing: tokio::sync::Mutex<()>,
    followed: Mutex<Position>,
    /// What the key folder was told of how far the store has come.
    marked: Mutex<mark::Mark>,
    /// How far the store had come at the last heartbeat.
    progress: Mutex<Option<Progress>>,
    /// Up to when the turns of keys have been told.
    turns_told: Mutex<Moment>,
    ring_wanted: AtomicBool,
    /// The DPoP proofs that this node has taken.
    proofs: Mutex<Seen>,
    /// Whether the log has said that a key to be imported is missing.
    standby_missed: AtomicBool,
    /// When the ring was last read from its folder, in milliseconds of monotonic time.
    ring_read_at: AtomicU64,
    /// How often it was read.
    ring_reads: AtomicU64,
    /// The MAC key that a token named before the ring had it, and how often the ring had been read when it was first asked for.
    mac_sought: Mutex<Option<(u8, u64)>>,
}

impl Issuer {
    /// Puts the parts together. Nothing is minted or accepted before [`Issuer::bootstrap`] has read the log.
    pub fn new(parts: Parts) -> Self {
        let Parts { policy, registry, store, folder, ring, clock, entropy, metrics, audit } = parts;
        let view = Arc::new(LiveView::new(&entropy.bytes()));
        let issuer = Self {
            verifier: CachedVerifier::new(published::verifier(&policy, &registry, view.clone()), REMEMBERED_BYTES),
            configured: registry.clients.keys().cloned().collect(),
            registry: ArcSwap::from_pointee(registry),
            ring: ArcSwap::from_pointee(ring),
            changing: tokio::sync::Mutex::new(()),
            followed: Mutex::new(Position::default()),
            marked: Mutex::default(),
            progress: Mutex::new(None),
            turns_told: Mutex::new(key_turns::told_before(audit.as_ref(), clock.now())),
            ring_wanted: AtomicBool::new(false),
            proofs: Mutex::new(Seen::default()),
            standby_missed: AtomicBool::new(false),
            ring_read_at: AtomicU64::new(0),
            ring_reads: AtomicU64::new(0),
            mac_sought: Mutex::new(None),
            policy,
            store,
            clock,
            drawn: Drawn::new(entropy.clone()),
            entropy,
            metrics,
            audit,
            view,
            folder,
        };
        issuer.republish();
        issuer
    }

    /// The issuer identifier (RFC 8414 §2).
    pub fn issuer(&self) -> &str {
        &self.policy.issuer
    }

    /// Whether a browser's `Origin` is registered for any client.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.registry.load().clients.values().any(|client| !client.disabled && client.origins.iter().any(|held| held == origin))
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn random(&self) -> IdRandom {
        self.drawn.bytes()
    }

    fn reading(&self) -> Stamp {
        self.view.reading()
    }

    /// What this node knows of a subject at a client, for the store to judge by as well.
    fn known(&self, subject: &str, client: &str) -> Known {
        Known { reading: self.reading(), epochs: self.view.epochs(subject, client) }
    }

    /// The time that tokens and the view's age are judged by: the later of the raw and the steady wall clock, so that neither a jump
    /// nor a machine that slept makes anything live longer.
    fn judging(&self) -> Now {
        Now { wall: self.clock.wall().max(self.clock.now()), monotonic: Some(self.clock.monotonic()) }
    }

    /// How old the view is; `None` while it has never been confirmed.
    fn view_age(&self) -> Option<Duration> {
        self.view.age(self.judging().wall, self.clock.monotonic())
    }

    /// Refuses while the view is too old to mint or accept on.
    fn fresh_view(&self) -> Result<(), Fault> {
        match self.view_age() {
            Some(age) if age <= HARD_AGE => Ok(()),
            _ => Err(Unavailable::ViewStale.into()),
        }
    }
}
