//! Every parser of foreign bytes, fed with seeds and with what bending makes of them. The same targets run under a coverage-guided fuzzer
//! by `scripts/fuzz`, where the toolchain allows.
#![cfg(feature = "service")]

#[expect(unreachable_pub, reason = "a crate of its own under the fuzzer")]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many bent inputs a target gets; `FUZZ_CASES` asks for another number.
const CASES: u32 = 2_000;

/// What parsers trip over.
const SPLICES: &[&[u8]] = &[
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b".",
    b"=",
    b"&",
    b"%",
    b"%00",
    b"%ff",
    b"+",
    b" ",
    b"\n",
    b"\\u0000",
    b"\\ud800",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"null",
    b"NaN",
    b"1e309",
    b"-1",
    b"18446744073709551616",
    b"\"alg\":\"none\",",
    b"\"kid\":7,",
    b"\"jwk\":{},",
    b"\"d\":\"AA\",",
    b"\"alg\":\"Ed25519\",",
    b"\"exp\":0,",
    b"[[[[[[[[[[",
    b"mrt_",
    b"v4.public.",
    b"\r\nX: y",
    b"[[clients]]\n",
    b"'''",
];

/// One bend of a text.
#[derive(Clone, Debug)]
enum Bend {
    Flip(Index, u8),
    Cut(Index, Index),
    Splice(Index, Index),
    Repeat(Index, Index, u8),
    Graft(Index, Index),
}

fn bends() -> impl Strategy<Value = Vec<Bend>> {
    let at = any::<Index>;
    let bend = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, with)| Bend::Flip(at, with)),
        2 => (at(), at()).prop_map(|(from, to)| Bend::Cut(from, to)),
        4 => (at(), at()).prop_map(|(at, what)| Bend::Splice(at, what)),
        1 => (at(), at(), any::<u8>()).prop_map(|(from, to, times)| Bend::Repeat(from, to, times)),
        1 => (at(), at()).prop_map(|(at, other)| Bend::Graft(at, other)),
    ];
    prop::collection::vec(bend, 0..6)
}

/// Bends `text`; its end may be grafted from one of `seeds`.
fn bent(mut text: Vec<u8>, bends: &[Bend], seeds: &[Vec<u8>]) -> Vec<u8> {
    for bend in bends {
        let end = text.len() + 1;
        match bend {
            Bend::Flip(..) if text.is_empty() => {}
            Bend::Flip(at, with) => text[at.index(end - 1)] ^= with,
            Bend::Cut(from, to) => _ = text.drain(between(from.index(end), to.index(end))),
            Bend::Splice(at, what) => {
                let at = at.index(end);
                text.splice(at..at, SPLICES[what.index(SPLICES.len())].iter().copied());
            }
            Bend::Repeat(from, to, times) => {
                let range = between(from.index(end), to.index(end));
                let part = text[range.clone()].repeat(usize::from(*times));
                text.splice(range, part);
            }
            Bend::Graft(at, other) => {
                let other = &seeds[other.index(seeds.len())];
                text.truncate(at.index(end));
                text.extend_from_slice(&other[at.index(other.len() + 1)..]);
            }
        }
        text.truncate(1 << 16);
    }
    text
}

fn between(one: usize, other: usize) -> std::ops::Range<usize> {
    one.min(other)..one.max(other)
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test run, not of the program")]
fn cases() -> u32 {
    std::env::var("FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

/// The seeds as they are, then bent ones; the same on every run.
fn drive(name: &str) {
    let (_, target) = fuzz::targets::ALL.iter().find(|(known, _)| *known == name).expect("the target is there");
    let seeds = fuzz::seeds::of(Path::new(env!("CARGO_MANIFEST_DIR")), name);
    seeds.iter().for_each(|seed| target(seed));
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let ran = runner.run(&(any::<Index>(), bends()), |(seed, bends)| {
        target(&bent(seeds[seed.index(seeds.len())].clone(), &bends, &seeds));
        Ok(())
    });
    println!("{name}: {} seeds and {} bent ones", seeds.len(), cases());
    assert!(ran.is_ok(), "{}", ran.err().map(|why| why.to_string()).unwrap_or_default());
}

#[test]
fn bent_jwts_are_read_or_refused() {
    drive("jwt");
}

#[test]
fn bent_pasetos_are_read_or_refused() {
    drive("paseto");
}

#[test]
fn bent_refresh_tokens_are_read_or_refused() {
    drive("refresh_token");
}

#[test]
fn bent_client_assertions_are_read_or_refused() {
    drive("client_assertion");
}

#[test]
fn bent_dpop_proofs_are_read_or_refused() {
    drive("dpop_proof");
}

#[test]
fn bent_forms_are_read_or_refused() {
    drive("form");
}

#[test]
fn bent_json_bodies_are_read_or_refused() {
    drive("json_body");
}

#[test]
fn bent_headers_are_read_or_refused() {
    drive("header");
}

#[test]
fn bent_key_sets_are_read_or_refused() {
    drive("key_set");
}

#[test]
fn bent_configurations_are_read_or_refused() {
    drive("config");
}
