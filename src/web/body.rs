//! Reading a body that may be too large, too slow, or no body at all.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::arrival::Arrival;
use super::limits::{BODY_LIMIT, Deadlines};
use super::problem::Refused;
use crate::api::Code;

/// The whole body: at most [`BODY_LIMIT`] bytes, within the listener's deadline. One that announces more is not read at all.
pub(super) async fn read(extensions: &Extensions, body: Body) -> Result<Bytes, Refused> {
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        return Err(Code::BodyTooLarge.into());
    }
    let Deadlines { body: within, .. } = Arrival::of(extensions).map(|arrival| arrival.deadlines).unwrap_or_default();
    tokio::time::timeout(within, whole(body)).await.unwrap_or_else(|_| Err(Code::RequestTimeout.into()))
}

/// A body that comes in one piece is not copied.
async fn whole(mut body: Body) -> Result<Bytes, Refused> {
    let (mut only, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let piece = frame.map_err(|_| Code::InvalidRequest)?.into_data().unwrap_or_default();
        if only.len().max(all.len()) + piece.len() > BODY_LIMIT {
            return Err(Code::BodyTooLarge.into());
        }
        match (only.is_empty(), all.is_empty()) {
            (true, true) => only = piece,
            (_, false) => all.extend_from_slice(&piece),
            (false, true) => all = [&only[..], &piece].concat(),
        }
    }
    Ok(if all.is_empty() { only } else { all.into() })
}

/// Refuses a body of another type, and any charset but UTF-8.
pub(super) fn must_be(headers: &HeaderMap, types: &[&str]) -> Result<(), Refused> {
    let mut sent = headers.get_all(CONTENT_TYPE).iter();
    let (Some(first), None) = (sent.next(), sent.next()) else { return Err(Code::UnsupportedMediaType.into()) };
    let mut parts = first.to_str().unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_known = types.iter().any(|known| known.eq_ignore_ascii_case(essence));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => value.trim_matches('"').eq_ignore_ascii_case("utf-8"),
        _ => true,
    });
    if is_known && is_utf8 { Ok(()) } else { Err(Code::UnsupportedMediaType.into()) }
}
