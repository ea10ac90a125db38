//! Keys that sign.

use std::fmt;
use std::sync::Arc;

use ring::error::KeyRejected;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use super::ed25519_pair::Ed25519Pair;
use super::{Algorithm, BadKey, Signature, VerifyingKey};
use crate::secret::Secret;

/// A key that signs, with its public half.
#[derive(Clone)]
pub struct SigningKey {
    verifying: VerifyingKey,
    private: Secret<Vec<u8>>,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Ed25519(Ed25519Pair),
    P256(Arc<EcdsaKeyPair>),
    Rsa(Arc<RsaKeyPair>),
}

impl SigningKey {
    /// A new key. Ed25519 keys are 32 bytes that `fill` gives; ES256 keys take their randomness from ring, which accepts no other.
    ///
    /// # Errors
    /// [`BadKey::Unsupported`] for RS256, whose keys are imported; [`BadKey::Unusable`] when ring gets no randomness.
    pub fn generate(algorithm: Algorithm, fill: &mut dyn FnMut(&mut [u8])) -> Result<Self, BadKey> {
        if !algorithm.can_be_made() {
            return Err(BadKey::Unsupported);
        }
        if algorithm == Algorithm::Es256 {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
            return Self::from_private(algorithm, pkcs8.map_err(|_| BadKey::Unusable)?.as_ref());
        }
        let mut seed = Zeroizing::new([0; 32]);
        fill(&mut *seed);
        Self::from_private(algorithm, &*seed)
    }

    /// Takes back what [`SigningKey::private`] gave: the 32 bytes of an Ed25519 seed (RFC 8032 §5.1.5), or PKCS#8 for
    /// ES256 and RS256.
    ///
    /// # Errors
    /// [`BadKey::Malformed`] when it is none of these, [`BadKey::BadRsa`].
    pub fn from_private(algorithm: Algorithm, private: &[u8]) -> Result<Self, BadKey> {
        let (pair, verifying) = match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 | Algorithm::V4Public => {
                let seed = Zeroizing::new(<[u8; 32]>::try_from(private).map_err(|_| BadKey::Malformed)?);
                let pair = ed25519_dalek::SigningKey::from_bytes(&seed);
                let verifying = VerifyingKey::from_ed25519(algorithm, pair.verifying_key().as_bytes())?;
                (Pair::Ed25519(Ed25519Pair::new(&pair)?), verifying)
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private, &SystemRandom::new());
                let pair = pair.map_err(|_| BadKey::Malformed)?;
                let verifying = VerifyingKey::from_p256_point(pair.public_key().as_ref())?;
                (Pair::P256(Arc::new(pair)), verifying)
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(private).map_err(|rejected| rsa_fault(&rejected))?;
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                let verifying = VerifyingKey::from_rsa(&n, &e)?;
                (Pair::Rsa(Arc::new(pair)), verifying)
            }
        };
        Ok(Self { verifying, private: Secret::new(private.to_vec()), pair })
    }

    /// Takes a key that was made elsewhere, in PKCS#8 (RFC 5958): of RSA, P-256 or Ed25519. `algorithm` chooses among the three of Ed25519,
    /// the first of which holds without it.
    ///
    /// # Errors
    /// [`BadKey::Unsupported`] for any other kind, [`BadKey::WrongAlgorithm`] where the key is not for `algorithm`; [`BadKey::Malformed`],
    /// [`BadKey::BadRsa`].
    pub fn from_pkcs8(der: &[u8], algorithm: Option<Algorithm>) -> Result<Self, BadKey> {
        const KINDS: [(&[u8], &[Algorithm]); 3] = [
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], &[Algorithm::Rs256]),
            (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], &[Algorithm::Es256]),
            (&[0x2b, 0x65, 0x70], &[Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::V4Public]),
        ];
        let outline = &der[..der.len().min(32)];
        let names = |oid: &[u8]| outline.windows(oid.len()).any(|bytes| bytes == oid);
        let (_, fitting) = KINDS.into_iter().find(|(oid, _)| names(oid)).ok_or(BadKey::Unsupported)?;
        let algorithm = algorithm.unwrap_or(fitting[0]);
        if !fitting.contains(&algorithm) {
            return Err(BadKey::WrongAlgorithm);
        }
        let key = match algorithm {
            Algorithm::Rs256 | Algorithm::Es256 => Self::from_private(algorithm, der),
            Algorithm::EdDsa | Algorithm::Ed25519 | Algorithm::V4Public => match der {
                // RFC 8410 §7: the seed stands in an octet string inside another; a public key may follow.
                [0x30, _, 2, 1, _, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20, rest @ ..] if rest.len() >= 32 => {
                    Self::from_private(algorithm, &rest[..32])
                }
                _ => Err(BadKey::Malformed),
            },
        };
        key?.proven()
    }

    /// Signs once, because a key that somebody else made may have parts that do not fit each other.
    pub(super) fn proven(self) -> Result<Self, BadKey> {
        const MESSAGE: &[u8] = b"a key that is imported";
        let signature = self.sign(MESSAGE)?;
        if self.verifying.verify(MESSAGE, &signature) { Ok(self) } else { Err(BadKey::Malformed) }
    }

    /// The private key as [`SigningKey::from_private`] takes it, for key files.
    pub fn private(&self) -> &Secret<Vec<u8>> {
        &self.private
    }

    /// The public half.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Signs a message. Ed25519 and RS256 give the same signature every time, ES256 (in its fixed 64-byte form) another one.
    ///
    /// # Errors
    /// [`BadKey::Unusable`] when ring gets no randomness, or AWS-LC no memory.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, BadKey> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).map(Signature::Fixed),
            Pair::P256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| BadKey::Unusable)?;
                signature.as_ref().try_into().map(Signature::Fixed).map_err(|_| BadKey::Unusable)
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(|_| BadKey::Unusable)?;
                Ok(Signature::Rsa(signature))
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.verifying.algorithm().name(), self.verifying.kid())
    }
}

/// Ring refuses keys that are too small, too large or of a small exponent before [`VerifyingKey::from_rsa`] can.
fn rsa_fault(rejected: &KeyRejected) -> BadKey {
    match rejected.to_string().as_str() {
        "TooSmall" | "TooLarge" => BadKey::BadRsa,
        _ => BadKey::Malformed,
    }
}
