//! PASERK of version 4: the text of a public key, and its id.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blake2::digest::consts::U33;
use blake2::{Blake2b, Digest};

use super::BadKey;

const PUBLIC: &str = "k4.public.";
const PUBLIC_ID: &str = "k4.pid.";

pub(super) fn write_public(key: &[u8; 32]) -> String {
    format!("{PUBLIC}{}", URL_SAFE_NO_PAD.encode(key))
}

/// The id of a public key: BLAKE2b of 33 bytes over `k4.pid.` and the key's PASERK (PASERK, operations/ID).
pub(super) fn public_id(key: &[u8; 32]) -> String {
    let hash = Blake2b::<U33>::new().chain_update(PUBLIC_ID).chain_update(write_public(key)).finalize();
    format!("{PUBLIC_ID}{}", URL_SAFE_NO_PAD.encode(hash))
}

pub(super) fn read_public(text: &str) -> Result<[u8; 32], BadKey> {
    let Some(data) = text.strip_prefix(PUBLIC) else {
        let kind = text.split('.').nth(1).unwrap_or_default();
        let private = ["secret", "local", "seal"].iter().any(|start| kind.starts_with(start));
        return Err(if private { BadKey::Private } else { BadKey::Unsupported });
    };
    decode(data)
}

/// 32 bytes in base64url without padding; one spelling.
pub(super) fn decode(text: &str) -> Result<[u8; 32], BadKey> {
    if text.len() != 43 {
        return Err(BadKey::Malformed);
    }
    let mut bytes = [0; 32];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(32) => Ok(bytes),
        _ => Err(BadKey::Malformed),
    }
}
