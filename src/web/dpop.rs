//! The nonce that senders of proofs are told (RFC 9449 §8).

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::issuer::Issuer;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

pub(super) fn brings_proof(request: &HeaderMap) -> bool {
    request.contains_key(DPOP)
}

/// Adds the nonce of now to the answer to a request with a proof, good or bad: whoever takes it along is never asked to repeat a request.
pub(super) fn tell_nonce(issuer: &Issuer, answer: &mut HeaderMap) {
    if let Some(nonce) = issuer.dpop_nonce().and_then(|nonce| HeaderValue::try_from(nonce).ok()) {
        answer.insert(DPOP_NONCE, nonce);
    }
}
