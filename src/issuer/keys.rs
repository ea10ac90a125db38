//! Signing keys: announced before they sign, an announced standby always there, and taken back at once where needed (design §6).

use std::time::Duration;

use super::{Bearer, Fault, Issuer, KeyInfo, Refusal, Unavailable};
use crate::ambient::Entropy;
use crate::api::Code;
use crate::keyfiles::KeyFileFault;
use crate::keyring::{Algorithm, KeyLife, KeyRing, KeyState, MacKey, RingKey, SigningKey};
use crate::policy::MAX_LEEWAY;
use crate::registry::management;
use crate::secret::Secret;
use crate::store::Store;
use crate::time::Moment;

/// How long the file of a dead key is kept, so that a mistake can be looked into.
const BURIED_AFTER: Duration = Duration::from_secs(24 * 3_600);

impl Issuer {
    /// Every signing key of the ring.
    pub fn keys(&self, by: &Bearer) -> Result<Vec<KeyInfo>, Fault> {
        by.must_have(management::KEYS)?;
        let now = self.now();
        Ok(self.ring.load().signing.iter().map(|held| info(held, now)).collect())
    }

    /// Publishes one more key, of the deployment's JWT algorithm where none is named. It signs when its format's next switch comes.
    pub(super) async fn announce(&self, by: &Bearer, algorithm: Option<&str>) -> Result<KeyInfo, Fault> {
        by.must_have(management::KEYS)?;
        let named =
            algorithm.map(|name| Algorithm::from_name(name).ok_or_else(|| Refusal::invalid("/algorithm", Code::Malformed))).transpose()?;
        let _changing = self.changing.lock().await;
        let now = self.now();
        let algorithm = named.unwrap_or(self.policy.jwt_algorithm);
        let mut ring = self.read_folder()?;
        let activates_at = next_switch(&ring, algorithm.is_paseto(), now, self.policy.key_period).max(self.earliest_signing(now));
        let held = self.create(algorithm, now, activates_at).await?;
        let told = info(&held, now);
        ring.signing.push(held);
        self.install(ring);
        tracing::info!(kid = told.kid, by = by.client_id, "signing key announced");
        Ok(told)
    }

    /// Lets the standbys sign: now, or as soon as everybody can know them (2 × the key sets' max-age after their announcement).
    pub(super) async fn rotate(&self, by: &Bearer) -> Result<Vec<KeyInfo>, Fault> {
        by.must_have(management::KEYS)?;
        let _changing = self.changing.lock().await;
        let mut ring = self.read_folder()?;
        for paseto in [false, true] {
            self.promote(&mut ring, paseto, self.now())?;
        }
        self.tend(&mut ring).await?;
        let now = self.now();
        let told = ring.signing.iter().map(|held| info(held, now)).collect();
        self.install(ring);
        tracing::info!(by = by.client_id, "signing keys rotated");
        Ok(told)
    }

    /// Stops a key from signing; what it signed stays good until it expires.
    pub(super) async fn retire(&self, by: &Bearer, kid: &str) -> Result<KeyInfo, Fault> {
        by.must_have(management::KEYS)?;
        let _changing = self.changing.lock().await;
        let mut ring = self.read_folder()?;
        let now = self.now();
        let held = find(&mut ring, kid)?;
        let paseto = held.key.verifying().algorithm().is_paseto();
        match held.life.state(now) {
            KeyState::Active => self.promote(&mut ring, paseto, now)?,
            KeyState::Announced => {
                held.life.retires_at = Some(now);
                held.life.ends_at = Some(now);
                held.life.activates_at = now;
                self.save(held)?;
            }
            state => return Err(Refusal::KeyState(state.name()).into()),
        }
        self.tend(&mut ring).await?;
        let told = info(find(&mut ring, kid)?, now);
        self.install(ring);
        tracing::info!(kid, by = by.client_id, "signing key retired");
        Ok(told)
    }

    /// Takes back everything that a key signed: in the log, so that every edge refuses at once, and in the ring, where its standby
    /// signs from now on.
    pub(super) async fn take_back_key(&self, by: &Bearer, kid: &str) -> Result<KeyInfo, Fault> {
        by.must_have(management::KEYS)?;
        let request = super::RevokeRequest {
            target: super::RevokeTarget::Key(kid.to_owned()),
            extent: crate::revocation::Extent::Sessions,
            reason_code: None,
            reason_note: None,
            dry_run: false,
            idempotency_key: None,
        };
        self.take_back(by, request).await?;
        let now = self.now();
        self.ring.load().key(kid).map(|held| info(held, now)).ok_or_else(|| Refusal::NotFound.into())
    }

    /// Only a key of this ring can be revoked here: a misspelt one would seem to be.
    pub(super) fn must_be_ours(&self, kid: &str) -> Result<(), Refusal> {
        self.ring.load().key(kid).map(drop).ok_or(Refusal::NotFound)
    }

    /// The log says that a key is revoked: the ring follows, and the standby signs.
    pub(super) async fn key_was_revoked(&self, kid: &str) -> Result<(), Fault> {
        let _changing = self.changing.lock().await;
        let mut ring = self.read_folder()?;
        let now = self.now();
        let Ok(held) = find(&mut ring, kid) else { return Ok(()) };
        if held.life.revoked_at.is_some() {
            return Ok(());
        }
        held.life.activates_at = held.life.activates_at.min(now);
        held.life.retires_at = Some(held.life.retires_at.map_or(now, |at| at.min(now)));
        held.life.ends_at = Some(now);
        held.life.revoked_at = Some(now);
        self.save(held)?;
        self.tend(&mut ring).await?;
        self.install(ring);
        tracing::warn!(kid, "a signing key has been revoked; its standby signs");
        Ok(())
    }

    /// Keeps the schedule: every format has a key that signs and an announced standby; keys long dead are buried.
    pub async fn tend_keys(&self) -> Result<(), Fault> {
        let _changing = self.changing.lock().await;
        let mut ring = self.read_folder()?;
        self.tend(&mut ring).await?;
        self.bury(&mut ring).await?;
        self.install(ring);
        Ok(())
    }

    /// Makes the first keys of a new deployment. The caller knows that there are none, and that the store is new.
    pub async fn make_first_keys(&self) -> Result<(), Fault> {
        let _changing = self.changing.lock().await;
        let now = self.now();
        let mac = MacKey::new(1, Secret::new(self.entropy.bytes()), now, now, None);
        self.folder.save_mac(&mac).map_err(folder_fault)?;
        for algorithm in [self.policy.jwt_algorithm, Algorithm::V4Public] {
            self.create(algorithm, now, now).await?;
        }
        let mut ring = self.read_folder()?;
        self.tend(&mut ring).await?;
        self.install(ring);
        Ok(())
    }

    /// Reads the ring again when somebody asked for a key that is not in it.
    pub async fn reread_ring_if_wanted(&self) -> Result<(), Fault> {
        if !self.ring_wanted.load(std::sync::atomic::Ordering::Acquire) {
            return Ok(());
        }
        let _changing = self.changing.lock().await;
        let ring = self.read_folder()?;
        self.install(ring);
        Ok(())
    }

    async fn tend(&self, ring: &mut KeyRing) -> Result<(), Fault> {
        let now = self.now();
        for algorithm in [self.policy.jwt_algorithm, Algorithm::V4Public] {
            let paseto = algorithm.is_paseto();
            if ring.signer(paseto, now).is_none() {
                self.promote_at_once(ring, paseto, now)?;
            }
            let has_standby = ring.standby(paseto, now).is_some_and(|held| held.key.verifying().algorithm() == algorithm);
            if !has_standby {
                let activates_at = next_switch(ring, paseto, now, self.policy.key_period).max(self.earliest_signing(now));
                let held = self.create(algorithm, now, activates_at).await?;
                ring.signing.push(held);
            }
            self.hand_over(ring, paseto)?;
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
            let Some(next) = starts.iter().copied().find(|start| *start > held.life.activates_at) else { continue };
            let KeyLife { retires_at, ends_at, .. } = held.life;
            let retires = retires_at.map_or(next, |at| at.min(next));
            // Lifetimes may have grown since the end was set; what is over stays over.
            let ends = ends_at.filter(|end| retires_at == Some(retires) && (*end <= now || *end > retires.plus(tail)));
            held.life.retires_at = Some(retires);
            held.life.ends_at = ends.or(Some(retires.plus(tail)));
            if (retires_at, ends_at) != (held.life.retires_at, held.life.ends_at) {
                self.save(held)?;
            }
        }
        Ok(())
    }

    /// Brings the standby's first signature forward, as far as others can know it.
    fn promote(&self, ring: &mut KeyRing, paseto: bool, now: Moment) -> Result<(), Fault> {
        let known_after = self.policy.jwks_max_age * 2;
        let Some(held) = standby_mut(ring, paseto, now) else { return Ok(()) };
        held.life.activates_at = held.life.activates_at.min(now.max(held.life.announced_at.plus(known_after)));
        self.save(held)
    }

    /// Nothing may sign any more: the standby does, whoever knows it.
    fn promote_at_once(&self, ring: &mut KeyRing, paseto: bool, now: Moment) -> Result<(), Fault> {
        let Some(held) = standby_mut(ring, paseto, now) else { return Ok(()) };
        held.life.activates_at = now;
        self.save(held)
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
    async fn create(&self, algorithm: Algorithm, now: Moment, activates_at: Moment) -> Result<RingKey, Fault> {
        let entropy: &dyn Entropy = &*self.entropy;
        let key = SigningKey::generate(algorithm, &mut |bytes| entropy.fill(bytes)).map_err(|_| Unavailable::NoSigningKey)?;
        let life = KeyLife { announced_at: now, activates_at, retires_at: None, ends_at: None, revoked_at: None };
        let held = RingKey { key, life };
        self.save(&held)?;
        self.store.remember_key(held.key.verifying().kid().to_owned()).await?;
        Ok(held)
    }

    fn save(&self, held: &RingKey) -> Result<(), Fault> {
        self.folder.save_signing(held).map_err(folder_fault)
    }

    fn read_folder(&self) -> Result<KeyRing, Fault> {
        self.folder.load().map_err(folder_fault)
    }

    fn earliest_signing(&self, now: Moment) -> Moment {
        now.plus(self.policy.jwks_max_age * 2)
    }
}

fn folder_fault(fault: KeyFileFault) -> Fault {
    Unavailable::KeyFolder(fault.to_string()).into()
}

fn next_switch(ring: &KeyRing, paseto: bool, now: Moment, period: Duration) -> Moment {
    ring.signer(paseto, now).map_or(now, |held| held.life.activates_at.plus(period))
}

/// The keys of a format that have signed or will: not those revoked, or retired before their time came.
fn lane_mut(ring: &mut KeyRing, paseto: bool) -> impl Iterator<Item = &mut RingKey> {
    let signs = |life: &KeyLife| life.revoked_at.is_none() && life.retires_at.is_none_or(|at| at > life.activates_at);
    ring.signing.iter_mut().filter(move |held| held.key.verifying().algorithm().is_paseto() == paseto && signs(&held.life))
}

fn standby_mut(ring: &mut KeyRing, paseto: bool, now: Moment) -> Option<&mut RingKey> {
    lane_mut(ring, paseto).filter(|held| held.life.state(now) == KeyState::Announced).min_by_key(|held| held.life.activates_at)
}

fn find<'a>(ring: &'a mut KeyRing, kid: &str) -> Result<&'a mut RingKey, Refusal> {
    ring.signing.iter_mut().find(|held| held.key.verifying().kid() == kid).ok_or(Refusal::NotFound)
}

fn info(held: &RingKey, now: Moment) -> KeyInfo {
    let KeyLife { announced_at, activates_at, retires_at, ends_at, revoked_at } = held.life;
    KeyInfo {
        kid: held.key.verifying().kid().to_owned(),
        algorithm: held.key.verifying().algorithm().name(),
        state: held.life.state(now).name(),
        announced_at,
        activates_at,
        retires_at,
        ends_at,
        revoked_at,
    }
}
