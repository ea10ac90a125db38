//! The nonce that senders of proofs are told (RFC 9449 §8).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::issuer::Issuer;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Adds the nonce of now to every answer to a request with a proof, good or bad: whoever takes it along is never asked to repeat a request.
pub async fn tell_nonce(State(issuer): State<Arc<Issuer>>, request: Request, next: Next) -> Response {
    let brings_proof = request.headers().contains_key(DPOP);
    let mut response = next.run(request).await;
    if brings_proof && let Some(nonce) = issuer.dpop_nonce().and_then(|nonce| HeaderValue::try_from(nonce).ok()) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}
