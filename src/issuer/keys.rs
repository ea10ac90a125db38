//! What operators do with keys: look at them, announce, rotate, retire and revoke (design §6).

use super::{Bearer, Fault, Issuer, KeyInfo, Refusal, RingInfo, Unavailable, mac_keys};
use crate::api::Code;
use crate::keyfiles::KeyFileFault;
use crate::keyring::{Algorithm, KeyLife, KeyRing, KeyState, RingKey};
use crate::registry::management;
use crate::time::Moment;

/// How many keys of a format may be announced at a time: more would only be more to lose.
const MAX_ANNOUNCED: usize = 4;
/// How many keys of a format may be held for one more to be announced, those that are over and not yet buried included.
const MAX_HELD: usize = 64;

impl Issuer {
    /// Every key of the ring, and what the operator should do about them.
    pub fn keys(&self, by: &Bearer) -> Result<RingInfo, Fault> {
        by.must_have(management::KEYS)?;
        Ok(self.ring_info())
    }

    pub(super) fn ring_info(&self) -> RingInfo {
        let (ring, now) = (self.ring.load(), self.now());
        RingInfo {
            signing: ring.signing.iter().map(|held| info(held, now)).collect(),
            macs: ring.macs.iter().map(|mac| mac_keys::info(mac, &ring, now)).collect(),
            warnings: self.missing_standby(&ring, now).into_iter().collect(),
        }
    }

    pub(super) async fn announce(&self, by: &Bearer, algorithm: Option<&str>) -> Result<KeyInfo, Fault> {
        by.must_have(management::KEYS)?;
        let named =
            algorithm.map(|name| Algorithm::from_name(name).ok_or_else(|| Refusal::invalid("/algorithm", Code::Malformed))).transpose()?;
        let _changing = self.changing.lock().await;
        let now = self.now();
        let algorithm = named.unwrap_or(self.policy.jwt_algorithm);
        if !algorithm.can_be_made() {
            return Err(Refusal::Unsupported("algorithm").into());
        }
        let mut ring = self.read_ring().await?;
        let (announced, held) = counts(&ring, algorithm.is_paseto(), now);
        if announced >= MAX_ANNOUNCED || held >= MAX_HELD {
            return Err(Refusal::TooManyKeys.into());
        }
        let activates_at = self.next_start(&ring, algorithm.is_paseto(), now);
        let held = self.create(algorithm, now, activates_at).await?;
        let told = info(&held, now);
        ring.signing.push(held);
        self.install(ring);
        tracing::info!(kid = told.kid, by = by.client_id, "signing key announced");
        Ok(told)
    }

    pub(super) async fn rotate(&self, by: &Bearer) -> Result<RingInfo, Fault> {
        by.must_have(management::KEYS)?;
        let _changing = self.changing.lock().await;
        let mut ring = self.read_ring().await?;
        for paseto in [false, true] {
            self.promote(&mut ring, paseto, self.now())?;
        }
        self.tend(&mut ring).await?;
        self.install(ring);
        tracing::info!(by = by.client_id, "signing keys rotated");
        Ok(self.ring_info())
    }

    pub(super) async fn retire(&self, by: &Bearer, kid: &str) -> Result<KeyInfo, Fault> {
        by.must_have(management::KEYS)?;
        let _changing = self.changing.lock().await;
        let mut ring = self.read_ring().await?;
        let now = self.now();
        let paseto = find(&mut ring, kid)?.key.verifying().algorithm().is_paseto();
        let has_standby = ring.standby(paseto, now).is_some();
        let held = find(&mut ring, kid)?;
        match held.life.state(now) {
            KeyState::Active if !has_standby => return Err(Refusal::NoStandby.into()),
            KeyState::Active => self.promote(&mut ring, paseto, now)?,
            KeyState::Announced => {
                held.life.give_up(now);
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

    /// The log, which is the truth, says that a key is revoked: the ring follows, and the standby signs. An emergency does not wait for the
    /// folder: where that fails, this node switches in memory, and the file follows later.
    pub(super) async fn key_was_revoked(&self, kid: &str) {
        let _changing = self.changing.lock().await;
        if self.ring.load().key(kid).is_none_or(|held| held.life.revoked_at.is_some()) {
            return;
        }
        let now = self.now();
        let (mut ring, read) = match self.read_ring().await {
            Ok(ring) => (ring, Ok(())),
            Err(fault) => (KeyRing::clone(&self.ring.load()), Err(fault)),
        };
        let mut done = read.and(self.heed_revocations(&mut ring, now));
        for paseto in [false, true] {
            if ring.signer(paseto, now).is_none() {
                done = done.and(self.promote_at_once(&mut ring, paseto, now));
            }
        }
        done = done.and(self.tend(&mut ring).await);
        self.install(ring);
        tracing::warn!(kid, "a signing key has been revoked; its standby signs");
        if let Err(fault) = done {
            tracing::error!(kid, ?fault, "the key folder does not know of it yet: look after it");
        }
    }

    pub(super) async fn rotate_macs(&self, by: &Bearer) -> Result<RingInfo, Fault> {
        by.must_have(management::KEYS)?;
        let _changing = self.changing.lock().await;
        let mut ring = self.read_ring().await?;
        self.promote_mac(&mut ring)?;
        self.tend(&mut ring).await?;
        self.install(ring);
        tracing::info!(by = by.client_id, "MAC keys rotated");
        Ok(self.ring_info())
    }

    /// Reads the ring again when somebody asked for a key that is not in it.
    pub async fn reread_ring_if_wanted(&self) -> Result<(), Fault> {
        if !self.ring_wanted.load(std::sync::atomic::Ordering::Acquire) {
            return Ok(());
        }
        let _changing = self.changing.lock().await;
        let ring = self.read_ring().await?;
        self.install(ring);
        Ok(())
    }

    pub(super) fn save(&self, held: &RingKey) -> Result<(), Fault> {
        self.folder.save_signing(held).map_err(folder_fault)
    }
}

pub(super) fn folder_fault(fault: KeyFileFault) -> Fault {
    Unavailable::KeyFolder(fault.to_string()).into()
}

/// How many keys of a format are announced, and how many there are at all.
fn counts(ring: &KeyRing, paseto: bool, now: Moment) -> (usize, usize) {
    let of_format: Vec<_> = ring.signing.iter().filter(|held| held.key.verifying().algorithm().is_paseto() == paseto).collect();
    (of_format.iter().filter(|held| held.life.state(now) == KeyState::Announced).count(), of_format.len())
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
