//! What signs and checks: keys, their life as a function of `now`, the ring of an issuer, and the sets that it publishes.

mod ed25519;
mod ed25519_pair;
#[cfg(feature = "tables")]
mod fixed_base;
mod jwk;
#[cfg(feature = "tables")]
mod key_table;
#[cfg(not(feature = "tables"))]
mod key_table {
    //! Without the feature `tables` no key has one.

    use ed25519_dalek::VerifyingKey;

    pub(super) enum KeyTable {}

    impl KeyTable {
        pub(super) const BYTES: usize = 0;
        pub(super) const BASE_BYTES: usize = 0;

        pub(super) fn new(_: &VerifyingKey) -> Option<Self> {
            None
        }

        pub(super) fn verify(&self, _: &[u8], _: &[u8; 64]) -> bool {
            match *self {}
        }
    }
}
mod life;
mod mac;
mod paserk;
mod private_jwk;
mod publish;
mod ring;
mod signature;
mod signing;
mod tables;
#[cfg(test)]
pub(crate) mod test_keys;
mod verifying;

use std::fmt;

pub use life::{KeyLife, KeyState};
pub use mac::MacKey;
pub use publish::{jwks, paserk_set};
pub use ring::{KeyRing, RingKey};
pub use signature::{RSA_SIGNATURE_BYTES, Signature};
pub use signing::SigningKey;
pub use tables::Tables;
pub use verifying::VerifyingKey;

/// What a key does. One key has one algorithm and so one format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Algorithm {
    /// Ed25519 under the JWT name that most verifiers know (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// Ed25519 under its fully specified JWT name (RFC 9864).
    Ed25519,
    /// ECDSA over P-256 with SHA-256 (RFC 7518 §3.4).
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3). Its keys are imported: they cannot be made here.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519 in PASETO tokens of version 4.
    #[serde(rename = "v4.public")]
    V4Public,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::EdDsa, Self::Ed25519, Self::Es256, Self::Rs256, Self::V4Public];

    /// The `alg` of a JWT header, or the version and purpose of a PASETO token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::V4Public => "v4.public",
        }
    }

    /// The algorithm of exactly this name; upper and lower case differ.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether its tokens are PASETO tokens, and not JWTs.
    pub const fn is_paseto(self) -> bool {
        matches!(self, Self::V4Public)
    }

    /// Whether keys of it can be made here. Where not, they are made elsewhere and imported.
    pub const fn can_be_made(self) -> bool {
        !matches!(self, Self::Rs256)
    }
}

/// Why something is not a key that we use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadKey {
    /// Not of the shape that a key of its kind has.
    Malformed,
    /// A kind of key, a curve or an algorithm that we do not use.
    Unsupported,
    /// Its algorithm is not one of its kind.
    WrongAlgorithm,
    /// It is not for checking signatures (`use`, `key_ops`).
    WrongPurpose,
    /// A private or secret key where only a public one belongs.
    Private,
    /// Not a point of its curve, one of small order, or one in a second spelling.
    BadPoint,
    /// An RSA key of other than 2048 to 4096 bits, of an even modulus or one that CVE-2017-15361 made, or with a public exponent
    /// that is even, below 65537 or above 2^33.
    BadRsa,
    /// The key could not sign, or the system gave no randomness.
    Unusable,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed key",
            Self::Unsupported => "unsupported kind of key",
            Self::WrongAlgorithm => "the algorithm does not fit the key",
            Self::WrongPurpose => "not a key for checking signatures",
            Self::Private => "a private key where a public one belongs",
            Self::BadPoint => "not a good point of its curve",
            Self::BadRsa => "an RSA key needs a sound modulus of 2048 to 4096 bits and an odd public exponent from 65537 on",
            Self::Unusable => "the key cannot be used",
        })
    }
}

impl std::error::Error for BadKey {}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
