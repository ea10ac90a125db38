//! The keys of a running issuer.

use super::{KeyLife, KeyState, MacKey, SigningKey};
use crate::time::Moment;

/// A signing key and its life.
#[derive(Clone, Debug)]
pub struct RingKey {
    /// What signs.
    pub key: SigningKey,
    /// When it does.
    pub life: KeyLife,
}

/// All keys of an issuer, at one moment. Nodes replace it whole.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    /// Signing keys of both formats, in any state.
    pub signing: Vec<RingKey>,
    /// MAC keys for refresh tokens.
    pub macs: Vec<MacKey>,
}

impl KeyRing {
    /// The key that signs now in this format: of the active ones, the one that became active last; of several, the one announced last.
    /// Where the clock has gone back behind the first key, that one: a key that was made after now has been in use.
    pub fn signer(&self, paseto: bool, now: Moment) -> Option<&RingKey> {
        let active = self.in_state(paseto, KeyState::Active, now).max_by_key(|key| (key.life.activates_at, key.life.announced_at));
        let made_later = |key: &&RingKey| key.life.announced_at > now && !key.life.is_to_be_taken_up();
        let first = || self.in_state(paseto, KeyState::Announced, now).filter(made_later).min_by_key(|key| key.life.activates_at);
        active.or_else(first)
    }

    /// The announced key that is to sign next in this format.
    pub fn standby(&self, paseto: bool, now: Moment) -> Option<&RingKey> {
        self.in_state(paseto, KeyState::Announced, now).min_by_key(|key| key.life.activates_at)
    }

    /// The key of this id, in whatever state.
    pub fn key(&self, kid: &str) -> Option<&RingKey> {
        self.signing.iter().find(|key| key.key.verifying().kid() == kid)
    }

    /// Whether a key that a store remembers is here: a signing key by its id, a MAC key by its name.
    pub fn holds(&self, name: &str) -> bool {
        self.key(name).is_some() || self.macs.iter().any(|mac| mac.name() == name)
    }

    /// The names of all keys, as a store remembers them.
    pub fn names(&self) -> Vec<String> {
        let signing = self.signing.iter().map(|held| held.key.verifying().kid().to_owned());
        signing.chain(self.macs.iter().map(MacKey::name)).collect()
    }

    /// The MAC key of this number.
    pub fn mac(&self, id: u8) -> Option<&MacKey> {
        self.macs.iter().find(|mac| mac.id == id)
    }

    /// The MAC key under which tokens are made now: of those in use, the one that began last. Where the clock has gone back behind all of
    /// them, the first.
    pub fn current_mac(&self, now: Moment) -> Option<&MacKey> {
        let lasting = || self.macs.iter().filter(|mac| mac.ends_at.is_none_or(|end| end > now));
        let in_use = lasting().filter(|mac| mac.activates_at <= now).max_by_key(|mac| mac.activates_at);
        in_use.or_else(|| lasting().min_by_key(|mac| mac.activates_at))
    }

    /// The keys of both formats that others must know now: announced, active or retiring.
    pub fn published(&self, now: Moment) -> Vec<&RingKey> {
        self.signing.iter().filter(|key| key.life.state(now).is_published()).collect()
    }

    fn in_state(&self, paseto: bool, state: KeyState, now: Moment) -> impl Iterator<Item = &RingKey> {
        self.signing.iter().filter(move |key| key.key.verifying().algorithm().is_paseto() == paseto && key.life.state(now) == state)
    }
}
