//! Which verb answers where. Our own table, since a router of layers copies each of them, with all that is inside it, for each request.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use matchit::Params;

use super::arrival::Arrival;
use super::params::unescape;
use super::part::Part;
use crate::telemetry::Requests;

/// An answer that is being made.
pub(super) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Verb = Box<dyn Fn(Request) -> Answering + Send + Sync>;
/// A verb that still wants the state.
type Stateless<S> = Box<dyn FnOnce(S) -> Verb>;

/// Addresses and who answers there, as soon as the state `S` is given to them. `{name}` in an address stands for one part of it.
pub struct Routes<S>(Vec<(&'static str, Method, Stateless<S>)>);

/// Everything that a door shows.
pub struct Site {
    places: matchit::Router<Place>,
    elsewhere: Place,
}

/// One address, or all that are none.
pub(super) struct Place {
    part: Arc<Part>,
    verbs: Vec<(Method, Verb)>,
    allow: HeaderValue,
    /// Counts what is answered here.
    pub(super) requests: Requests,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    #[expect(clippy::new_without_default, reason = "nobody wants to be given none")]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Has `handler` answer `GET`, and `HEAD` without the body.
    pub fn get<H: Handler<T, S, Future = Answering>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.at(path, Method::GET, handler)
    }

    /// Has `handler` answer `POST`.
    pub fn post<H: Handler<T, S, Future = Answering>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.at(path, Method::POST, handler)
    }

    /// Has `handler` answer `PUT`.
    pub fn put<H: Handler<T, S, Future = Answering>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.at(path, Method::PUT, handler)
    }

    /// Has `handler` answer `PATCH`.
    pub fn patch<H: Handler<T, S, Future = Answering>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.at(path, Method::PATCH, handler)
    }

    /// Has `handler` answer `DELETE`.
    pub fn delete<H: Handler<T, S, Future = Answering>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.at(path, Method::DELETE, handler)
    }

    /// The addresses.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(path, ..)| *path)
    }

    fn at<H: Handler<T, S, Future = Answering>, T: 'static>(mut self, path: &'static str, method: Method, handler: H) -> Self {
        let verb = |state: S| -> Verb { Box::new(move |request| handler.clone().call(request, state.clone())) };
        self.0.push((path, method, Box::new(verb)));
        self
    }
}

impl Site {
    /// Nothing is anywhere yet; `elsewhere` is the part of the surface that says so.
    pub fn new(elsewhere: Part) -> Self {
        Self { places: matchit::Router::new(), elsewhere: Place::new("unmatched", &Arc::new(elsewhere)) }
    }

    /// Shows these routes as well.
    ///
    /// # Panics
    /// Where two of its addresses cannot be told apart, or one has a method twice: the first test to start a node would see it.
    pub fn show<S: Clone>(&mut self, part: Part, routes: Routes<S>, state: &S) {
        let part = Arc::new(part);
        let mut places = BTreeMap::new();
        for (path, method, verb) in routes.0 {
            places.entry(path).or_insert_with(|| Place::new(path, &part)).add(method, verb(state.clone()));
        }
        for (path, place) in places {
            self.places.insert(path, place).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
        }
    }

    /// Answers a request: each is, refusals included.
    pub async fn answer(&self, mut request: Request) -> Response {
        let (place, named) = match self.places.at(request.uri().path()) {
            Ok(found) => (found.value, unescaped(&found.params)),
            Err(_) => (&self.elsewhere, Vec::new()),
        };
        Arrival::of_mut(&mut request).named = named;
        let is_head = *request.method() == Method::HEAD;
        let mut response = place.part.answer(place, request).await;
        if is_head {
            leave_body_out(&mut response);
        }
        response
    }
}

impl Place {
    fn new(path: &'static str, part: &Arc<Part>) -> Self {
        let requests = Requests::new(path, part.observer.metrics.clone());
        Self { part: part.clone(), verbs: Vec::new(), allow: HeaderValue::from_static(""), requests }
    }

    fn add(&mut self, method: Method, verb: Verb) {
        assert!(self.verb(&method).is_none(), "{}: {method} twice", self.requests.route());
        self.verbs.push((method, verb));
        let methods: Vec<_> =
            self.verbs.iter().map(|(method, _)| if *method == Method::GET { "GET,HEAD" } else { method.as_str() }).collect();
        self.allow = HeaderValue::try_from(methods.join(",")).unwrap_or(HeaderValue::from_static(""));
    }

    /// Who answers a method here.
    pub(super) fn verb(&self, method: &Method) -> Option<&Verb> {
        let wanted = if *method == Method::HEAD { &Method::GET } else { method };
        self.verbs.iter().find(|(method, _)| method == wanted).map(|(_, verb)| verb)
    }

    /// The methods that are answered here; `None`: here is nothing.
    pub(super) fn allowed(&self) -> Option<&HeaderValue> {
        (!self.verbs.is_empty()).then_some(&self.allow)
    }
}

/// What the address names (no space is in it); nothing where a name of it cannot be read.
fn unescaped(params: &Params<'_, '_>) -> Vec<String> {
    params.iter().map(|(_, sent)| unescape(sent.as_bytes(), b' ')).collect::<Option<_>>().unwrap_or_default()
}

/// RFC 9110 §9.3.2: the head of the answer that `GET` would have had.
fn leave_body_out(response: &mut Response) {
    let has_none = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = response.body().size_hint().exact().filter(|_| !has_none && !response.headers().contains_key(CONTENT_LENGTH));
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
