//! Keeping this node's knowledge current: its view follows the log, its reading follows the store, its ring follows the folder.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Fault, Health, Issuer};
use crate::audit::Trail;
use crate::keyring::KeyRing;
use crate::policy::MAX_LEEWAY;
use crate::revocation::{Retention, Revocation};
use crate::store::{Position, Store, Swept};
use crate::time::whole_millis;
use crate::verify::{HARD_AGE, KeySet, SOFT_AGE};

/// Beyond what any token lives, entries of the log are kept this much longer.
const SPARE: Duration = Duration::from_secs(3_600);
const PAGE: u32 = 1_000;

impl Issuer {
    /// Reads the whole log before anything is answered; and the clients.
    pub async fn bootstrap(&self) -> Result<(), Fault> {
        self.load_clients().await?;
        self.follow().await?;
        self.heartbeat().await?;
        Ok(())
    }

    /// Reads what the log has more. Where it has gone back or been trimmed, it is read from its beginning and united with the view.
    pub async fn follow(&self) -> Result<(), Fault> {
        loop {
            let position = self.followed.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let from_beginning = position == Position::default();
            let page = self.store.log(position, PAGE).await?;
            if page.gap && !from_beginning {
                tracing::warn!("the revocation log does not continue where this node left it: reading it again from its beginning");
                self.followed_to(Position::default());
                continue;
            }
            for entry in &page.entries {
                self.view.merge(&entry.revocation);
                if let Revocation::Key(kid) = &entry.revocation {
                    self.key_was_revoked(kid).await;
                }
            }
            self.followed_to(page.position);
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Writes the store's time, and counts the view as confirmed up to then.
    pub async fn heartbeat(&self) -> Result<(), Fault> {
        let (at, began) = (self.judging().wall, self.clock.monotonic());
        let beat = self.store.heartbeat().await?;
        self.view.note_reading(beat.reading);
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(beat.progress);
        self.view.confirm(at, began, Retention { keep: beat.keep_log });
        Ok(())
    }

    /// Forgets a bounded number of things that may be forgotten, and counts them.
    pub async fn sweep(&self) -> Result<Swept, Fault> {
        let swept = self.store.sweep(1_000).await?;
        for (what, count) in [("sessions", swept.sessions), ("entries", swept.entries), ("ended", swept.ended)] {
            self.metrics.swept(what, count);
        }
        Ok(swept)
    }

    /// Tells the gauges, and the log where the view has grown old.
    pub fn observe(&self) {
        let age = self.view_age();
        self.metrics.view(age, self.view.len());
        self.metrics.store_calls(self.store.calls());
        self.metrics.store_up(self.store.is_up());
        self.metrics.audit_lost(self.audit.as_ref().map_or(0, Trail::lost));
        self.metrics.audit_syncs(self.audit.as_ref().map_or(0, Trail::syncs));
        if age.is_some_and(|age| age > SOFT_AGE) {
            tracing::warn!(age_ms = age.map(whole_millis), "the view of revocations is not being confirmed");
        }
    }

    /// Whether this node can serve.
    pub fn health(&self) -> Health {
        let fresh = |bound: Duration| self.view_age().is_some_and(|age| age <= bound);
        let ring = self.ring.load();
        let now = self.now();
        Health {
            view: fresh(HARD_AGE),
            store: self.store.is_up() && fresh(SOFT_AGE * 3),
            keys: ring.signer(false, now).is_some() && ring.signer(true, now).is_some(),
        }
    }

    /// Puts a ring into use.
    pub(super) fn install(&self, ring: KeyRing) {
        self.ring.store(std::sync::Arc::new(ring));
        self.ring_read_at.store(whole_millis(self.clock.monotonic()), Ordering::Release);
        self.ring_reads.fetch_add(1, Ordering::AcqRel);
        self.ring_wanted.store(false, Ordering::Release);
        self.republish();
    }

    /// Gives the verifier the keys of the ring.
    pub(super) fn republish(&self) {
        let ring = self.ring.load();
        let keys = ring.signing.iter().filter(|held| held.life.revoked_at.is_none());
        match KeySet::from_keys(keys.map(|held| (held.key.verifying().clone(), held.life.ends_at))) {
            Ok(keys) => self.verifier.verifier().replace_keys(keys),
            Err(fault) => tracing::error!(%fault, "the key ring cannot be used to verify: the keys before it stay in use"),
        }
    }

    fn followed_to(&self, position: Position) {
        *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }
}

/// How long an entry of the log is kept (design §4): whatever it voids has expired by then, everywhere.
pub fn keep_log(longest_access_ttl: Duration) -> Duration {
    longest_access_ttl + MAX_LEEWAY + HARD_AGE + SPARE
}
