//! A name for each request, the same in the answer and in the log.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::ambient::Entropy;

/// The header that carries it, both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: what the caller sent as `X-Request-Id` where that is 1 to 64 of `A-Z a-z 0-9 - _ .`, else 128 random bits in hex.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    pub(super) fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Self {
        let sent = headers.get(&HEADER).filter(|value| value.to_str().is_ok_and(is_good));
        Self(sent.cloned().unwrap_or_else(|| random(entropy)))
    }

    /// The value of the header.
    pub(super) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn random(entropy: &dyn Entropy) -> HeaderValue {
    let text = format!("{:032x}", u128::from_be_bytes(entropy.bytes()));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("none"))
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

fn is_good(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
