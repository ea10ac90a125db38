//! How many instructions the hottest functions take, once each, counted by valgrind: `scripts/instructions`.

use std::hint::black_box;

use gungraun::prelude::*;
use mintage::claims::Claims;
use mintage::keyring::{Algorithm, KeyRing, Signature, SigningKey, VerifyingKey};
use mintage::token::RefreshToken;
use mintage::verify::{CachedVerifier, Verifier};
use mintage_instructions::{NOW, cold, expired, hot, issue, issuing, junk, refresh, signed};

#[library_benchmark]
#[bench::jwt(cold(Algorithm::EdDsa))]
#[bench::v4_public(cold(Algorithm::V4Public))]
#[bench::jwt_expired(expired(Algorithm::EdDsa))]
#[bench::v4_public_expired(expired(Algorithm::V4Public))]
fn verify(given: &(Verifier, String)) -> bool {
    given.0.verify(black_box(&given.1), NOW).is_ok()
}

#[library_benchmark]
#[bench::jwt(hot(Algorithm::EdDsa))]
#[bench::v4_public(hot(Algorithm::V4Public))]
fn verify_cached(given: &(CachedVerifier, String)) -> bool {
    given.0.verify(black_box(&given.1), NOW).is_ok()
}

#[library_benchmark]
#[bench::oversize(junk("oversize"))]
#[bench::dots(junk("dots within the limit"))]
#[bench::unknown_kid(junk("unknown kid"))]
#[bench::bad_header(junk("bad header"))]
#[bench::v4_public_of_an_unknown_kid(junk("v4.public of an unknown kid"))]
fn refuse(given: &(Verifier, String)) -> bool {
    given.0.verify(black_box(&given.1), NOW).is_ok()
}

#[library_benchmark]
#[bench::jwt(issuing(Algorithm::EdDsa))]
#[bench::v4_public(issuing(Algorithm::V4Public))]
fn issue_token(given: &(Claims, SigningKey)) -> usize {
    issue(black_box(&given.0), &given.1).len()
}

#[library_benchmark]
#[bench::token(refresh())]
fn read_refresh(given: &(KeyRing, String)) -> bool {
    RefreshToken::read(black_box(&given.1), &given.0).is_ok()
}

// What verifying and issuing cannot go below.
#[library_benchmark]
#[bench::checked(signed())]
fn signature(given: &(VerifyingKey, Vec<u8>, Signature)) -> bool {
    given.0.verify(black_box(&given.1), &given.2)
}

#[library_benchmark]
#[bench::made(issuing(Algorithm::EdDsa))]
fn signature_of_500_bytes(given: &(Claims, SigningKey)) -> bool {
    given.1.sign(black_box(&[b'x'; 500])).is_ok()
}

library_benchmark_group!(
    name = hottest,
    benchmarks = [verify, verify_cached, refuse, issue_token, read_refresh, signature, signature_of_500_bytes]
);

main!(library_benchmark_groups = hottest);
