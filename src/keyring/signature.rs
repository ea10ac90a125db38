//! What a key makes of a message.

use std::ops::{Deref, RangeInclusive};

/// How long signatures of RS256 are: as long as the modulus.
pub const RSA_SIGNATURE_BYTES: RangeInclusive<usize> = 256..=512;

/// A signature's bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signature {
    /// Of every algorithm but RS256.
    Fixed([u8; 64]),
    /// Of RS256.
    Rsa(Vec<u8>),
}

impl Deref for Signature {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::Rsa(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
