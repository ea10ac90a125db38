//! How often the heap is asked, counted by an allocator that only this test has: not more often because a stranger sends more.

#[path = "../benches/common/tokens.rs"]
mod tokens;

use allocation_counter::{AllocationInfo, measure};
use mintage::keyring::Algorithm;
use mintage::token::MAX_TOKEN_BYTES;
use mintage::verify::{CachedVerifier, Verifier};
use tokens::NOW;

/// Refuses junk, and says what that took of the heap. The first time is not counted.
fn refused(verifier: &Verifier, token: &str) -> AllocationInfo {
    assert!(verifier.verify(token, NOW).is_err());
    measure(|| assert!(verifier.verify(token, NOW).is_err()))
}

#[test]
fn junk_asks_the_heap_no_more_often_when_it_is_longer() {
    let keys = [tokens::signing(Algorithm::EdDsa), tokens::signing(Algorithm::V4Public)];
    let verifier = tokens::verifier(&keys, 1_000);
    println!("{:32} {:>8} {:>8} {:>8} {:>8}", "junk", "bytes", "allocs", "heap B", "of small");
    for (name, small, large) in tokens::junk(&keys[0], &keys[1]) {
        let (less, more) = (refused(&verifier, &small), refused(&verifier, &large));
        println!("{name:32} {:8} {:8} {:8} {:8}", large.len(), more.count_total, more.bytes_total, less.bytes_total);
        assert!(more.count_total <= less.count_total, "{name}: {} allocations grow to {}", less.count_total, more.count_total);
        // Of a JWT the header is decoded, at most 1,024 characters; a v4.public token has none, and is decoded whole.
        let most = if name.starts_with("v4.public") { MAX_TOKEN_BYTES } else { 4_096 };
        assert!(more.bytes_total <= most as u64, "{name}: {} bytes of the heap", more.bytes_total);
        assert_eq!((more.count_current, more.bytes_current), (0, 0), "{name}: nothing stays");
    }
}

#[test]
fn a_good_token_takes_a_bounded_number_of_allocations_and_a_hit_of_the_cache_none() {
    for algorithm in [Algorithm::EdDsa, Algorithm::V4Public] {
        let key = tokens::signing(algorithm);
        let token = tokens::mint(&tokens::claims(), &key).0;
        let cached = CachedVerifier::new(tokens::verifier(std::slice::from_ref(&key), 1_000), 1 << 20);
        assert!((0..2).all(|_| cached.verify(&token, NOW).is_ok()));
        let cold = measure(|| assert!(cached.verifier().verify(&token, NOW).is_ok()));
        let expired = tokens::mint(&tokens::expired_claims(), &key).0;
        let late = measure(|| assert!(cached.verifier().verify(&expired, NOW).is_err()));
        let hot = measure(|| assert!(cached.verify(&token, NOW).is_ok()));
        let claims = tokens::claims();
        let issue = measure(|| assert!(!tokens::issue(&claims, &key).is_empty()));
        let name = algorithm.name();
        println!(
            "{name}: cold {} allocations, expired {}, hot {}, issued {}",
            cold.count_total, late.count_total, hot.count_total, issue.count_total
        );
        assert_eq!(hot.count_total, 0, "{name}");
        assert!(cold.count_total <= 20 && late.count_total <= cold.count_total, "{name}");
    }
}
