//! One line of log, one set of metrics and one request id for each request.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, PROXY_AUTHORIZATION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use tracing::{Span, field, info, info_span, warn};

use super::address::ClientAddress;
use super::problem::Told;
use super::request_id::{HEADER, RequestId};
use crate::ambient::{Clock, Entropy};
use crate::api::Code;
use crate::telemetry::Metrics;

const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HeaderName::from_static("dpop")];

/// What observing needs.
#[derive(Clone)]
pub struct Observer {
    /// Measures how long an answer took.
    pub clock: Arc<dyn Clock>,
    /// Makes request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

/// A request under observation.
pub(super) struct Seen {
    pub(super) id: RequestId,
    /// Verbs fill in `client_id`, `jti` and `sid` when they know them.
    pub(super) span: Span,
    began: Duration,
    method: &'static str,
    route: Option<MatchedPath>,
}

impl Observer {
    pub(super) fn begins(&self, request: &mut Request) -> Seen {
        let began = self.clock.monotonic();
        let method = known(request.method());
        let route = request.extensions().get::<MatchedPath>().cloned();
        hide(request.headers_mut());
        let id = RequestId::of(request.headers(), &*self.entropy);
        request.extensions_mut().insert(id.clone());
        let span = info_span!(
            "request", method, route = name(route.as_ref()), request_id = %id, from = %ClientAddress::of(request.extensions()),
            client_id = field::Empty, jti = field::Empty, sid = field::Empty
        );
        Seen { id, span, began, method, route }
    }

    pub(super) fn ends(&self, seen: Seen, response: &mut Response) {
        let after = self.clock.monotonic().saturating_sub(seen.began);
        finish(response, &seen.id);
        let told = response.extensions_mut().remove::<Told>();
        self.metrics.answered(seen.method, name(seen.route.as_ref()), response.status().as_u16(), after);
        if let Some(told) = &told {
            self.metrics.refused(told.code.name());
        }
        log(&seen.span, response, told.as_ref(), after);
    }
}

/// The pattern that an address matched.
fn name(route: Option<&MatchedPath>) -> &str {
    route.map_or("unmatched", MatchedPath::as_str)
}

/// Whoever prints a request prints none of its credentials.
fn hide(headers: &mut HeaderMap) {
    let credentials = headers.iter_mut().filter(|(name, _)| CREDENTIALS.contains(name));
    credentials.for_each(|(_, value)| value.set_sensitive(true));
}

fn finish(response: &mut Response, id: &RequestId) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(HEADER, id.value());
}

fn log(span: &Span, response: &Response, told: Option<&Told>, after: Duration) {
    let _inside = span.enter();
    let (status, ms) = (response.status().as_u16(), after.as_secs_f64() * 1_000.0);
    match told {
        None => info!(status, ms, "answered"),
        // A stranger can have it said: the issuer warns of it once.
        Some(Told { code: code @ Code::KeyRingBehind, why }) => info!(status, ms, code = code.name(), why, "unavailable"),
        Some(Told { code, why }) if status >= 500 => warn!(status, ms, code = code.name(), why, "unavailable"),
        Some(Told { code, why }) => info!(status, ms, code = code.name(), why, "refused"),
    }
}

/// A method of our surface; others, which a stranger may invent at will, share one name.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
