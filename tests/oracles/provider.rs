//! jsonwebtoken's cryptography over ring, for EdDSA and ES256. Without one installed before its first use, it panics.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, UnparsedPublicKey};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils { compute_digest: sha256, ..KeyUtils::new_unimplemented() },
};

/// Call it before every use of jsonwebtoken.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| assert!(PROVIDER.install_default().is_ok(), "jsonwebtoken was used before"));
}

/// An algorithm, and the bytes of a key: a seed or PKCS#8 to sign, a point to verify.
struct Key(Algorithm, Vec<u8>);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    supported(*algorithm)?;
    Ok(Box::new(Key(*algorithm, key.as_bytes().to_vec())))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    supported(*algorithm)?;
    Ok(Box::new(Key(*algorithm, key.try_get_as_bytes()?.to_vec())))
}

fn supported(algorithm: Algorithm) -> Result<()> {
    if matches!(algorithm, Algorithm::EdDSA | Algorithm::ES256) { Ok(()) } else { Err(ErrorKind::InvalidAlgorithm.into()) }
}

fn sha256(bytes: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    if hash == ThumbprintHash::SHA256 { Ok(digest(&SHA256, bytes).as_ref().to_vec()) } else { Err(ErrorKind::InvalidAlgorithm.into()) }
}

impl Signer<Vec<u8>> for Key {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        if self.0 == Algorithm::EdDSA {
            let pair = Ed25519KeyPair::from_seed_unchecked(&self.1).map_err(|_| Error::new())?;
            return Ok(pair.sign(message).as_ref().to_vec());
        }
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.1, &random).map_err(|_| Error::new())?;
        Ok(pair.sign(&random, message).map_err(|_| Error::new())?.as_ref().to_vec())
    }
}

impl JwtSigner for Key {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}

impl Verifier<Vec<u8>> for Key {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = if self.0 == Algorithm::EdDSA {
            UnparsedPublicKey::new(&ED25519, &self.1).verify(message, signature)
        } else {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.1).verify(message, signature)
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for Key {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}
