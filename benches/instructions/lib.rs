//! What is measured, made ready: everything here is outside the counts.

#[path = "../common/tokens.rs"]
mod tokens;

use mintage::claims::Claims;
use mintage::id::{Sid, Stamp};
use mintage::keyring::{Algorithm, KeyRing, MacKey, Signature, SigningKey, Tables, VerifyingKey};
use mintage::secret::Secret;
use mintage::time::Moment;
use mintage::token::RefreshToken;
use mintage::verify::{CachedVerifier, Verifier};

/// When all of it happens.
pub const NOW: Moment = tokens::NOW;

/// Enough for every branch of a lookup, and little enough for valgrind.
const REVOCATIONS: u64 = 10_000;

/// Each thing is done once before it is counted: what is set up at first use is not part of it.
fn warmed<T>(value: T, once: impl Fn(&T)) -> &'static T {
    once(&value);
    Box::leak(Box::new(value))
}

/// A verifier and a good token.
pub fn cold(algorithm: Algorithm) -> &'static (Verifier, String) {
    let key = tokens::signing(algorithm);
    let token = tokens::mint(&tokens::claims(), &key).0;
    warmed((tokens::verifier(&[key], REVOCATIONS), token), |(verifier, token)| assert!(verifier.verify(token, NOW).is_ok()))
}

/// The same from a cache that holds the token.
pub fn hot(algorithm: Algorithm) -> &'static (CachedVerifier, String) {
    let key = tokens::signing(algorithm);
    let token = tokens::mint(&tokens::claims(), &key).0;
    let cached = CachedVerifier::new(tokens::verifier(&[key], REVOCATIONS), 1 << 20);
    warmed((cached, token), |(cached, token)| assert!((0..2).all(|_| cached.verify(token, NOW).is_ok())))
}

/// A verifier and a token that has expired.
pub fn expired(algorithm: Algorithm) -> &'static (Verifier, String) {
    let key = tokens::signing(algorithm);
    let token = tokens::mint(&tokens::expired_claims(), &key).0;
    warmed((tokens::verifier(&[key], REVOCATIONS), token), |(verifier, token)| assert!(verifier.verify(token, NOW).is_err()))
}

/// A verifier and a large piece of junk.
pub fn junk(name: &str) -> &'static (Verifier, String) {
    let keys = [tokens::signing(Algorithm::EdDsa), tokens::signing(Algorithm::V4Public)];
    let (_, _, large) = tokens::junk(&keys[0], &keys[1]).into_iter().find(|(listed, _, _)| *listed == name).expect("listed junk");
    warmed((tokens::verifier(&keys, REVOCATIONS), large), |(verifier, token)| assert!(verifier.verify(token, NOW).is_err()))
}

/// A key with its table, and what it has signed.
pub fn signed() -> &'static (VerifyingKey, Vec<u8>, Signature) {
    let key = tokens::signing(Algorithm::EdDsa);
    let (_, signed, signature) = tokens::mint(&tokens::claims(), &key);
    let mut equipped = key.verifying().clone();
    Tables::default().equip([&mut equipped]);
    warmed((equipped, signed, signature), |(key, signed, signature)| assert!(key.verify(signed, signature)))
}

/// A token as the issuer makes it.
pub fn issue(claims: &Claims, key: &SigningKey) -> String {
    tokens::issue(claims, key)
}

/// What a token is issued from.
pub fn issuing(algorithm: Algorithm) -> &'static (Claims, SigningKey) {
    warmed((tokens::claims(), tokens::signing(algorithm)), |(claims, key)| assert!(!issue(claims, key).is_empty()))
}

/// A ring and a refresh token under its one MAC key.
pub fn refresh() -> &'static (KeyRing, String) {
    let ring = KeyRing { macs: vec![MacKey::new(1, Secret::new([7; 32]), NOW, NOW, None)], ..KeyRing::default() };
    let sid = Sid::in_shard(Stamp::from_millis(NOW.millis()), 0, &[2; 10]);
    let token = RefreshToken::new(1, sid, 4, Secret::new([3; 16])).write(&ring).expect("the ring has the key").expose(String::clone);
    warmed((ring, token), |(ring, token)| assert!(RefreshToken::read(token, ring).is_ok()))
}
