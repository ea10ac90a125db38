//! Answers that are not refusals.

use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use tracing::{Span, field};

use super::problem::Refused;
use crate::api::Code;
use crate::id::Sid;

/// A JSON body. It is not cached: the outermost layer says `no-store` wherever nothing else is said.
pub fn answer<T: Serialize>(body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => Refused::from(Code::InternalError).into_response(),
    }
}

/// A document that everybody may cache for `max_age`, and ask again with `If-None-Match` (RFC 9110 §13.1.2).
pub fn document(headers: &HeaderMap, content_type: &'static str, body: String, max_age: Duration) -> Response {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest(&SHA256, body.as_bytes()).as_ref()[..16]));
    let caching = [(ETAG, tag.clone()), (CACHE_CONTROL, format!("public, max-age={}", max_age.as_secs()))];
    if is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, content_type)], body).into_response()
}

/// Says to the log which session a request is about.
pub fn is_about(sid: Sid) {
    Span::current().record("sid", field::display(sid));
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let sent = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    sent.map(str::trim).any(|sent| sent == "*" || sent.strip_prefix("W/").unwrap_or(sent) == tag)
}
