//! How often an address may fail, and how often a client may ask. Whoever is refused here costs no hash, no signature and no store call.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{FromRequestParts, Request};
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::response::Response;

use super::address::Network;
use super::arrival::Arrival;
use super::buckets::{Buckets, Rate};
use super::problem::Refused;
use crate::ambient::Clock;
use crate::api::Code;

/// How many addresses, and how many clients, are known at a time; some 10 MiB.
const MOST: usize = 65_536;

/// The limits of a node, and how far everybody is from them.
pub struct RateLimits {
    failures: Buckets<Network>,
    requests: Buckets<Asking>,
    clock: Arc<dyn Clock>,
}

/// Whose requests count together: those of a client that authenticates; of a public one, which anybody can name, those from one network.
type Asking = (String, Option<Network>);

impl RateLimits {
    /// Nobody owes anything yet.
    pub fn new(failures: Rate, requests: Rate, clock: Arc<dyn Clock>) -> Self {
        Self { failures: Buckets::new(failures, MOST), requests: Buckets::new(requests, MOST), clock }
    }
}

/// One request, as the limits see it. Without limits it allows everything.
#[derive(Clone, Default)]
pub struct Visit(Option<Arc<Known>>);

struct Known {
    limits: Arc<RateLimits>,
    network: Network,
    vouched: AtomicBool,
}

impl Visit {
    /// The visit that a request is; one without limits where nobody counts.
    pub fn of(extensions: &Extensions) -> Self {
        Arrival::of(extensions).map(|arrival| arrival.visit.clone()).unwrap_or_default()
    }

    /// Refuses whoever has failed too often, before anything is read or looked up.
    pub(super) fn begin(limits: Option<&Arc<RateLimits>>, request: &mut Request) -> Result<Self, Refused> {
        let Some(limits) = limits else { return Ok(Self::default()) };
        let network = Network::from(Arrival::of_mut(request).from.0);
        let visit = Self(Some(Arc::new(Known { limits: limits.clone(), network, vouched: AtomicBool::new(false) })));
        visit.may_try()?;
        Arrival::of_mut(request).visit = visit.clone();
        Ok(visit)
    }

    /// Counts who has failed now.
    pub(super) fn ends(&self, response: &Response) {
        if response.extensions().get::<Refused>().is_some_and(|refused| is_failure(refused.code())) {
            self.failed();
        }
    }

    /// Refuses where a client that presents itself has asked too often. Counts nothing: it may be another who names it.
    pub fn may_present(&self, named: impl FnOnce() -> Option<String>, with_credentials: bool) -> Result<(), Refused> {
        let Some(known) = &self.0 else { return Ok(()) };
        let Some(client_id) = named() else { return Ok(()) };
        let wait = known.limits.requests.wait(&known.asking(&client_id, with_credentials), known.limits.clock.monotonic());
        wait.map_or(Ok(()), |wait| Err(Refused::Limited(Code::TooManyRequests, wait)))
    }

    /// Counts a request of a client that has been recognised. What one presents that has authenticated is no failure of the address
    /// any more: a backend hands on what strangers give it.
    pub fn recognised(&self, client_id: &str, authenticated: bool) -> Result<(), Refused> {
        let Some(known) = &self.0 else { return Ok(()) };
        if authenticated {
            known.vouched.store(true, Ordering::Relaxed);
        }
        let taken = known.limits.requests.take(&known.asking(client_id, authenticated), known.limits.clock.monotonic());
        taken.map_err(|wait| Refused::Limited(Code::TooManyRequests, wait))
    }

    /// The address has presented what nobody here made.
    pub fn failed(&self) {
        if let Some(known) = self.0.as_ref().filter(|known| !known.vouched.load(Ordering::Relaxed)) {
            known.limits.failures.add(&known.network, known.limits.clock.monotonic());
        }
    }

    fn may_try(&self) -> Result<(), Refused> {
        let Some(known) = &self.0 else { return Ok(()) };
        let wait = known.limits.failures.wait(&known.network, known.limits.clock.monotonic());
        wait.map_or(Ok(()), |wait| Err(Refused::Limited(Code::TooManyFailures, wait)))
    }
}

impl Known {
    fn asking(&self, client_id: &str, authenticated: bool) -> Asking {
        (client_id.to_owned(), (!authenticated).then_some(self.network))
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// What looks like guessing. A token that was good once (expired, revoked, superseded, its session over) is none: after a revocation of
/// everything, whoever stands behind one address has to refresh at once.
fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::ClientNotAuthenticated
            | Code::RefreshTokenInvalid
            | Code::RefreshTokenForeign
            | Code::BearerMissing
            | Code::TokenInvalid
            | Code::DpopProofInvalid
    )
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn one_network_of_ipv6_counts_as_one_and_each_address_of_ipv4_for_itself() {
        let network = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_ne!(network("0.0.0.1"), network("0:0:0:1::"));
    }
}
