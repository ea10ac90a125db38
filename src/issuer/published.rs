//! What everybody may know: the key sets.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Issuer, Policy};
use crate::keyring::{Algorithm, RingKey, jwks, paserk_set};
use crate::policy::{Audience, Expectation};
use crate::registry::{Registry, WhenStale};
use crate::time::Moment;
use crate::verify::{KeySet, LiveView, Verifier};

/// A document, and how long it may be cached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// JSON.
    pub body: String,
    /// `Cache-Control: max-age`.
    pub max_age: Duration,
}

impl Issuer {
    /// The JWKS (RFC 7517 §5): every JWT key that verifiers must know now, the announced ones included.
    pub fn jwks(&self) -> Published {
        self.publish(false)
    }

    /// The PASERK set, likewise.
    pub fn paserk_set(&self) -> Published {
        self.publish(true)
    }

    /// What JWTs are signed with, now and for as long as the keys that are published last.
    pub fn jwt_algorithms(&self) -> Vec<&'static str> {
        let ring = self.ring.load();
        let held = ring.published(self.now()).into_iter().map(|held| held.key.verifying().algorithm());
        let all: BTreeSet<_> = held.chain([self.policy.jwt_algorithm]).filter(|algorithm| !algorithm.is_paseto()).collect();
        all.into_iter().map(Algorithm::name).collect()
    }

    fn publish(&self, paseto: bool) -> Published {
        let ring = self.ring.load();
        let now = self.now();
        let keys: Vec<&RingKey> =
            ring.published(now).into_iter().filter(|held| held.key.verifying().algorithm().is_paseto() == paseto).collect();
        let body = if paseto { paserk_set(&keys, &self.policy.issuer) } else { jwks(&keys, &self.policy.issuer) };
        let usual = self.policy.jwks_max_age;
        // The standby that was made in its place is known to nobody yet.
        let revoked_lately = |held: &RingKey| held.life.revoked_at.is_some_and(|at| at.plus(usual * 2) > now);
        let usual = if ring.signing.iter().any(revoked_lately) { usual / 10 } else { usual };
        Published { body, max_age: max_age(&keys, usual, now) }
    }
}

/// Shrinks as a switch nears, so that nobody meets a key that he has not seen.
fn max_age(keys: &[&RingKey], usual: Duration, now: Moment) -> Duration {
    let next = keys.iter().map(|held| held.life.activates_at).filter(|at| *at > now).min();
    let left = next.map_or(usual, |at| at.since(now) / 2);
    Duration::from_secs(usual.min(left).as_secs().max(1))
}

/// The verifier of a node: its own keys, its own view.
pub(super) fn verifier(policy: &Policy, registry: &Registry, view: Arc<LiveView>) -> Verifier {
    let implicit = registry.resource_servers.values().filter_map(|server| Some((server.audience.clone(), server.implicit.clone()?)));
    let expectation = Expectation::new(policy.issuer.clone(), Audience::one(policy.issuer.clone()));
    let verifier = Verifier::new(expectation, KeySet::default()).with_view(view, WhenStale::Refuse, None);
    implicit.fold(verifier, |verifier, (audience, assertion)| verifier.with_implicit(audience, assertion))
}
