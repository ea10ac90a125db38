//! Which web origins may read our answers (Fetch standard, "CORS protocol"). Never with credentials: tokens travel in headers and bodies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::arrival::Arrival;
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

/// The web page that an answer is for, as the request has it.
pub(super) struct Page<'a> {
    origins: &'a Origins,
    permission: Option<HeaderValue>,
    is_preflight: bool,
    reader: Reader,
}

/// The origin of a page, where there is one. As long as nobody knows whose answer it reads, it may be any registered one.
#[derive(Clone, Default, Debug)]
pub struct Reader(Option<Arc<Known>>);

#[derive(Debug)]
struct Known {
    origin: HeaderValue,
    is_a_stranger: AtomicBool,
}

impl Reader {
    /// Whoever reads the answer to the request of these extensions.
    pub fn of(extensions: &Extensions) -> Self {
        Arrival::of(extensions).map(|arrival| arrival.reader.clone()).unwrap_or_default()
    }

    /// The answer is for a client of these origins: pages of others may not read it.
    pub fn must_be_of(&self, origins: &[String]) {
        if let Some(known) = &self.0
            && !origins.iter().any(|held| held.as_bytes() == known.origin.as_bytes())
        {
            known.is_a_stranger.store(true, Ordering::Relaxed);
        }
    }

    fn is_a_stranger(&self) -> bool {
        self.0.as_ref().is_some_and(|known| known.is_a_stranger.load(Ordering::Relaxed))
    }
}

impl<'a> Page<'a> {
    pub(super) fn of(origins: &'a Origins, request: &mut Request) -> Self {
        let is_preflight = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let origin = request.headers().get(ORIGIN).cloned();
        let permission = origin.as_ref().and_then(|origin| origins.permission(origin));
        let reader = Reader(origin.map(|origin| Arc::new(Known { origin, is_a_stranger: AtomicBool::new(false) })));
        Arrival::of_mut(request).reader = reader.clone();
        Self { origins, permission, is_preflight, reader }
    }

    /// The answer to a preflight, if the request is one.
    pub(super) fn preflight(&self) -> Option<Response> {
        self.is_preflight.then(|| preflight(self.permission.is_some()))
    }

    /// Lets the page read the answer, if it may. Others get it without permission to read it.
    pub(super) fn mark(self, answer: &mut HeaderMap) {
        if let Origins::Registered(_) = self.origins {
            answer.append(VARY, HeaderValue::from_static("origin"));
        }
        if let Some(permission) = self.permission.filter(|_| !self.reader.is_a_stranger()) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, permission);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

impl Origins {
    fn permission(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Self::Anyone => Some(HeaderValue::from_static("*")),
            Self::Registered(issuer) => origin.to_str().is_ok_and(|text| issuer.allows_origin(text)).then(|| origin.clone()),
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
