//! Keys on schedule: announced before they sign, an announced standby always there, dead ones buried (design §6).

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::keys::folder_fault;
use super::{Fault, Issuer, Unavailable};
use crate::ambient::Entropy;
use crate::keyring::{Algorithm, KeyLife, KeyRing, KeyState, RingKey, SigningKey};
use crate::policy::MAX_LEEWAY;
use crate::store::Store;
use crate::time::Moment;

/// How long the file of a dead key is kept, so that a mistake can be looked into.
pub(super) const BURIED_AFTER: Duration = Duration::from_secs(24 * 3_600);

impl Issuer {
    /// Keeps the schedule: every format has a key that signs and an announced standby, refresh tokens have a MAC key and the next one; keys
    /// long dead are buried.
    pub async fn tend_keys(&self) -> Result<(), Fault> {
        let _changing = self.changing.lock().await;
        let mut ring = self.read_ring().await?;
        self.tend(&mut ring).await?;
        self.tell_key_turns(&ring);
        self.bury(&mut ring).await?;
        self.bury_macs(&mut ring).await?;
        self.install(ring);
        Ok(())
    }

    /// Makes the first keys of a new deployment; keys that were imported sign at once. The caller knows that no key was ever used here, and
    /// that the store is new.
    pub async fn make_first_keys(&self) -> Result<(), Fault> {
        let _changing = self.changing.lock().await;
        let mut ring = self.read_ring().await?;
        // Not before what was imported has been announced: no key signs earlier than that.
        let now = self.now();
        // First, because signing keys without one would look like a loss to the next start.
        self.tend_macs(&mut ring).await?;
        for paseto in [false, true] {
            self.promote_at_once(&mut ring, paseto, now)?;
        }
        for algorithm in [self.policy.jwt_algorithm, Algorithm::V4Public] {
            if ring.signer(algorithm.is_paseto(), now).is_none() {
                ring.signing.push(self.create(algorithm, now, now).await?);
            }
        }
        self.tend(&mut ring).await?;
        self.install(ring);
        Ok(())
    }

    /// The folder's keys. A file that has gone is a fault: the ring before it stays in use. What is revoked stays so, whatever a file from
    /// a backup says; what was imported since is announced from now on.
    pub(super) async fn read_ring(&self) -> Result<KeyRing, Fault> {
        let mut ring = self.folder.load().map_err(folder_fault)?;
        let now = self.now();
        self.folder.must_still_hold(&ring, &self.ring.load(), now).map_err(folder_fault)?;
        self.heed_revocations(&mut ring, now)?;
        while let Some(at) = ring.signing.iter().position(|held| held.life.is_to_be_taken_up()) {
            let activates_at = self.next_start(&ring, ring.signing[at].key.verifying().algorithm().is_paseto(), now);
            let held = &mut ring.signing[at];
            let kid = held.key.verifying().kid().to_owned();
            if !self.store.remember_key(kid.clone()).await? {
                self.folder.remove(&kid).map_err(folder_fault)?;
                ring.signing.remove(at);
                tracing::warn!(kid, "a key was imported that is over: its file has been removed. Import another one");
                continue;
            }
            held.life = KeyLife { announced_at: now, activates_at, ..held.life };
            self.save(held)?;
            tracing::info!(kid, "an imported signing key is announced");
        }
        Ok(ring)
    }

    /// Marks what the log has revoked, all of it even where the disk refuses.
    pub(super) fn heed_revocations(&self, ring: &mut KeyRing, now: Moment) -> Result<(), Fault> {
        let mut done = Ok(());
        for held in &mut ring.signing {
            if held.life.revoked_at.is_none() && self.view.void_key(held.key.verifying().kid()) {
                held.life.revoke(now);
                done = done.and(self.save(held));
            }
        }
        done
    }

    pub(super) async fn tend(&self, ring: &mut KeyRing) -> Result<(), Fault> {
        let now = self.now();
        for algorithm in [self.policy.jwt_algorithm, Algorithm::V4Public] {
            let paseto = algorithm.is_paseto();
            if !has_active(ring, paseto, now) {
                self.promote_at_once(ring, paseto, now)?;
            }
            if algorithm.can_be_made() && !has_standby(ring, algorithm, now) {
                let activates_at = self.next_start(ring, paseto, now);
                ring.signing.push(self.create(algorithm, now, activates_at).await?);
            }
            if ring.signer(paseto, now).is_none() {
                self.promote_at_once(ring, paseto, now)?;
            }
            self.give_up_superseded(ring, paseto, now)?;
            self.hand_over(ring, paseto)?;
        }
        self.warn_of_missing_standby(ring, now);
        self.tend_macs(ring).await
    }

    /// What the operator must do, where the configured algorithm has no standby and none can be made here.
    pub(super) fn missing_standby(&self, ring: &KeyRing, now: Moment) -> Option<String> {
        let algorithm = self.policy.jwt_algorithm;
        let missing = !algorithm.can_be_made() && !has_standby(ring, algorithm, now);
        missing.then(|| {
            format!(
                "no standby: there is no announced {algorithm} key, so the active one signs on and its revocation would stop all JWTs; run: \
                 mintage keys import FILE",
                algorithm = algorithm.name()
            )
        })
    }

    fn warn_of_missing_standby(&self, ring: &KeyRing, now: Moment) {
        let missing = self.missing_standby(ring, now);
        let was_missed = self.standby_missed.swap(missing.is_some(), Ordering::Relaxed);
        if let Some(missing) = missing.filter(|_| !was_missed) {
            tracing::warn!("{missing}");
        }
    }

    /// When a key that is announced now begins to sign: at the next switch of its format, but not before others can know it.
    pub(super) fn next_start(&self, ring: &KeyRing, paseto: bool, now: Moment) -> Moment {
        let next_switch = ring.signer(paseto, now).map_or(now, |held| held.life.activates_at.plus(self.policy.key_period));
        next_switch.max(now.plus(self.policy.jwks_max_age * 2))
    }

    /// Brings the first signature of the standby that was announced last forward, as far as others can know it; or of one of the configured
    /// algorithm, where the key that signs now is of another.
    pub(super) fn promote(&self, ring: &mut KeyRing, paseto: bool, now: Moment) -> Result<(), Fault> {
        let known_after = self.policy.jwks_max_age * 2;
        let wanted = self.policy.jwt_algorithm;
        let moves = ring.signer(paseto, now).is_some_and(|held| held.key.verifying().algorithm() != wanted);
        let standbys = lane_mut(ring, paseto).filter(|held| held.life.state(now) == KeyState::Announced);
        let rank = |held: &&mut RingKey| (moves && held.key.verifying().algorithm() == wanted, held.life.announced_at);
        let Some(held) = standbys.max_by_key(rank) else { return Ok(()) };
        held.life.activates_at = held.life.activates_at.min(now.max(held.life.announced_at.plus(known_after)));
        self.save(held)
    }

    /// Nothing may sign any more: the standby that others know longest does, whoever knows it.
    pub(super) fn promote_at_once(&self, ring: &mut KeyRing, paseto: bool, now: Moment) -> Result<(), Fault> {
        let standbys = lane_mut(ring, paseto).filter(|held| held.life.state(now) == KeyState::Announced);
        let Some(held) = standbys.min_by_key(|held| (held.life.announced_at, held.life.activates_at)) else { return Ok(()) };
        held.life.activates_at = now;
        self.save(held)
    }

    /// A standby that was announced before the key that signs now has been passed over: it would take its place back. So has one that was
    /// made here, when an imported key of the configured algorithm has begun to sign since.
    fn give_up_superseded(&self, ring: &mut KeyRing, paseto: bool, now: Moment) -> Result<(), Fault> {
        let Some((life, algorithm)) = ring.signer(paseto, now).map(|held| (held.life, held.key.verifying().algorithm())) else {
            return Ok(());
        };
        let came = if algorithm == self.policy.jwt_algorithm && !algorithm.can_be_made() { life.activates_at } else { life.announced_at };
        let passed_over = |held: &&mut RingKey| {
            let before = if held.key.verifying().algorithm().can_be_made() { came } else { life.announced_at };
            held.life.state(now) == KeyState::Announced && held.life.announced_at < before
        };
        for held in lane_mut(ring, paseto).filter(passed_over) {
            held.life.give_up(now);
            self.save(held)?;
        }
        Ok(())
    }

    /// Each key stops signing when the next one of its format begins, and ends when the last token it signed has expired.
    fn hand_over(&self, ring: &mut KeyRing, paseto: bool) -> Result<(), Fault> {
        let now = self.now();
        let tail = self.registry.load().longest_access_ttl() + MAX_LEEWAY;
        let mut starts: Vec<Moment> = lane_mut(ring, paseto).map(|held| held.life.activates_at).collect();
        starts.sort_unstable();
        for held in lane_mut(ring, paseto) {
            let KeyLife { retires_at, ends_at, .. } = held.life;
            // A successor may have been taken back before its time: then this one signs on.
            let next = starts.iter().copied().find(|start| *start > held.life.activates_at);
            held.life.retires_at = retires_at.filter(|at| *at <= now).or(next);
            // Lifetimes may have grown since the end was set; what is over stays over.
            let usual = held.life.retires_at.map(|at| at.plus(tail));
            let set = ends_at.filter(|end| retires_at == held.life.retires_at && (*end <= now || usual.is_some_and(|usual| *end > usual)));
            held.life.ends_at = set.or(usual);
            if (retires_at, ends_at) != (held.life.retires_at, held.life.ends_at) {
                self.save(held)?;
            }
        }
        Ok(())
    }

    async fn bury(&self, ring: &mut KeyRing) -> Result<(), Fault> {
        let now = self.now();
        let is_dead = |held: &RingKey| held.life.ends_at.is_some_and(|end| now > end.plus(BURIED_AFTER));
        for kid in ring.signing.iter().filter(|held| is_dead(held)).map(|held| held.key.verifying().kid().to_owned()).collect::<Vec<_>>() {
            self.store.forget_key(kid.clone()).await?;
            self.folder.remove(&kid).map_err(folder_fault)?;
            tracing::info!(kid, "the file of a dead key has been removed");
        }
        ring.signing.retain(|held| !is_dead(held));
        Ok(())
    }

    /// A new key: on disk first, then remembered, so that a start without it is refused.
    pub(super) async fn create(&self, algorithm: Algorithm, now: Moment, activates_at: Moment) -> Result<RingKey, Fault> {
        let entropy: &dyn Entropy = &*self.entropy;
        let key = SigningKey::generate(algorithm, &mut |bytes| entropy.fill(bytes)).map_err(|_| Unavailable::NoSigningKey)?;
        let life = KeyLife { announced_at: now, activates_at, retires_at: None, ends_at: None, revoked_at: None };
        let held = RingKey { key, life };
        self.save(&held)?;
        self.store.remember_key(held.key.verifying().kid().to_owned()).await?;
        Ok(held)
    }
}

/// Whether a key signs whose time has come. Where the clock has gone back, one that was made later may sign: until a standby that others know
/// longer takes its place; where there is none, it signs on.
fn has_active(ring: &KeyRing, paseto: bool, now: Moment) -> bool {
    let is_known_standby =
        |held: &RingKey| in_lane(held, paseto) && held.life.state(now) == KeyState::Announced && held.life.announced_at <= now;
    let signs = |held: &RingKey| held.life.state(now) == KeyState::Active || !ring.signing.iter().any(is_known_standby);
    ring.signer(paseto, now).is_some_and(signs)
}

fn has_standby(ring: &KeyRing, algorithm: Algorithm, now: Moment) -> bool {
    ring.signing.iter().any(|held| held.key.verifying().algorithm() == algorithm && held.life.state(now) == KeyState::Announced)
}

fn lane_mut(ring: &mut KeyRing, paseto: bool) -> impl Iterator<Item = &mut RingKey> {
    ring.signing.iter_mut().filter(move |held| in_lane(held, paseto))
}

/// The keys of a format that have signed or will: not those revoked, or retired before their time came.
fn in_lane(held: &RingKey, paseto: bool) -> bool {
    let life = &held.life;
    let signs = life.revoked_at.is_none() && life.retires_at.is_none_or(|at| at > life.activates_at);
    signs && held.key.verifying().algorithm().is_paseto() == paseto
}
