//! `Idempotency-Key`: the same request again gets the same answer, so that a lost one leaves nothing behind.
//!
//! What an answer needs and the store must not know (a session's secret) is sealed under a MAC key *and* the caller's key: whoever
//! has only the store, or only our keys, opens nothing.

use std::time::Duration;

use ring::digest::{Context, SHA256};

use super::{Bearer, Fault, Issuer, OpenRequest, Refusal, RevokeRequest, Unavailable};
use crate::api::Code;
use crate::secret::Secret;
use crate::store::Idempotency;

/// How long a key is remembered.
const KEEP: Duration = Duration::from_secs(24 * 3_600);
const MAX_KEY: usize = 255;
const LABEL: &[u8] = b"mintage idempotency v1";

impl Issuer {
    pub(super) fn idempotency_of_open(
        &self,
        by: &Bearer,
        request: &OpenRequest,
        mac_key: u8,
        secret: &Secret<[u8; 16]>,
    ) -> Result<Option<Idempotency>, Fault> {
        let Some(key) = &request.idempotency_key else { return Ok(None) };
        check(key)?;
        let nonce = self.entropy.bytes::<16>();
        let mut sealed = vec![mac_key];
        sealed.extend(nonce);
        sealed.extend(secret.expose(|secret| xor(secret, &self.pad(mac_key, key, &nonce)?).ok_or_else(unreadable))?);
        Ok(Some(Idempotency { key: scoped(by, "open", key), request: fingerprint(request), sealed, keep: KEEP }))
    }

    pub(super) fn idempotency_of_revoke(&self, by: &Bearer, request: &RevokeRequest) -> Result<Option<Idempotency>, Refusal> {
        let Some(key) = &request.idempotency_key else { return Ok(None) };
        check(key)?;
        Ok(Some(Idempotency { key: scoped(by, "revoke", key), request: fingerprint(request), sealed: Vec::new(), keep: KEEP }))
    }

    /// The session secret that the first call with this key made.
    pub(super) fn unseal(&self, sealed: &[u8], key: &str) -> Result<Secret<[u8; 16]>, Fault> {
        let (&mac_key, rest) = sealed.split_first().ok_or_else(unreadable)?;
        let (nonce, masked) = rest.split_at_checked(16).ok_or_else(unreadable)?;
        let secret = xor(masked, &self.pad(mac_key, key, nonce)?).ok_or_else(unreadable)?;
        Ok(Secret::new(secret))
    }

    fn pad(&self, mac_key: u8, key: &str, nonce: &[u8]) -> Result<[u8; 32], Fault> {
        let ring = self.ring.load();
        let mac = ring.mac(mac_key).ok_or_else(|| self.want_ring())?;
        Ok(mac.derive(LABEL, &[nonce, key.as_bytes()].concat()))
    }
}

fn xor(bytes: &[u8], pad: &[u8; 32]) -> Option<[u8; 16]> {
    let mut out = <[u8; 16]>::try_from(bytes).ok()?;
    out.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
    Some(out)
}

fn unreadable() -> Fault {
    Unavailable::StoreDown("a remembered answer cannot be read".to_owned()).into()
}

fn check(key: &str) -> Result<(), Refusal> {
    let good = !key.is_empty() && key.len() <= MAX_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
    if good { Ok(()) } else { Err(Refusal::invalid("/Idempotency-Key", Code::Malformed)) }
}

/// A key belongs to the client that sent it and to one verb.
fn scoped(by: &Bearer, verb: &str, key: &str) -> [u8; 32] {
    digest(&[verb.as_bytes(), by.client_id.as_bytes(), key.as_bytes()])
}

fn fingerprint(request: &impl serde::Serialize) -> [u8; 32] {
    digest(&[&serde_json::to_vec(request).unwrap_or_default()])
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
