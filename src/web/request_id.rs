//! A name for each request, the same in the answer and in the log.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::ambient::Entropy;

/// The header that carries it, both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: what the caller sent as `X-Request-Id` where that is 1 to 64 of `A-Z a-z 0-9 - _ .`, else 128 random bits in hex.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RequestId(String);

impl RequestId {
    pub(super) fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Self {
        let sent = headers.get(&HEADER).and_then(|value| value.to_str().ok()).filter(|text| is_good(text));
        Self(sent.map_or_else(|| format!("{:032x}", u128::from_be_bytes(entropy.bytes())), str::to_owned))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

fn is_good(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
