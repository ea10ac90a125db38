//! What every request goes through on its way to its verb, and every answer on its way back.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::address::{Proxies, locate};
use super::cors::{Origins, Page};
use super::dpop::{brings_proof, tell_nonce};
use super::guests::Turn;
use super::host::must_name_one_host;
use super::limits::Deadlines;
use super::observe::Observer;
use super::problem::{Refused, Surface, render};
use super::rate_limits::{RateLimits, Visit};
use super::request_id::RequestId;
use crate::api::Code;
use crate::issuer::Issuer;

/// A part of the surface: what holds for all of its routes. Lay it around them by [`pass`].
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
}

/// Observes, limits and answers for a part. All of it is one layer: for each request the router copies every layer, and with it those inside.
pub async fn pass(State(part): State<Arc<Part>>, mut request: Request, next: Next) -> Response {
    locate(&part.proxies, &mut request);
    let seen = part.observer.begins(&mut request);
    let mut response = part.answer(&seen.id, request, next).instrument(seen.span.clone()).await;
    part.observer.ends(seen, &mut response);
    response
}

impl Part {
    /// Without limits, nonces, and pages of other origins: for what is cheap to answer, and where nobody can fail.
    pub fn new(surface: Surface, observer: Observer, proxies: Arc<Proxies>) -> Self {
        Self { surface, observer, proxies, origins: None, limits: None, nonces: None }
    }

    async fn answer(&self, id: &RequestId, mut request: Request, next: Next) -> Response {
        let page = self.origins.as_ref().map(|origins| Page::of(origins, &mut request));
        let nonces = self.nonces.as_ref().filter(|_| brings_proof(request.headers()));
        let mut response = match page.as_ref().and_then(Page::preflight) {
            Some(preflight) => preflight,
            None => self.answer_itself(id, request, next).await,
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
    async fn answer_itself(&self, id: &RequestId, request: Request, next: Next) -> Response {
        let method = request.method().clone();
        let mut response = self.let_in(request, next).await.unwrap_or_else(Refused::into_response);
        render(self.surface, &method, id, &mut response);
        response
    }

    async fn let_in(&self, mut request: Request, next: Next) -> Result<Response, Refused> {
        must_name_one_host(&request)?;
        let visit = Visit::begin(self.limits.as_ref(), &mut request)?;
        let response = run_to_the_end(request, next).await;
        visit.ends(&response);
        Ok(response)
    }
}

/// Runs the rest to its end: a caller who hangs up does not break a verb off half-way, a panic is answered, and whoever waits is answered in
/// time. What has to wait for something goes on as a task of its own; most that only needs memory never does.
async fn run_to_the_end(request: Request, next: Next) -> Response {
    let Deadlines { answer, .. } = request.extensions().get().copied().unwrap_or_default();
    // Held until the verb is done, so that a caller who hangs up at once is still counted among those who are served.
    let turn = request.extensions().get::<Arc<Turn>>().cloned();
    let mut verb = Box::pin(async move {
        let response = next.run(request).await;
        drop(turn);
        response
    });
    let begun = poll_fn(|cx| Poll::Ready(catch_unwind(AssertUnwindSafe(|| verb.as_mut().poll(cx))))).await;
    let waits = match begun {
        Ok(Poll::Ready(response)) => return response,
        Ok(Poll::Pending) => tokio::spawn(verb.in_current_span()),
        Err(_) => return Refused::from(Code::InternalError).into_response(),
    };
    match tokio::time::timeout(answer, waits).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Refused::from(Code::InternalError).into_response(),
        Err(_) => Refused::from(Code::TimedOut).into_response(),
    }
}
