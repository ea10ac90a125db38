//! One line of log, one set of metrics and one request id for each request; and a verb that has begun is not broken off.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, PROXY_AUTHORIZATION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument as _, Span, field, info, info_span, warn};

use super::address::ClientAddress;
use super::guests::Turn;
use super::limits::Deadlines;
use super::problem::{Refused, Told};
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

/// The outermost layer. Handlers fill in `client_id`, `jti` and `sid` of the current span when they know them.
pub async fn observe(State(observer): State<Observer>, mut request: Request, next: Next) -> Response {
    let began = observer.clock.monotonic();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    hide(request.headers_mut());
    let id = RequestId::of(request.headers(), &*observer.entropy);
    request.extensions_mut().insert(id.clone());
    let from = request.extensions().get::<ClientAddress>().map(|address| field::display(*address));
    let span = info_span!(
        "request", method, route, request_id = %id, from,
        client_id = field::Empty, jti = field::Empty, sid = field::Empty
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let after = observer.clock.monotonic().saturating_sub(began);
    finish(&mut response, &id);
    let told = response.extensions_mut().remove::<Told>();
    observer.metrics.answered(method, &route, response.status().as_u16(), after);
    if let Some(told) = &told {
        observer.metrics.refused(told.code.name());
    }
    log(&span, &response, told.as_ref(), after);
    response
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
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(HEADER, id);
    }
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

/// Runs the rest as a task of its own: a caller who hangs up does not break a verb off half-way, a panic is answered, and whoever
/// waits is answered in time.
pub async fn run_to_the_end(request: Request, next: Next) -> Response {
    let Deadlines { answer, .. } = request.extensions().get().copied().unwrap_or_default();
    // Held until the verb is done, so that a caller who hangs up at once is still counted among those who are served.
    let turn = request.extensions().get::<Arc<Turn>>().cloned();
    let verb = async move {
        let response = next.run(request).await;
        drop(turn);
        response
    };
    let task = tokio::spawn(verb.in_current_span());
    match tokio::time::timeout(answer, task).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Refused::from(Code::InternalError).into_response(),
        Err(_) => Refused::from(Code::TimedOut).into_response(),
    }
}
