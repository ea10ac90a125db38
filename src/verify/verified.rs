//! Being verified is a type.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::Duration;

use super::HeldKey;
use crate::claims::Claims;
use crate::id::Origin;
use crate::keyring::Algorithm;

/// Claims of a token that a [`super::Verifier`] has found good, at the moment it was asked. Nothing else makes one.
#[derive(Clone, Debug)]
pub struct Verified<C = Claims> {
    claims: C,
    key: Arc<HeldKey>,
    view_age: Option<Duration>,
}

impl<C: Borrow<Claims>> Verified<C> {
    pub(super) fn seal(claims: C, key: Arc<HeldKey>, view_age: Option<Duration>) -> Self {
        Self { claims, key, view_age }
    }

    /// What the token says.
    pub fn claims(&self) -> &Claims {
        self.claims.borrow()
    }

    /// The claims alone; that they were verified is then no longer said.
    pub fn into_claims(self) -> C {
        self.claims
    }

    /// The id of the key that signed it.
    pub fn kid(&self) -> &str {
        self.key.key.kid()
    }

    /// The algorithm of that key, and with it the token's format.
    pub fn algorithm(&self) -> Algorithm {
        self.key.key.algorithm()
    }

    /// What revocation judges it by.
    pub fn origin(&self) -> Origin<'_> {
        self.claims().origin(self.kid())
    }

    /// How old the revocation view was that it was judged by: what the application sees where stale views are accepted. `None`: there was no
    /// view, or it was never confirmed.
    pub fn view_age(&self) -> Option<Duration> {
        self.view_age
    }

    /// The key under which it was found genuine.
    pub(super) fn key(&self) -> &Arc<HeldKey> {
        &self.key
    }
}

impl Verified {
    /// The same, its claims in shared hands.
    pub(super) fn shared(self) -> Verified<Arc<Claims>> {
        let Self { claims, key, view_age } = self;
        Verified { claims: Arc::new(claims), key, view_age }
    }
}

impl Verified<Arc<Claims>> {
    /// The same claims, judged again by the same key as it is held now.
    pub(super) fn judged_by(self, key: Arc<HeldKey>, view_age: Option<Duration>) -> Self {
        Self { key, view_age, ..self }
    }
}
