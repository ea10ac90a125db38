//! Keys that check signatures.

use std::fmt;

use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::{Algorithm, BadKey, jwk, paserk};

/// A public key with its algorithm and id. Every one that exists has been checked: a point of its curve, not of small order, in its one spelling.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    kid: String,
    algorithm: Algorithm,
    point: Point,
}

#[derive(Clone, PartialEq, Eq)]
enum Point {
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    /// Uncompressed (SEC 1 §2.3.3): 4, x, y.
    P256([u8; 65]),
}

impl VerifyingKey {
    /// Takes an Ed25519 key (RFC 8032 §5.1.5) for one of its three algorithms. Its id is computed.
    ///
    /// # Errors
    /// [`BadKey::BadPoint`] for the 14 encodings of points of small order, for any y not below the prime, and for what is no point.
    pub fn from_ed25519(algorithm: Algorithm, bytes: &[u8; 32]) -> Result<Self, BadKey> {
        let kid = match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => jwk::ed25519_thumbprint(bytes),
            Algorithm::V4Public => paserk::public_id(bytes),
            Algorithm::Es256 => return Err(BadKey::WrongAlgorithm),
        };
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| BadKey::BadPoint)?;
        if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
            return Err(BadKey::BadPoint);
        }
        Ok(Self { kid, algorithm, point: Point::Ed25519(Box::new(key)) })
    }

    /// Takes a P-256 key for ES256. Its id is computed.
    ///
    /// # Errors
    /// [`BadKey::BadPoint`] for what is no point of the curve.
    pub fn from_p256(x: &[u8; 32], y: &[u8; 32]) -> Result<Self, BadKey> {
        let mut point = [4; 65];
        point[1..33].copy_from_slice(x);
        point[33..].copy_from_slice(y);
        Self::from_p256_point(&point)
    }

    pub(super) fn from_p256_point(point: &[u8]) -> Result<Self, BadKey> {
        let point: [u8; 65] = point.try_into().map_err(|_| BadKey::Malformed)?;
        check_p256(&point)?;
        let kid = jwk::p256_thumbprint(&point[1..33], &point[33..]);
        Ok(Self { kid, algorithm: Algorithm::Es256, point: Point::P256(point) })
    }

    /// Reads a JWK (RFC 7517): OKP with Ed25519 (RFC 8037; without `alg` it is EdDSA) or EC with P-256. Its id is its `kid` where it has one,
    /// else the thumbprint of RFC 7638. Members that we do not know are ignored; `exp` and `iss` are for whoever holds the set.
    ///
    /// # Errors
    /// [`BadKey`]: whatever is private, has another purpose or another algorithm, or is not what it says.
    pub fn from_jwk(text: &str) -> Result<Self, BadKey> {
        jwk::read(text)
    }

    /// Reads PASERK `k4.public.…`. Its id is the PASERK id `k4.pid.…`.
    ///
    /// # Errors
    /// [`BadKey::Private`] and [`BadKey::Unsupported`] for other kinds of PASERK, [`BadKey::Malformed`], [`BadKey::BadPoint`].
    pub fn from_paserk(text: &str) -> Result<Self, BadKey> {
        Self::from_ed25519(Algorithm::V4Public, &paserk::read_public(text)?)
    }

    /// The id: for a PASETO key its PASERK id, for a key of our own its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`. Ed25519: S below the order, R not of small order and in its one spelling (RFC 8032
    /// §8.4, strict). ES256: only the fixed form of 64 bytes, r and s in range (RFC 7518 §3.4).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = <&[u8; 64]>::try_from(signature) else { return false };
        match &self.point {
            Point::Ed25519(key) => key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok(),
            Point::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok(),
        }
    }

    /// The public JWK: `kty crv x`, `y` for P-256, `alg`, `use` and `kid`. (For a PASETO key use [`VerifyingKey::to_paserk`].)
    pub fn to_jwk(&self) -> serde_json::Value {
        match &self.point {
            Point::Ed25519(key) => jwk::write_ed25519(self, key.as_bytes()),
            Point::P256(point) => jwk::write_p256(self, &point[1..33], &point[33..]),
        }
    }

    /// PASERK `k4.public.…`; `None` for a P-256 key, which version 4 does not have.
    pub fn to_paserk(&self) -> Option<String> {
        match &self.point {
            Point::Ed25519(key) => Some(paserk::write_public(key.as_bytes())),
            Point::P256(_) => None,
        }
    }

    pub(super) fn named(self, kid: String) -> Self {
        Self { kid, ..self }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({} {})", self.algorithm.name(), self.kid)
    }
}

/// Whether this is a point of the curve. Ring checks that only when a key is used, so it is used, in an agreement with a key of no other use.
fn check_p256(point: &[u8; 65]) -> Result<(), BadKey> {
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(|_| BadKey::Unusable)?;
    agreement::agree_ephemeral(ours, &agreement::UnparsedPublicKey::new(&ECDH_P256, point), |_| ()).map_err(|_| BadKey::BadPoint)
}
