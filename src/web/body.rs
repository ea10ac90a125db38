//! Reading a body that may be too large, too slow, or no body at all.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Extensions, HeaderMap};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::limits::{BODY_LIMIT, Deadlines};
use super::problem::Refused;
use crate::api::Code;

/// The whole body: at most [`BODY_LIMIT`] bytes, within the listener's deadline. One that announces more is not read at all.
pub(super) async fn read(extensions: &Extensions, body: Body) -> Result<Bytes, Refused> {
    if body.size_hint().lower() > BODY_LIMIT as u64 {
        return Err(Code::BodyTooLarge.into());
    }
    let Deadlines { body: within, .. } = extensions.get().copied().unwrap_or_default();
    match tokio::time::timeout(within, Limited::new(body, BODY_LIMIT).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(fault)) if fault.is::<LengthLimitError>() => Err(Code::BodyTooLarge.into()),
        Ok(Err(_)) => Err(Code::InvalidRequest.into()),
        Err(_) => Err(Code::RequestTimeout.into()),
    }
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
