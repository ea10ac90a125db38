//! Which web origins may read our answers (Fetch standard, "CORS protocol"). Never with credentials: tokens travel in headers and bodies.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::issuer::Issuer;

/// Who may read.
#[derive(Clone)]
pub enum Origins {
    /// Documents that everybody may know.
    Anyone,
    /// Origins that are registered for a client.
    Registered(Arc<Issuer>),
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, dpop, x-request-id");
const EXPOSED: HeaderValue = HeaderValue::from_static("dpop-nonce, retry-after, www-authenticate, x-request-id");
/// How long a browser may remember a preflight: a change of registration shows within ten minutes.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The web page that would read the answer. As long as nobody knows whose answer it is, it may be a page of any registered origin.
#[derive(Clone, Default, Debug)]
pub struct Reader {
    origin: Option<HeaderValue>,
    is_a_stranger: Arc<AtomicBool>,
}

impl Reader {
    /// The answer is for a client of these origins: pages of others may not read it.
    pub fn must_be_of(&self, origins: &[String]) {
        if self.origin.as_ref().is_some_and(|origin| !origins.iter().any(|held| held.as_bytes() == origin.as_bytes())) {
            self.is_a_stranger.store(true, Ordering::Relaxed);
        }
    }

    fn is_a_stranger(&self) -> bool {
        self.is_a_stranger.load(Ordering::Relaxed)
    }
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Answers preflights, and lets allowed origins read the answer. Other origins get the answer without permission to read it.
pub async fn cors(State(origins): State<Origins>, mut request: Request, next: Next) -> Response {
    let reader = Reader { origin: request.headers().get(ORIGIN).cloned(), ..Reader::default() };
    let permission = reader.origin.as_ref().and_then(|origin| origins.permission(origin));
    let is_preflight = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    request.extensions_mut().insert(reader.clone());
    let mut response = if is_preflight { preflight(permission.is_some()) } else { next.run(request).await };
    origins.mark(response.headers_mut(), permission.filter(|_| !reader.is_a_stranger()));
    response
}

impl Origins {
    fn permission(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Self::Anyone => Some(HeaderValue::from_static("*")),
            Self::Registered(issuer) => origin.to_str().is_ok_and(|text| issuer.allows_origin(text)).then(|| origin.clone()),
        }
    }

    fn mark(&self, headers: &mut HeaderMap, permission: Option<HeaderValue>) {
        match self {
            Self::Anyone => {}
            Self::Registered(_) => {
                headers.append(VARY, HeaderValue::from_static("origin"));
            }
        }
        if let Some(permission) = permission {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, permission);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

fn preflight(allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}
