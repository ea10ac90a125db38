//! One line of log, one set of metrics and one request id for each request.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, PROXY_AUTHORIZATION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use tracing::{Span, field, info, info_span, warn};

use super::arrival::Arrival;
use super::problem::Told;
use super::request_id::{HEADER, RequestId};
use crate::ambient::{Clock, Drawn, Entropy};
use crate::api::Code;
use crate::telemetry::{Metrics, Requests};

const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HeaderName::from_static("dpop")];

/// What observing needs.
#[derive(Clone)]
pub struct Observer {
    clock: Arc<dyn Clock>,
    drawn: Arc<Drawn>,
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
}

impl Observer {
    /// Measures by this clock how long an answer took; makes request ids of this randomness; counts.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, metrics: Arc<Metrics>) -> Self {
        Self { clock, drawn: Arc::new(Drawn::new(entropy)), metrics }
    }

    /// `route` is the pattern that the address matched.
    pub(super) fn begins(&self, route: &'static str, request: &mut Request) -> Seen {
        let began = self.clock.monotonic();
        let method = known(request.method());
        hide(request.headers_mut());
        let id = RequestId::of(request.headers(), &self.drawn);
        let arrival = Arrival::of_mut(request);
        arrival.id = id;
        let span = info_span!(
            "request", method, route, request_id = id.as_str(), from = %arrival.from,
            client_id = field::Empty, jti = field::Empty, sid = field::Empty
        );
        Seen { id, span, began, method }
    }

    pub(super) fn ends(&self, seen: &Seen, requests: &Requests, response: &mut Response) {
        let after = self.clock.monotonic().saturating_sub(seen.began);
        finish(response, &seen.id);
        let told = response.extensions_mut().remove::<Told>();
        requests.answered(seen.method, response.status().as_u16(), after);
        if let Some(told) = &told {
            self.metrics.refused(told.code.name());
        }
        log(&seen.span, response, told.as_ref(), after);
    }
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
