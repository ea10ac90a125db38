//! Refresh tokens: opaque to clients, checked without the store, and computed rather than kept.
//!
//! `mrt_` and base64url of 54 bytes: version 1 · MAC-key id 1 · sid 16 · generation 4 (big-endian) · session secret 16 · HMAC-SHA256 over all
//! before it, cut to 16. Whoever has only the MAC key lacks the session's secret, of which the store holds only the hash.

use std::fmt;

use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::b64;
use crate::id::Sid;
use crate::keyring::KeyRing;
use crate::secret::Secret;

/// What every refresh token begins with: secret scanners find it by that.
pub const PREFIX: &str = "mrt_";

const VERSION: u8 = 1;
const SIGNED: usize = 38;
const BYTES: usize = SIGNED + 16;
const TEXT: usize = PREFIX.len() + BYTES * 4 / 3;

/// A refresh token: one generation of one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefreshToken {
    /// The number of the MAC key that it is made under.
    pub mac_key: u8,
    /// The session.
    pub sid: Sid,
    /// Which of the session's tokens it is.
    pub generation: u32,
    secret: Secret<[u8; 16]>,
}

/// Why a text is no refresh token of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefreshFault {
    /// Not of the shape, or of another version.
    Malformed,
    /// Made under a MAC key that the ring does not hold: another node may have made the key just now.
    UnknownMacKey(u8),
    /// The MAC is wrong.
    Forged,
}

impl RefreshToken {
    /// The token of a generation of a session whose secret this is.
    pub fn new(mac_key: u8, sid: Sid, generation: u32, secret: Secret<[u8; 16]>) -> Self {
        Self { mac_key, sid, generation, secret }
    }

    /// Reads a token. Nothing in it is believed before its MAC is checked, in constant time, but the number of the MAC key; nothing is
    /// allocated.
    ///
    /// # Errors
    /// [`RefreshFault`]; every text but the one that [`RefreshToken::write`] gives is refused.
    pub fn read(text: &str, ring: &KeyRing) -> Result<Self, RefreshFault> {
        if text.len() != TEXT {
            return Err(RefreshFault::Malformed);
        }
        let data = text.strip_prefix(PREFIX).ok_or(RefreshFault::Malformed)?;
        let bytes = Zeroizing::new(b64::decode_array::<BYTES>(data).ok_or(RefreshFault::Malformed)?);
        if bytes[0] != VERSION {
            return Err(RefreshFault::Malformed);
        }
        let mac_key = bytes[1];
        let key = ring.mac(mac_key).ok_or(RefreshFault::UnknownMacKey(mac_key))?;
        if !key.check(&bytes[..SIGNED], &part(&bytes, SIGNED)) {
            return Err(RefreshFault::Forged);
        }
        let sid = Sid::from_bytes(part(&bytes, 2)).ok_or(RefreshFault::Malformed)?;
        Ok(Self { mac_key, sid, generation: u32::from_be_bytes(part(&bytes, 18)), secret: Secret::new(part(&bytes, 22)) })
    }

    /// The token's text, the same every time; `None` when the ring does not hold its MAC key.
    pub fn write(&self, ring: &KeyRing) -> Option<Secret<String>> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[0] = VERSION;
        bytes[1] = self.mac_key;
        bytes[2..18].copy_from_slice(self.sid.as_bytes());
        bytes[18..22].copy_from_slice(&self.generation.to_be_bytes());
        self.secret.expose(|secret| bytes[22..SIGNED].copy_from_slice(secret));
        let mac = ring.mac(self.mac_key)?.mac(&bytes[..SIGNED]);
        bytes[SIGNED..].copy_from_slice(&mac);
        let mut text = String::with_capacity(TEXT);
        text.push_str(PREFIX);
        b64::push(&mut text, &bytes[..]);
        Some(Secret::new(text))
    }

    /// SHA-256 of the session's secret, as the session's record holds it.
    pub fn secret_hash(&self) -> [u8; 32] {
        hash_secret(&self.secret)
    }

    /// The token of another generation of the same session, under the MAC key that its record names.
    pub fn successor(&self, generation: u32, mac_key: u8) -> Self {
        Self { mac_key, generation, sid: self.sid, secret: self.secret.clone() }
    }

    /// The session's secret.
    pub fn secret(&self) -> &Secret<[u8; 16]> {
        &self.secret
    }
}

/// What a text that looks like a refresh token says of itself: the MAC key's number, the session and the generation. Nobody has checked the
/// MAC: for showing to people, never for acting on.
pub fn peek(text: &str) -> Option<(u8, Sid, u32)> {
    let bytes = Zeroizing::new(b64::decode_array::<BYTES>(text.strip_prefix(PREFIX)?)?);
    let sid = Sid::from_bytes(part(&bytes, 2)).filter(|_| bytes[0] == VERSION)?;
    Some((bytes[1], sid, u32::from_be_bytes(part(&bytes, 18))))
}

/// SHA-256 of a session's secret: what a session's record holds of it.
pub fn hash_secret(secret: &Secret<[u8; 16]>) -> [u8; 32] {
    let mut hash = [0; 32];
    secret.expose(|secret| hash.copy_from_slice(digest(&SHA256, secret).as_ref()));
    hash
}

impl fmt::Display for RefreshFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a refresh token"),
            Self::UnknownMacKey(id) => write!(f, "a refresh token of the unknown MAC key {id}"),
            Self::Forged => f.write_str("a refresh token with a wrong MAC"),
        }
    }
}

impl std::error::Error for RefreshFault {}

fn part<const N: usize>(bytes: &[u8; BYTES], start: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[start..start + N]);
    part
}

#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
