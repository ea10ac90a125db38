//! What signs with Ed25519: dalek, or AWS-LC where the feature `aws-lc` is on. Both make the same bytes of the same seed and message (RFC 8032 §5.1.6).

use super::BadKey;

#[cfg(feature = "aws-lc")]
type Backend = std::sync::Arc<aws_lc_rs::signature::Ed25519KeyPair>;
#[cfg(not(feature = "aws-lc"))]
type Backend = Box<ed25519_dalek::SigningKey>;

#[derive(Clone)]
pub(super) struct Ed25519Pair(Backend);

impl Ed25519Pair {
    #[cfg(feature = "aws-lc")]
    pub(super) fn new(pair: &ed25519_dalek::SigningKey) -> Result<Self, BadKey> {
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_and_public_key(pair.as_bytes(), pair.verifying_key().as_bytes());
        pair.map(|pair| Self(pair.into())).map_err(|_| BadKey::Unusable)
    }

    #[cfg(not(feature = "aws-lc"))]
    #[expect(clippy::unnecessary_wraps, reason = "the other backend may fail")]
    pub(super) fn new(pair: &ed25519_dalek::SigningKey) -> Result<Self, BadKey> {
        Ok(Self(Box::new(pair.clone())))
    }

    #[cfg(feature = "aws-lc")]
    pub(super) fn sign(&self, message: &[u8]) -> Result<[u8; 64], BadKey> {
        let signature = self.0.try_sign(message).map_err(|_| BadKey::Unusable)?;
        signature.as_ref().try_into().map_err(|_| BadKey::Unusable)
    }

    #[cfg(not(feature = "aws-lc"))]
    #[expect(clippy::unnecessary_wraps, reason = "the other backend may fail")]
    pub(super) fn sign(&self, message: &[u8]) -> Result<[u8; 64], BadKey> {
        Ok(ed25519_dalek::Signer::sign(&*self.0, message).to_bytes())
    }
}
