//! MAC keys on schedule: announced before they make refresh tokens, and kept until the longest session made under them has ended.

use std::time::Duration;

use super::key_schedule::BURIED_AFTER;
use super::keys::folder_fault;
use super::{Fault, Issuer, MacInfo};
use crate::keyring::{KeyRing, KeyState, MacKey};
use crate::secret::Secret;
use crate::store::Store;
use crate::time::Moment;

/// By then every node has read a new key: they read the folder once a minute, and when they meet an unknown one.
pub(super) const KNOWN_AFTER: Duration = Duration::from_secs(120);
/// Beyond the longest session, for nodes whose clocks differ.
const SPARE: Duration = Duration::from_secs(24 * 3_600);
/// How many are kept at most. The number of a key is one byte of the token: it must be long out of use before it comes back.
const MAX_HELD: usize = 128;

impl Issuer {
    pub(super) async fn tend_macs(&self, ring: &mut KeyRing) -> Result<(), Fault> {
        let now = self.now();
        self.note_longest_session(ring, now)?;
        if ring.current_mac(now).is_none() {
            self.begin_at_once(ring, now).await?;
        }
        if let Some(current) = ring.current_mac(now).filter(|_| ring.macs.iter().all(|mac| mac.activates_at <= now)) {
            let due = current.activates_at.plus(self.policy.mac_period).max(now.plus(KNOWN_AFTER));
            match next_id(ring) {
                Some(id) => ring.macs.push(self.create_mac(id, now, due).await?),
                None => {
                    tracing::warn!(MAX_HELD, "as many MAC keys as may be are in use: the present one stays. Raise signing.mac_rotation")
                }
            }
        }
        self.set_ends(ring)
    }

    /// No key makes refresh tokens: the announced one does, else a new one.
    async fn begin_at_once(&self, ring: &mut KeyRing, now: Moment) -> Result<(), Fault> {
        if let Some(mac) = ring.macs.iter_mut().filter(|mac| mac.activates_at > now).min_by_key(|mac| mac.activates_at) {
            mac.activates_at = now;
            return self.folder.save_mac(mac).map_err(folder_fault);
        }
        if let Some(id) = next_id(ring) {
            ring.macs.push(self.create_mac(id, now, now).await?);
        }
        Ok(())
    }

    /// Brings the start of the announced key forward, as far as other nodes can have read it.
    pub(super) fn promote_mac(&self, ring: &mut KeyRing) -> Result<(), Fault> {
        let now = self.now();
        let Some(mac) = ring.macs.iter_mut().filter(|mac| mac.activates_at > now).min_by_key(|mac| mac.activates_at) else { return Ok(()) };
        mac.activates_at = mac.activates_at.min(now.max(mac.announced_at.plus(KNOWN_AFTER)));
        self.folder.save_mac(mac).map_err(folder_fault)
    }

    pub(super) async fn bury_macs(&self, ring: &mut KeyRing) -> Result<(), Fault> {
        let now = self.now();
        let is_dead = |mac: &MacKey| mac.ends_at.is_some_and(|end| now > end.plus(BURIED_AFTER));
        for mac in ring.macs.iter().filter(|mac| is_dead(mac)) {
            self.store.forget_key(mac.name()).await?;
            self.folder.remove_mac(mac.id).map_err(folder_fault)?;
            tracing::info!(mac = mac.id, "the file of a dead MAC key has been removed");
        }
        ring.macs.retain(|mac| !is_dead(mac));
        Ok(())
    }

    /// Lifetimes change while a key is in use: the longest decides how long it is kept.
    fn note_longest_session(&self, ring: &mut KeyRing, now: Moment) -> Result<(), Fault> {
        let longest = self.registry.load().longest_session();
        let current = ring.current_mac(now).map(|mac| mac.id);
        for mac in ring.macs.iter_mut().filter(|mac| mac.activates_at <= now) {
            let is_behind = mac.longest_session.is_zero() || (Some(mac.id) == current && mac.longest_session < longest);
            if is_behind {
                mac.longest_session = longest;
                self.folder.save_mac(mac).map_err(folder_fault)?;
            }
        }
        Ok(())
    }

    /// Each key ends when the longest session is over that could be made under it before the next one began.
    fn set_ends(&self, ring: &mut KeyRing) -> Result<(), Fault> {
        let mut starts: Vec<Moment> = ring.macs.iter().map(|mac| mac.activates_at).collect();
        starts.sort_unstable();
        for mac in &mut ring.macs {
            let next = starts.iter().copied().find(|start| *start > mac.activates_at);
            let ends_at = next.map(|next| next.plus(mac.longest_session + SPARE));
            if mac.ends_at != ends_at {
                mac.ends_at = ends_at;
                self.folder.save_mac(mac).map_err(folder_fault)?;
            }
        }
        Ok(())
    }

    async fn create_mac(&self, id: u8, now: Moment, activates_at: Moment) -> Result<MacKey, Fault> {
        let mac = MacKey::new(id, Secret::new(self.entropy.bytes()), now, activates_at, None);
        self.folder.save_mac(&mac).map_err(folder_fault)?;
        self.store.remember_key(mac.name()).await?;
        Ok(mac)
    }
}

/// What is told of a MAC key.
pub(super) fn info(mac: &MacKey, ring: &KeyRing, now: Moment) -> MacInfo {
    let MacKey { id, announced_at, activates_at, ends_at, .. } = *mac;
    let state = if ends_at.is_some_and(|end| end <= now) {
        KeyState::Retired
    } else if activates_at > now {
        KeyState::Announced
    } else if ring.current_mac(now).is_some_and(|current| current.id == id) {
        KeyState::Active
    } else {
        KeyState::Retiring
    };
    MacInfo { id, state: state.name(), announced_at, activates_at, ends_at }
}

/// The number after the newest key's that no key here has: a number comes back as late as it can. 0 is not used.
pub(super) fn next_id(ring: &KeyRing) -> Option<u8> {
    let newest = ring.macs.iter().max_by_key(|mac| (mac.activates_at, mac.announced_at)).map_or(0, |mac| mac.id);
    let after = (1..=u8::MAX).map(|step| newest.wrapping_add(step)).filter(|id| *id != 0);
    if ring.macs.len() < MAX_HELD { after.into_iter().find(|id| ring.mac(*id).is_none()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: &[u8]) -> KeyRing {
        let at = |second: usize| Moment::from_seconds(second as u64);
        let macs = ids.iter().enumerate().map(|(order, id)| MacKey::new(*id, Secret::new([*id; 32]), at(order), at(order), None));
        KeyRing { signing: vec![], macs: macs.collect() }
    }

    #[test]
    fn a_number_comes_back_as_late_as_it_can() {
        assert_eq!(next_id(&ring(&[])), Some(1));
        assert_eq!(next_id(&ring(&[1, 2])), Some(3));
        assert_eq!(next_id(&ring(&[2, 1])), Some(3), "2 is still in use");
        assert_eq!(next_id(&ring(&[254, 255])), Some(1));
        assert_eq!(next_id(&ring(&[255, 1, 2])), Some(3));
        assert_eq!(next_id(&ring(&(1..=128).collect::<Vec<_>>())), None, "none is taken from a session that lives");
    }
}
