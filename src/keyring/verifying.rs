//! Keys that check signatures.

use std::fmt;
use std::sync::Arc;

use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::ed25519::Ed25519Key;
use super::{Algorithm, BadKey, jwk, paserk};

/// A public key with its algorithm and id. Every one that exists has been checked: a point of its curve, not of small order, in its one
/// spelling; or a modulus and exponent within bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    kid: String,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    Ed25519(Ed25519Key),
    /// Uncompressed (SEC 1 §2.3.3): 4, x, y.
    P256([u8; 65]),
    /// Big-endian, without leading zeros.
    Rsa {
        modulus: Arc<[u8]>,
        exponent: Arc<[u8]>,
    },
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
            Algorithm::Es256 | Algorithm::Rs256 => return Err(BadKey::WrongAlgorithm),
        };
        Ok(Self { kid, algorithm, material: Material::Ed25519(Ed25519Key::new(bytes)?) })
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
        Ok(Self { kid, algorithm: Algorithm::Es256, material: Material::P256(point) })
    }

    /// Takes an RSA key, modulus and exponent big-endian, for RS256. Its id is computed.
    ///
    /// # Errors
    /// [`BadKey::Malformed`] where either has a leading zero, [`BadKey::BadRsa`].
    pub fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        check_rsa(modulus, exponent)?;
        let kid = jwk::rsa_thumbprint(modulus, exponent);
        let material = Material::Rsa { modulus: modulus.into(), exponent: exponent.into() };
        Ok(Self { kid, algorithm: Algorithm::Rs256, material })
    }

    /// Reads a JWK (RFC 7517): OKP with Ed25519 (RFC 8037; without `alg` it is EdDSA), EC with P-256, or RSA for RS256. Its id is its `kid`
    /// where it has one, else the thumbprint of RFC 7638. Members that we do not know are ignored; `exp` and `iss` are for whoever holds the set.
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

    /// The thumbprint of the public key (RFC 7638), whatever its id is: what `jkt` names (RFC 9449 §6.1).
    pub fn thumbprint(&self) -> String {
        match &self.material {
            Material::Ed25519(key) => jwk::ed25519_thumbprint(key.as_bytes()),
            Material::P256(point) => jwk::p256_thumbprint(&point[1..33], &point[33..]),
            Material::Rsa { modulus, exponent } => jwk::rsa_thumbprint(modulus, exponent),
        }
    }

    /// The one algorithm of this key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`. Ed25519: S below the order, R not of small order and in its one spelling (RFC 8032
    /// §8.4, strict). ES256: only the fixed form of 64 bytes, r and s in range (RFC 7518 §3.4). RS256: exactly as long as the modulus
    /// (RFC 8017 §8.2.2).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Ed25519(key) => {
                let Ok(signature) = signature.try_into() else { return false };
                key.verify(message, signature)
            }
            Material::Rsa { modulus, exponent } => {
                let components = PublicKeyComponents { n: &**modulus, e: &**exponent };
                components.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok(),
        }
    }

    /// The public JWK: `kty crv x`, `y` for P-256, or `kty n e`; `alg`, `use` and `kid`. (For a PASETO key use [`VerifyingKey::to_paserk`].)
    pub fn to_jwk(&self) -> serde_json::Value {
        match &self.material {
            Material::Ed25519(key) => jwk::write_ed25519(self, key.as_bytes()),
            Material::P256(point) => jwk::write_p256(self, &point[1..33], &point[33..]),
            Material::Rsa { modulus, exponent } => jwk::write_rsa(self, modulus, exponent),
        }
    }

    /// PASERK `k4.public.…`; `None` for a P-256 or RSA key, which version 4 does not have.
    pub fn to_paserk(&self) -> Option<String> {
        match &self.material {
            Material::Ed25519(key) => Some(paserk::write_public(key.as_bytes())),
            Material::P256(_) | Material::Rsa { .. } => None,
        }
    }

    pub(super) fn ed25519_mut(&mut self) -> Option<&mut Ed25519Key> {
        match &mut self.material {
            Material::Ed25519(key) => Some(key),
            Material::P256(_) | Material::Rsa { .. } => None,
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

/// The size is counted in bits, not in bytes; a large exponent makes every check slow, a small one has made forgeries easy.
fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), BadKey> {
    let (Some(first), Some(begin)) = (modulus.first(), exponent.first()) else { return Err(BadKey::Malformed) };
    if *first == 0 || *begin == 0 {
        return Err(BadKey::Malformed);
    }
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    let value = (exponent.len() <= 5).then(|| exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)));
    let good_exponent = value.is_some_and(|value| value % 2 == 1 && (65_537..1 << 33).contains(&value));
    let odd = modulus.last().is_some_and(|last| last % 2 == 1);
    let is_good = (2048..=4096).contains(&bits) && odd && good_exponent && !is_roca(modulus);
    if is_good { Ok(()) } else { Err(BadKey::BadRsa) }
}

/// Whether the modulus was made by the faulty generator of CVE-2017-15361: modulo each small prime it is a power of 65537, which chance does to
/// one modulus in 2^27. Such a key can be factored.
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131,
        137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.into_iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65_537 % prime));
        powers.take(prime as usize).any(|power| power == rest)
    })
}
