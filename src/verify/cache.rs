//! A cache of verified tokens: what it saves is the signature and the JSON, never a judgement.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::{Denial, Now, Verified, Verifier};
use crate::claims::Claims;
use crate::policy::Expectation;

/// What an entry takes beside its token's text, roughly: claims, key and the cache's own books.
const ENTRY_BYTES: u64 = 1024;
/// What the cache expects of a token's text when it makes room for its tables.
const USUAL_BYTES: u64 = 768;

/// A [`Verifier`] that remembers which tokens were genuine.
///
/// A hit compares the whole text of the token, not a digest or a part, and judges everything anew that can have changed since: dates, policy,
/// the key and its end, revocation, the age of the view (the class of CVE-2026-35039). The hash is seeded at random. Refusals are not kept.
pub struct CachedVerifier {
    verifier: Verifier,
    genuine: Cache<Box<str>, Genuine, ByBytes>,
}

/// A token whose bytes and signature were good by the keys of a generation, or a later one.
#[derive(Clone)]
struct Genuine {
    verified: Verified<Arc<Claims>>,
    since: u64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<str>, Genuine> for ByBytes {
    fn weight(&self, token: &Box<str>, _: &Genuine) -> u64 {
        // The claims hold the token's content a second time.
        2 * token.len() as u64 + ENTRY_BYTES
    }
}

impl CachedVerifier {
    /// Remembers in about `capacity` bytes, whatever tokens come.
    pub fn new(verifier: Verifier, capacity: u64) -> Self {
        let items = usize::try_from(capacity / (2 * USUAL_BYTES + ENTRY_BYTES)).unwrap_or(usize::MAX);
        Self { verifier, genuine: Cache::with_weighter(items.max(1), capacity, ByBytes) }
    }

    /// What it verifies by.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Like [`Verifier::verify`], with the same answer.
    ///
    /// # Errors
    /// See [`Verifier::verify`].
    pub fn verify(&self, token: &str, now: impl Into<Now>) -> Result<Verified<Arc<Claims>>, Denial> {
        self.verify_as(token, now, self.verifier.expectation())
    }

    /// Like [`Verifier::verify_as`], with the same answer.
    ///
    /// # Errors
    /// See [`Verifier::verify`].
    pub fn verify_as(&self, token: &str, now: impl Into<Now>, expectation: &Expectation) -> Result<Verified<Arc<Claims>>, Denial> {
        let now = now.into();
        let Some(genuine) = self.genuine.get(token) else { return self.verify_cold(token, now, expectation) };
        match self.verifier.judge_again(genuine.verified, genuine.since, now, expectation) {
            Ok(verified) => Ok(verified),
            // The key has gone or changed since: whoever holds which keys now, decides.
            Err(Denial::UnknownKey) => {
                self.genuine.remove(token);
                self.verify_cold(token, now, expectation)
            }
            Err(denial) => Err(denial),
        }
    }

    /// How many tokens it remembers.
    pub fn len(&self) -> usize {
        self.genuine.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.genuine.is_empty()
    }

    fn verify_cold(&self, token: &str, now: Now, expectation: &Expectation) -> Result<Verified<Arc<Claims>>, Denial> {
        let since = self.verifier.generation();
        let verified = self.verifier.verify_as(token, now, expectation)?.shared();
        self.genuine.insert(token.into(), Genuine { verified: verified.clone(), since });
        Ok(verified)
    }
}

impl fmt::Debug for CachedVerifier {
    /// Says how many, never which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CachedVerifier({} tokens)", self.len())
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
