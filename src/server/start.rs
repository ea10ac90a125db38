//! Starting: every check that can refuse comes before the first answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::doors::{OpenDoors, listen};
use super::{Node, StartFault, Surroundings, distrust};
use crate::ambient::{Clock, Entropy};
use crate::audit::{self, Trail};
use crate::config::{self, ProxyHeader, Settings};
use crate::http::Doors;
use crate::issuer::{FirstRun, Issuer, Parts, Policy, keep_log};
use crate::keyfiles::KeyFolder;
use crate::keyring::{Algorithm, KeyRing, KeyState, RingKey};
use crate::registry::Registry;
use crate::store::embedded::OpenFault;
use crate::store::{self, AnyStore, Embedded, Progress, Store};
use crate::tasks::{CertificateJob, Ticker};
use crate::telemetry::Metrics;
use crate::time::Moment;
use crate::web::{self, Observer, Proxies, RateLimits};

/// What a failover may lose: nothing that a disk holds, but a heartbeat's worth of readings.
pub(super) const EMBEDDED_MARGIN: Duration = Duration::from_secs(1);

/// A file of the audit trail is followed by another one at this size, or at a quarter of what the whole may take.
const AUDIT_FILE: u64 = 64 << 20;

impl Node {
    /// Opens the store, checks the keys, reads the log, and listens. Nothing is answered before all of that is done.
    pub async fn start(settings: Settings, surroundings: Surroundings) -> Result<Self, StartFault> {
        let data = settings.data.clone();
        Self::start_on(settings, surroundings, |around, store| Embedded::open(&data, around.clock.clone(), &*around.entropy, store)).await
    }

    /// Starts on a store that `open` opens elsewhere than in a file of the data folder: on a disk whose faults are part of a drill.
    pub async fn start_on(
        settings: Settings,
        surroundings: Surroundings,
        open: impl FnOnce(&Surroundings, store::Settings) -> Result<Embedded, OpenFault>,
    ) -> Result<Self, StartFault> {
        let metrics = Arc::new(Metrics::new(&settings.namespace));
        let certificate =
            settings.tls.clone().map(|files| CertificateJob::load(files, metrics.clone(), surroundings.clock.wall())).transpose()?;
        let folder = open_folder(&settings)?;
        let store = open(&surroundings, store_settings(&settings))?;
        let Surroundings { clock, entropy } = surroundings;
        let (ring, is_new) = open_ring(&store, &folder, &settings, &*entropy, &*clock).await?;
        let store = Arc::new(AnyStore::from(store));
        let (listener, address) = listen(settings.listen).await?;
        let parts = Parts {
            policy: policy(&settings, address),
            registry: settings.registry.clone(),
            store: store.clone(),
            folder,
            ring,
            clock: clock.clone(),
            entropy: entropy.clone(),
            audit: open_audit(&settings, &*clock, &*entropy, &metrics)?,
            metrics: metrics.clone(),
        };
        let issuer = Arc::new(Issuer::new(parts));
        let first_run = make_ready(&issuer, is_new, &settings).await?;
        let doors = Doors {
            issuer: issuer.clone(),
            observer: Observer::new(clock.clone(), entropy, metrics),
            let_go: TaskTracker::new(),
            proxies: Arc::new(proxies(&settings)),
            rate_limits: rate_limits(&settings, clock.clone()),
            stopping: CancellationToken::new(),
        };
        let doors = OpenDoors::open(&settings, listener, &doors, certificate.as_ref()).await?;
        let stop = CancellationToken::new();
        let ticker = tokio::spawn(Ticker::new(issuer.clone(), clock.clone(), certificate.clone()).run(stop.clone()));
        Ok(Self { issuer, store, clock, address, scheme: settings.scheme(), first_run, certificate, stop, doors, ticker })
    }
}

/// Everything that comes before the first answer.
async fn make_ready(issuer: &Issuer, is_new: bool, settings: &Settings) -> Result<FirstRun, StartFault> {
    issuer.bootstrap().await?;
    if is_new {
        issuer.make_first_keys().await?;
    }
    issuer.tend_keys().await?;
    issuer.mark_keys_now().await?;
    Ok(issuer.first_run(settings.admin_secret.as_ref()).await?)
}

/// Takes the audit trail up where the run before left it, and says what that run had begun and not ended.
fn open_audit(settings: &Settings, clock: &dyn Clock, entropy: &dyn Entropy, metrics: &Metrics) -> Result<Option<Trail>, StartFault> {
    let Some(wanted) = &settings.audit else { return Ok(None) };
    let limits = audit::Settings { file_size: AUDIT_FILE.min(wanted.total / 4), keep: wanted.keep, total_size: wanted.total };
    let (trail, opened) = Trail::open(&wanted.folder, limits, clock.now(), entropy.bytes())?;
    for event in &opened.interrupted {
        let (kind, target) = event.deed.target.parts();
        tracing::warn!(
            event_id = %event.id,
            action = event.deed.action.name(),
            kind,
            target,
            "the run before ended in the middle of this: look whether it happened"
        );
    }
    metrics.audit_interrupted(opened.interrupted.len());
    tracing::info!(head = opened.head, "the audit trail is open");
    Ok(Some(trail))
}

/// Opens the key folder for this node alone.
fn open_folder(settings: &Settings) -> Result<KeyFolder, StartFault> {
    Ok(KeyFolder::open_with(&settings.keys, settings.passphrase_file.as_deref())?.for_a_node()?)
}

/// Reads the ring and holds it against the store; `true` where both are new. Only then are files touched: what a crash left unfinished
/// goes, and where a passphrase is configured, what is not sealed is.
async fn open_ring(
    store: &Embedded,
    folder: &KeyFolder,
    settings: &Settings,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
) -> Result<(KeyRing, bool), StartFault> {
    let mut ring = folder.load()?;
    let is_new = check_keys(store, &ring, folder, settings, clock.now()).await?;
    if !is_new {
        if store.keys().await?.is_empty() {
            distrust::void_everything(store, clock.wall(), "store_lost", entropy).await?;
            tracing::warn!("the store is new and the keys are not: what they signed before is void, for nobody knows what was revoked");
        }
        remember(store, &mut ring, folder).await?;
    }
    folder.sweep()?;
    let sealed = if settings.passphrase_file.is_some() { folder.reseal()? } else { 0 };
    if sealed > 0 {
        tracing::info!(sealed, "key files have been sealed under the passphrase");
    }
    Ok((ring, is_new))
}

/// The key folder and the store must belong together. `true` where both are new.
async fn check_keys(store: &Embedded, ring: &KeyRing, folder: &KeyFolder, settings: &Settings, now: Moment) -> Result<bool, StartFault> {
    let remembered = store.keys().await?;
    let missing: Vec<String> = remembered.iter().filter(|name| !ring.holds(name)).cloned().collect();
    if !remembered.is_empty() && !folder.is_empty()? {
        must_not_be_older(store, !missing.is_empty(), folder, settings)?;
    }
    if !missing.is_empty() {
        return Err(StartFault::KeysMissing { folder: settings.keys.clone(), missing });
    }
    must_have_imported(ring, settings, now)?;
    let has_none = ring.macs.is_empty() && ring.signing.iter().all(|held| held.life.is_to_be_taken_up());
    if has_none && remembered.is_empty() {
        return Ok(true);
    }
    // A store that remembers keys and none of these had them lost by a restore: another one is made.
    if ring.macs.is_empty() && remembered.is_empty() {
        return Err(StartFault::NoMacKey { folder: settings.keys.clone() });
    }
    Ok(false)
}

/// What was called back, and is missing from an older store, would be good again. Keys that are of another store, and lack some of this
/// one's, are not the younger: they are the wrong ones.
fn must_not_be_older(store: &Embedded, lacks_some: bool, folder: &KeyFolder, settings: &Settings) -> Result<(), StartFault> {
    let (data, keys) = (settings.data.clone(), settings.keys.clone());
    let Some(mark) = folder.mark()? else {
        // Where keys are missing too, that is what is told.
        return if store.expects_mark()? && !lacks_some { Err(StartFault::NoMark { data, keys }) } else { Ok(()) };
    };
    let here = store.progress()?;
    let is_fine = match mark.parse::<Progress>() {
        Ok(mark) => here.has_been_at(mark) || (lacks_some && !here.is_same_life(mark)),
        Err(()) => false,
    };
    if is_fine { Ok(()) } else { Err(StartFault::StoreOlderThanKeys { data, keys }) }
}

/// From now on a start without one of these keys is refused. One that is over, and came back with an older copy of the folder, goes.
async fn remember(store: &Embedded, ring: &mut KeyRing, folder: &KeyFolder) -> Result<(), StartFault> {
    let mut over = Vec::new();
    for name in ring.names() {
        if !store.remember_key(name.clone()).await? {
            tracing::warn!(name, "a key that is over had come back with an older copy of the key folder; its file has been removed again");
            over.push(name);
        }
    }
    for held in ring.signing.extract_if(.., |held| over.iter().any(|name| name == held.key.verifying().kid())) {
        folder.remove(held.key.verifying().kid())?;
    }
    for mac in ring.macs.extract_if(.., |mac| over.contains(&mac.name())) {
        folder.remove_mac(mac.id)?;
    }
    Ok(())
}

/// Keys of some algorithms cannot be made here: where such a one is configured, one must be there.
fn must_have_imported(ring: &KeyRing, settings: &Settings, now: Moment) -> Result<(), StartFault> {
    let algorithm = Algorithm::from(settings.signing.algorithm);
    let may_sign = |held: &RingKey| matches!(held.life.state(now), KeyState::Announced | KeyState::Active);
    let usable = |held: &RingKey| held.key.verifying().algorithm() == algorithm && may_sign(held);
    if algorithm.can_be_made() || ring.signing.iter().any(usable) {
        return Ok(());
    }
    Err(StartFault::NoImportedKey { folder: settings.keys.clone(), algorithm: algorithm.name() })
}

pub(super) fn store_settings(settings: &Settings) -> store::Settings {
    let registry: &Registry = &settings.registry;
    store::Settings {
        keep_log: keep_log(registry.longest_access_ttl()),
        grace: settings.sessions.grace,
        margin: EMBEDDED_MARGIN,
        sessions_per_subject: settings.sessions.per_subject,
        longest_session: registry.longest_session(),
    }
}

fn policy(settings: &Settings, address: SocketAddr) -> Policy {
    Policy {
        issuer: settings.issuer_at(address),
        jwt_algorithm: settings.signing.algorithm.into(),
        key_period: settings.signing.rotation,
        mac_period: settings.signing.mac_rotation,
        jwks_max_age: settings.signing.jwks_max_age,
    }
}

fn proxies(settings: &Settings) -> Proxies {
    let header = match settings.proxy_header {
        ProxyHeader::Forwarded => web::ProxyHeader::Forwarded,
        ProxyHeader::XForwardedFor => web::ProxyHeader::XForwardedFor,
    };
    Proxies { trusted: settings.trusted_proxies.clone(), header }
}

fn rate_limits(settings: &Settings, clock: Arc<dyn Clock>) -> Option<Arc<RateLimits>> {
    let rate = |rate: config::Rate| web::Rate { every: rate.every, burst: rate.burst };
    let limits = settings.rate_limits.map(|limits| Arc::new(RateLimits::new(rate(limits.failures), rate(limits.requests), clock)));
    tracing::info!(on = limits.is_some(), "rate limits");
    limits
}
