//! A name for each request, the same in the answer and in the log.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::ambient::Drawn;
use crate::id::hex;

/// The header that carries it, both ways.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const MOST: usize = 64;

/// The id of a request: what the caller sent as `X-Request-Id` where that is 1 to 64 of `A-Z a-z 0-9 - _ .`, else 128 random bits in hex.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestId {
    text: [u8; MOST],
    length: usize,
}

impl RequestId {
    pub(super) fn of(headers: &HeaderMap, drawn: &Drawn) -> Self {
        let sent = headers.get(&HEADER).map(HeaderValue::as_bytes).filter(|sent| is_good(sent));
        sent.map_or_else(|| spelled(drawn.bytes()), Self::copied)
    }

    fn copied(sent: &[u8]) -> Self {
        let mut id = Self { length: sent.len().min(MOST), ..Self::default() };
        id.text[..id.length].copy_from_slice(&sent[..id.length]);
        id
    }

    /// The id as text.
    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }

    /// The value of the header.
    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from_str(self.as_str()).unwrap_or(HeaderValue::from_static("none"))
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self { text: [0; MOST], length: 0 }
    }
}

fn spelled(drawn: [u8; 16]) -> RequestId {
    let mut id = RequestId { length: 32, ..RequestId::default() };
    for (place, byte) in id.text.chunks_exact_mut(2).zip(drawn) {
        place.copy_from_slice(&hex(byte));
    }
    id
}

fn is_good(sent: &[u8]) -> bool {
    (1..=MOST).contains(&sent.len()) && sent.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
