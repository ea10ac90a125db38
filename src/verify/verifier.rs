//! The verifier: from the text of a token to [`Verified`] claims, or a [`Denial`] that says why not.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::{Denial, HARD_AGE, HeldKey, KeySet, LiveView, Verified};
use crate::claims::Claims;
use crate::keyring::{Tables, VerifyingKey};
use crate::policy::{Audience, Expectation, Sender};
use crate::registry::WhenStale;
use crate::revocation::Judge;
use crate::time::Moment;
use crate::token::claims_json::{self, Dates};
use crate::token::{MAX_TOKEN_BYTES, dpop, jwt, paseto};

/// When a token is judged: by the wall clock, and where a view's age counts also by the monotonic one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// The wall clock.
    pub wall: Moment,
    /// The monotonic clock that [`LiveView::confirm`] was told; without it a wall clock that jumps back hides a view's age.
    pub monotonic: Option<Duration>,
}

impl From<Moment> for Now {
    fn from(wall: Moment) -> Self {
        Self { wall, monotonic: None }
    }
}

/// Verifies access tokens of one issuer, in memory: no network, no store, no clock. Share it in an `Arc`.
#[derive(Debug)]
pub struct Verifier {
    expectation: Expectation,
    tables: Mutex<Tables>,
    keys: RwLock<Arc<Keys>>,
    generation: AtomicU64,
    implicit: HashMap<String, String>,
    view: Option<Watch>,
}

/// A view and what to do when it is too old.
#[derive(Debug)]
struct Watch {
    view: Arc<LiveView>,
    hard_age: Duration,
    when_stale: WhenStale,
}

/// Keys by their ids; and by the header segment or the footer of every token that they sign: a token of ours needs no header parser.
#[derive(Debug)]
struct Keys {
    by_kid: HashMap<String, Arc<Checker>>,
    by_header: BTreeMap<Vec<u8>, Arc<Checker>>,
}

/// A key as it is held; and as it checks, with a table where it has one. What was verified names the first only: it must not keep a table
/// in memory.
#[derive(Debug)]
struct Checker {
    held: Arc<HeldKey>,
    equipped: VerifyingKey,
}

impl Verifier {
    /// Verifies by these keys what is expected so. Nothing is revoked until it gets a view. The Ed25519 keys that end last get [`Tables`], which
    /// takes a millisecond or two for each.
    pub fn new(expectation: Expectation, keys: KeySet) -> Self {
        let mut tables = Tables::default();
        let keys = RwLock::new(Arc::new(Keys::new(&keys, &mut tables)));
        Self { expectation, tables: Mutex::new(tables), keys, generation: AtomicU64::new(0), implicit: HashMap::new(), view: None }
    }

    /// Asks this view about every token. Past `hard_age` (else [`HARD_AGE`]) the policy acts; the default refuses.
    #[must_use]
    pub fn with_view(self, view: Arc<LiveView>, when_stale: WhenStale, hard_age: Option<Duration>) -> Self {
        Self { view: Some(Watch { view, hard_age: hard_age.unwrap_or(HARD_AGE), when_stale }), ..self }
    }

    /// PASETO tokens for this audience carry this implicit assertion; those for any other, none.
    #[must_use]
    pub fn with_implicit(mut self, audience: impl Into<String>, assertion: impl Into<String>) -> Self {
        self.implicit.insert(audience.into(), assertion.into());
        self
    }

    /// What is expected of a token unless the caller says otherwise.
    pub fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// From now on these keys and no others, for every caller. Keys that stay keep their tables.
    pub fn replace_keys(&self, keys: KeySet) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = Arc::new(Keys::new(&keys, &mut tables));
        let mut held = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *held = keys;
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Verifies a token, presented as Bearer unless [`Verifier::expectation`] says otherwise.
    ///
    /// # Errors
    /// The first [`Denial`]: of length and shape, header, key, signature, claims, policy, the key's end, revocation, and last of all the age of
    /// the view. What is refused before its signature was checked costs well under a millisecond.
    pub fn verify(&self, token: &str, now: impl Into<Now>) -> Result<Verified, Denial> {
        self.verify_as(token, now, &self.expectation)
    }

    /// The same with another expectation: of a sender with a proof, or of any audience for introspection.
    ///
    /// # Errors
    /// See [`Verifier::verify`].
    pub fn verify_as(&self, token: &str, now: impl Into<Now>, expectation: &Expectation) -> Result<Verified, Denial> {
        let (claims, key) = self.read(token, expectation)?;
        let view_age = self.judge(&claims, &key, now.into(), expectation)?;
        Ok(Verified::seal(claims, key, view_age))
    }

    /// Verifies a token that is bound to a key, sent with a proof of that key (RFC 9449 §7.1). A token that is not bound is refused: a proof
    /// cannot bind it. Whether the proof's nonce is good and whether it came before is for the caller: [`dpop`].
    ///
    /// # Errors
    /// See [`Verifier::verify`]; [`Denial::SenderKey`] also for a proof over another token.
    pub fn verify_bound(&self, token: &str, proof: &dpop::Proof, now: impl Into<Now>) -> Result<Verified, Denial> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Denial::TooLong);
        }
        if !proof.covers(token) {
            return Err(Denial::SenderKey);
        }
        self.verify_as(token, now, &self.expectation.clone().presented(Sender::Key(proof.thumbprint().to_owned())))
    }

    /// Judges what was found genuine before, at another moment: by the keys, the revocations and the dates of now. `since` is what
    /// [`Verifier::generation`] was before it was found so. `UnknownKey` also when another key has taken the id.
    pub(super) fn judge_again(
        &self,
        genuine: Verified<Arc<Claims>>,
        since: u64,
        now: Now,
        expectation: &Expectation,
    ) -> Result<Verified<Arc<Claims>>, Denial> {
        let held = if self.generation() == since { Arc::clone(genuine.key()) } else { self.held_again(&genuine)? };
        let view_age = self.judge(genuine.claims(), &held, now, expectation)?;
        Ok(genuine.judged_by(held, view_age))
    }

    /// Which keys these are: another number after they were replaced.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn held_again(&self, genuine: &Verified<Arc<Claims>>) -> Result<Arc<HeldKey>, Denial> {
        let keys = self.keys();
        let same = |checker: &&Arc<Checker>| checker.held.key == genuine.key().key;
        keys.by_kid.get(genuine.kid()).filter(same).map(|checker| Arc::clone(&checker.held)).ok_or(Denial::UnknownKey)
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a token says, when its bytes and its signature are good.
    fn read(&self, token: &str, expectation: &Expectation) -> Result<(Claims, Arc<HeldKey>), Denial> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Denial::TooLong);
        }
        if is_paseto(token) { self.read_paseto(token, expectation) } else { self.read_jwt(token) }
    }

    fn read_jwt(&self, token: &str) -> Result<(Claims, Arc<HeldKey>), Denial> {
        let parts = jwt::split(token)?;
        let keys = self.keys();
        let key = match keys.by_header.get(parts.header.as_bytes()) {
            Some(key) => key,
            None => keys.by_strange_header(parts.header)?,
        };
        let signature = parts.signature_bytes().ok_or(Denial::BadSignature)?;
        if !key.equipped.verify(parts.signed.as_bytes(), &signature) {
            return Err(Denial::BadSignature);
        }
        let payload = parts.payload_bytes().ok_or(Denial::Malformed)?;
        Ok((claims_json::read(&payload, Dates::Numeric)?, Arc::clone(&key.held)))
    }

    fn read_paseto(&self, token: &str, expectation: &Expectation) -> Result<(Claims, Arc<HeldKey>), Denial> {
        let parts = paseto::split(token)?;
        let keys = self.keys();
        let key = match keys.by_header.get(parts.footer()) {
            Some(key) => key,
            None => keys.by_strange_footer(parts.footer())?,
        };
        let signed_with = |assertion: &&str| key.equipped.verify(&parts.signed(assertion.as_bytes()), parts.signature());
        let assertion = self.assertions(expectation).into_iter().find(signed_with).ok_or(Denial::BadSignature)?;
        let claims = claims_json::read(parts.message(), Dates::Rfc3339)?;
        if claims.audience.iter().any(|audience| self.assertion(audience) == assertion) {
            Ok((claims, Arc::clone(&key.held)))
        } else {
            Err(Denial::BadSignature)
        }
    }

    /// The assertions that a good token can carry, each once: those of the audiences expected, or where any is, all that are configured.
    fn assertions(&self, expectation: &Expectation) -> BTreeSet<&str> {
        match &expectation.audience {
            Audience::OneOf(ours) => ours.iter().map(|audience| self.assertion(audience)).collect(),
            Audience::Any => self.implicit.values().map(String::as_str).chain([""]).collect(),
        }
    }

    fn assertion(&self, audience: &str) -> &str {
        self.implicit.get(audience).map(String::as_str).unwrap_or_default()
    }

    /// Everything that can change for a genuine token. Gives the age of the view that it was judged by.
    fn judge(&self, claims: &Claims, key: &HeldKey, now: Now, expectation: &Expectation) -> Result<Option<Duration>, Denial> {
        expectation.judge(claims, now.wall)?;
        if key.issuer.as_ref().is_some_and(|issuer| *issuer != expectation.issuer) {
            return Err(Denial::KeyMismatch);
        }
        if key.ends_at.is_some_and(|end| end <= now.wall) {
            return Err(Denial::KeyEnded);
        }
        let Some(watch) = &self.view else { return Ok(None) };
        if let Some(cause) = watch.view.judge(&claims.origin(key.key.kid())) {
            return Err(Denial::Revoked(cause));
        }
        let age = watch.view.age(now.wall, now.monotonic.unwrap_or_default());
        let is_stale = age.is_none_or(|age| age > watch.hard_age);
        if is_stale && watch.when_stale == WhenStale::Refuse { Err(Denial::Stale) } else { Ok(age) }
    }
}

impl Keys {
    fn new(set: &KeySet, tables: &mut Tables) -> Self {
        let begins = |checker: &Checker| match checker.held.key.algorithm().is_paseto() {
            true => paseto::footer(checker.held.key.kid()),
            false => jwt::header_segment(jwt::ACCESS_TOKEN, &checker.held.key),
        };
        let mut checkers: Vec<Checker> = set.iter().map(|held| Checker { held: Arc::clone(held), equipped: held.key.clone() }).collect();
        // A key without an end is in use, or will be; among equals the id decides, so that the choice is the same every time.
        checkers.sort_by_key(|checker| (checker.held.ends_at.is_some(), Reverse(checker.held.ends_at), checker.held.key.kid().to_owned()));
        tables.equip(checkers.iter_mut().map(|checker| &mut checker.equipped));
        let checkers: Vec<Arc<Checker>> = checkers.into_iter().map(Arc::new).collect();
        Self {
            by_header: checkers.iter().map(|checker| (begins(checker).into_bytes(), Arc::clone(checker))).collect(),
            by_kid: checkers.into_iter().map(|checker| (checker.held.key.kid().to_owned(), checker)).collect(),
        }
    }

    /// The key for a header that we would not have written so: another order of members, `application/at+jwt`, or a stranger's.
    fn by_strange_header(&self, segment: &str) -> Result<&Arc<Checker>, Denial> {
        let header = jwt::read_header(segment)?;
        if !header.is_type(jwt::ACCESS_TOKEN) {
            return Err(Denial::WrongType);
        }
        let checker = self.find(header.kid.as_deref().ok_or(Denial::UnknownKey)?, false)?;
        if header.algorithm == checker.held.key.algorithm().name() { Ok(checker) } else { Err(Denial::AlgorithmMismatch) }
    }

    fn by_strange_footer(&self, footer: &[u8]) -> Result<&Arc<Checker>, Denial> {
        if footer.is_empty() {
            return Err(Denial::UnknownKey);
        }
        self.find(&paseto::read_footer(footer)?, true)
    }

    /// The key that the id names, if it is one for this format. What the token says of an algorithm is not asked.
    fn find(&self, kid: &str, paseto: bool) -> Result<&Arc<Checker>, Denial> {
        let checker = self.by_kid.get(kid).ok_or(Denial::UnknownKey)?;
        if checker.held.key.algorithm().is_paseto() == paseto { Ok(checker) } else { Err(Denial::KeyMismatch) }
    }
}

/// Whether a token begins like PASETO of any version: `v`, a digit, a dot.
fn is_paseto(token: &str) -> bool {
    matches!(token.as_bytes(), [b'v', version, b'.', ..] if version.is_ascii_digit())
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
