//! jsonwebtoken's cryptography over ring, for EdDSA, ES256 and RS256. Without one installed before its first use, it panics.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::signature::{Error, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

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

/// An algorithm, and the bytes of a key: a seed or PKCS#8 to sign, a point to verify. RSA keys verify by their components.
struct Key(Algorithm, Vec<u8>);

struct RsaKey(PublicKeyComponents<Vec<u8>>);

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    supported(*algorithm)?;
    Ok(Box::new(Key(*algorithm, key.as_bytes().to_vec())))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    supported(*algorithm)?;
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => Ok(Box::new(RsaKey(PublicKeyComponents { n: n.clone(), e: e.clone() }))),
        DecodingKeyKind::SecretOrDer(bytes) => Ok(Box::new(Key(*algorithm, bytes.clone()))),
    }
}

fn supported(algorithm: Algorithm) -> Result<()> {
    if matches!(algorithm, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256) {
        Ok(())
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
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
        if self.0 == Algorithm::RS256 {
            let pair = RsaKeyPair::from_pkcs8(&self.1).map_err(|_| Error::new())?;
            let mut signature = vec![0; pair.public().modulus_len()];
            return pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature).map_err(|_| Error::new());
        }
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

impl Verifier<Vec<u8>> for RsaKey {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        self.0.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).map_err(|_| Error::new())
    }
}

impl JwtVerifier for RsaKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}
