//! The turns of keys: announced, active, retiring, retired. Their times were set before, so each is told when it is seen to have come.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Issuer, mac_keys};
use crate::audit::Trail;
use crate::keyring::KeyRing;
use crate::time::Moment;

impl Issuer {
    /// Tells which keys are in another state than when this was asked last, or when the run before wrote its last line: once each.
    pub(super) fn tell_key_turns(&self, ring: &KeyRing) {
        let now = self.now();
        let last = std::mem::replace(&mut *self.turns_told.lock().unwrap_or_else(PoisonError::into_inner), now);
        let tell = |name: &str, state: Option<&'static str>| {
            if let Some(state) = state {
                tracing::debug!(key = name, state, "a key has turned");
                self.key_has_turned(name, state, now);
            }
        };
        for held in &ring.signing {
            tell(held.key.verifying().kid(), turned(held.life.announced_at, last, now, |at| held.life.state(at).name()));
        }
        for mac in &ring.macs {
            tell(&mac.name(), turned(mac.announced_at, last, now, |at| mac_keys::info(mac, ring, at).state));
        }
    }
}

/// Since when turns are to be told: what came before the first line of a trail is none of its.
pub(super) fn told_before(trail: Option<&Trail>, now: Moment) -> Moment {
    trail.and_then(Trail::taken_up_at).unwrap_or_else(|| now.minus(Duration::from_millis(1)))
}

/// The state that a key has come into after `last`, up to `now`.
fn turned(announced_at: Moment, last: Moment, now: Moment, state: impl Fn(Moment) -> &'static str) -> Option<&'static str> {
    let was = (announced_at <= last).then(|| state(last));
    Some(state(now)).filter(|state| announced_at <= now && was != Some(*state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::KeyLife;

    #[test]
    fn each_turn_is_told_once_and_none_is_left_out() {
        let at = Moment::from_seconds;
        let life =
            KeyLife { announced_at: at(100), activates_at: at(200), retires_at: Some(at(300)), ends_at: Some(at(400)), revoked_at: None };
        let look = |last, now| turned(life.announced_at, at(last), at(now), |at| life.state(at).name());
        let looks = [(90, 99), (99, 100), (100, 150), (150, 200), (200, 299), (299, 399), (399, 400), (400, 900)];
        let told: Vec<_> = looks.iter().filter_map(|&(last, now)| look(last, now)).collect();
        assert_eq!(told, ["announced", "active", "retiring", "retired"]);
        assert_eq!(look(100, 350), Some("retiring"), "what was slept through is told by where it ended");
    }
}
