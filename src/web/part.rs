//! What every request goes through on its way to its verb, and every answer on its way back.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::address::{Proxies, locate};
use super::arrival::Arrival;
use super::cors::{Origins, Page};
use super::dpop::{brings_proof, tell_nonce};
use super::guests::Turn;
use super::host::must_name_one_host;
use super::observe::Observer;
use super::problem::{Refused, Surface, render};
use super::rate_limits::{RateLimits, Visit};
use super::request_id::RequestId;
use super::site::{Answering, Place};
use crate::api::Code;
use crate::issuer::Issuer;

/// A part of the surface: what holds for all of its routes.
#[derive(Clone)]
pub struct Part {
    /// Which dialect it speaks.
    pub surface: Surface,
    /// What sees every request.
    pub observer: Observer,
    /// Which proxies are believed about where a request comes from.
    pub proxies: Arc<Proxies>,
    /// Which web pages may read the answers; `None`: no page of another origin.
    pub origins: Option<Origins>,
    /// How often who may ask; `None` is as often as they like.
    pub limits: Option<Arc<RateLimits>>,
    /// Whose nonces answers to requests with a DPoP proof carry.
    pub nonces: Option<Arc<Issuer>>,
    /// Verbs that go on although nobody waits for their answers.
    pub let_go: TaskTracker,
}

impl Part {
    /// Without limits, nonces, and pages of other origins: for what is cheap to answer, and where nobody can fail.
    pub fn new(surface: Surface, observer: Observer, proxies: Arc<Proxies>) -> Self {
        Self { surface, observer, proxies, origins: None, limits: None, nonces: None, let_go: TaskTracker::new() }
    }

    /// Observes, limits and answers.
    pub(super) async fn answer(&self, place: &Place, mut request: Request) -> Response {
        locate(&self.proxies, &mut request);
        let seen = self.observer.begins(place.requests.route(), &mut request);
        let mut response = self.answer_page(&seen.id, place, request).instrument(seen.span.clone()).await;
        self.observer.ends(&seen, &place.requests, &mut response);
        response
    }

    async fn answer_page(&self, id: &RequestId, place: &Place, mut request: Request) -> Response {
        let page = self.origins.as_ref().map(|origins| Page::of(origins, &mut request));
        let nonces = self.nonces.as_ref().filter(|_| brings_proof(request.headers()));
        let mut response = match page.as_ref().and_then(Page::preflight) {
            Some(preflight) => preflight,
            None => self.answer_itself(id, place, request).await,
        };
        if let Some(issuer) = nonces {
            tell_nonce(issuer, response.headers_mut());
        }
        if let Some(page) = page {
            page.mark(response.headers_mut());
        }
        response
    }

    /// Refusals are written down here, once.
    async fn answer_itself(&self, id: &RequestId, place: &Place, request: Request) -> Response {
        let method = request.method().clone();
        let mut response = self.let_in(place, request).await.unwrap_or_else(Refused::into_response);
        render(self.surface, &method, id, &mut response);
        response
    }

    async fn let_in(&self, place: &Place, mut request: Request) -> Result<Response, Refused> {
        must_name_one_host(&request)?;
        let visit = Visit::begin(self.limits.as_ref(), &mut request)?;
        let Some(verb) = place.verb(request.method()) else { return Ok(nobody_answers(place)) };
        let Arrival { deadlines, turn, .. } = Arrival::of_mut(&mut request);
        let (within, turn) = (deadlines.answer, turn.clone());
        let verb = Underway { verb: Some(verb(request)), visit: visit.clone(), turn, let_go: self.let_go.clone() };
        let response = run_to_the_end(verb, within).await;
        visit.ends(&response);
        Ok(response)
    }
}

fn nobody_answers(place: &Place) -> Response {
    let Some(allowed) = place.allowed() else { return Refused::from(Code::RouteNotFound).into_response() };
    let mut response = Refused::from(Code::MethodNotAllowed).into_response();
    response.headers_mut().insert(ALLOW, allowed.clone());
    response
}

/// Runs a verb to its end: a panic is answered, and whoever waits is answered in time.
async fn run_to_the_end(verb: Underway, within: Duration) -> Response {
    match tokio::time::timeout(within, verb).await {
        Ok(Ok(response)) => response,
        Ok(Err(Panicked)) => Refused::from(Code::InternalError).into_response(),
        Err(_) => Refused::from(Code::TimedOut).into_response(),
    }
}

/// A verb on its way. Whoever lets go of it does not break it off half-way: then it goes on as a task of its own, which a stop waits for. What it
/// refuses counts all the same.
struct Underway {
    verb: Option<Answering>,
    visit: Visit,
    let_go: TaskTracker,
    /// Held until the verb is done, so that a caller who hangs up at once is still counted among those who are served.
    turn: Option<Arc<Turn>>,
}

struct Panicked;

impl Future for Underway {
    type Output = Result<Response, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(verb) = &mut self.verb else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| verb.as_mut().poll(cx)));
        if !matches!(polled, Ok(Poll::Pending)) {
            self.verb = None;
        }
        polled.map_or(Poll::Ready(Err(Panicked)), |polled| polled.map(Ok))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let (verb, visit, turn) = (self.verb.take(), self.visit.clone(), self.turn.take());
        if let (Some(verb), Ok(runtime)) = (verb, Handle::try_current()) {
            let goes_on = async move {
                visit.ends(&verb.await);
                drop(turn);
            };
            self.let_go.spawn_on(goes_on.in_current_span(), &runtime);
        }
    }
}
