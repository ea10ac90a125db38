//! Keys under which refresh tokens are made.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::secret::Secret;
use crate::time::Moment;

/// A MAC key: announced like a signing key, and kept until the longest session made under it has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MacKey {
    /// Its number in refresh tokens.
    pub id: u8,
    key: Secret<[u8; 32]>,
    /// When the nodes learnt of it.
    pub announced_at: Moment,
    /// When it begins to make tokens.
    pub activates_at: Moment,
    /// When nothing made under it is good any more, where that is known.
    pub ends_at: Option<Moment>,
    /// The longest that a session could live while it was in use.
    pub longest_session: Duration,
}

impl MacKey {
    /// A key of 32 random bytes that is in use from `activates_at` on.
    pub fn new(id: u8, key: Secret<[u8; 32]>, announced_at: Moment, activates_at: Moment, ends_at: Option<Moment>) -> Self {
        Self { id, key, announced_at, activates_at, ends_at, longest_session: Duration::ZERO }
    }

    /// A name that only this key has, whatever key had its number before: what a store remembers it by.
    pub fn name(&self) -> String {
        format!("mac-{}-{}", self.id, URL_SAFE_NO_PAD.encode(&self.derive(b"the name of a MAC key", b"")[..9]))
    }

    /// The key itself, for key files.
    pub fn secret(&self) -> &Secret<[u8; 32]> {
        &self.key
    }

    /// HMAC-SHA256 cut to 16 bytes. A message begins with its version byte, which is never 0: those are kept for [`MacKey::derive`].
    pub fn mac(&self, message: &[u8]) -> [u8; 16] {
        let mut cut = [0; 16];
        cut.copy_from_slice(&self.hmac(&[message])[..16]);
        cut
    }

    /// Whether `mac` is the MAC of `message`; in the same time however wrong it is.
    pub fn check(&self, message: &[u8], mac: &[u8; 16]) -> bool {
        bool::from(self.mac(message).ct_eq(mac))
    }

    /// 32 bytes that only holders of this key can compute, for the use that `label` names (at most 255 bytes of it count): HMAC-SHA256 over
    /// a zero byte, the label's length, the label and the data, so that no two uses, and no MAC, share an input.
    pub fn derive(&self, label: &[u8], data: &[u8]) -> [u8; 32] {
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        self.hmac(&[&[0, length], &label[..usize::from(length)], data])
    }

    fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = self.key.expose(|key| hmac::Key::new(hmac::HMAC_SHA256, key));
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}
