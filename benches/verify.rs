//! What verifying and issuing cost, each beside the raw primitive in the same run: cold, from the cache, and for junk. First two tables of
//! ratios, for which all take turns; then each by itself, by criterion.
//!
//! `cargo bench --bench verify`, or `cargo bench --bench verify -- no-such-bench` for the tables alone.

#[path = "common/tokens.rs"]
mod tokens;

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ed25519_dalek::Signer;
use mintage::claims::Claims;
use mintage::id::{Jti, Stamp};
use mintage::keyring::{Algorithm, Signature, SigningKey, Tables, VerifyingKey};
use mintage::token::{b64, paseto};
use mintage::verify::CachedVerifier;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, UnparsedPublicKey};
use tokens::{NOW, claims, expired_claims, issue, mint, signing, verifier};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::V4Public, Algorithm::Es256];

fn good(c: &mut Criterion) {
    let mut group = c.benchmark_group("good");
    let keys = ALGORITHMS.map(signing);
    for key in &keys {
        let algorithm = key.verifying().algorithm();
        let (token, _, _) = mint(&claims(), key);
        let cold = verifier(&keys, 10_000);
        assert!(cold.verify(&token, NOW).is_ok());
        group.bench_function(BenchmarkId::new("cold", algorithm.name()), |b| b.iter(|| cold.verify(black_box(&token), NOW)));
        let cached = CachedVerifier::new(verifier(&keys, 10_000), 1 << 20);
        assert!(cached.verify(&token, NOW).is_ok());
        group.bench_function(BenchmarkId::new("hot", algorithm.name()), |b| b.iter(|| cached.verify(black_box(&token), NOW)));
    }
    group.finish();
}

fn primitives(c: &mut Criterion) {
    let mut group = c.benchmark_group("primitive");
    let key = signing(Algorithm::EdDsa);
    let (_, signed, signature) = mint(&claims(), &key);
    let jwk = key.verifying().to_jwk();
    let point: [u8; 32] = b64::decode_array(jwk["x"].as_str().unwrap_or_default()).expect("a point");
    let ring_key = UnparsedPublicKey::new(&ED25519, point);
    group.bench_function("ring Ed25519", |b| b.iter(|| ring_key.verify(black_box(&signed), &signature)));
    let dalek_key = ed25519_dalek::VerifyingKey::from_bytes(&point).expect("a key");
    let dalek_signature = ed25519_dalek::Signature::from_slice(&signature).expect("64 bytes");
    group.bench_function("dalek Ed25519 strict", |b| b.iter(|| dalek_key.verify_strict(black_box(&signed), &dalek_signature)));

    let key = signing(Algorithm::Es256);
    let (_, signed, signature) = mint(&claims(), &key);
    let jwk = key.verifying().to_jwk();
    let coordinate = |name: &str| b64::decode(jwk[name].as_str().unwrap_or_default()).expect("a coordinate");
    let ring_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], coordinate("x"), coordinate("y")].concat());
    group.bench_function("ring P-256", |b| b.iter(|| ring_key.verify(black_box(&signed), &signature)));
    group.finish();
}

fn junk(c: &mut Criterion) {
    let key = signing(Algorithm::EdDsa);
    let (token, _, signature) = mint(&claims(), &key); // over other bytes than the forged ones: nothing short of the whole check finds that out
    let (genuine_header, rest) = token.split_once('.').expect("a token");
    let paseto_key = signing(Algorithm::V4Public);
    let footer = b64::encode(paseto::footer(paseto_key.verifying().kid()));
    let members: String = (0..60).map(|at| format!(",\"{at}\":[[]]")).collect();
    let full_header = b64::encode(format!("{{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"nobody\"{members}}}"));
    let mut cases = vec![
        ("forged", format!("{genuine_header}.{}.{}", b64::encode("{}"), b64::encode(&signature))),
        ("forged, 8 KiB", format!("{genuine_header}.{}.{}", "A".repeat(7_900), b64::encode(&signature))),
        ("forged v4.public, 8 KiB", format!("v4.public.{}.{footer}", b64::encode([&[b'x'; 5_900][..], &signature].concat()))),
        ("expired", mint(&expired_claims(), &key).0),
        ("expired v4.public", mint(&expired_claims(), &paseto_key).0),
        ("a full header", format!("{full_header}.{rest}")),
    ];
    cases.extend(tokens::junk(&key, &paseto_key).into_iter().map(|(name, _, large)| (name, large)));
    let verifier = verifier(&[key, paseto_key], 10_000);
    let mut group = c.benchmark_group("junk");
    for (name, token) in cases {
        assert!(verifier.verify(&token, NOW).is_err());
        group.bench_function(name, |b| b.iter(|| verifier.verify(black_box(&token), NOW)));
    }
    group.finish();
}

const ROUNDS: usize = 400;
const TOKENS: usize = 64;
/// More than any cache holds.
const EVICTED_BYTES: usize = 96 << 20;

/// Something to be timed: what it does with the token of a number, and how often at once.
type Contender<'a> = (&'static str, bool, Box<dyn Fn(usize) -> bool + 'a>);

/// So many tokens that differ by their ids, each with what was signed and the signature.
fn many(key: &SigningKey) -> Vec<(String, Vec<u8>, Signature)> {
    (0..TOKENS).map(|at| mint(&Claims { jti: Jti::new(Stamp::from_millis(NOW.millis()), &[at as u8; 10]), ..claims() }, key)).collect()
}

/// Medians of many rounds in which each has its turn, so that what else the machine does hits all alike.
fn tables() {
    verifying();
    issuing();
}

fn verifying() {
    let jwt_key = signing(Algorithm::EdDsa);
    let paseto_key = signing(Algorithm::V4Public);
    let (jwts, pasetos) = (many(&jwt_key), many(&paseto_key));
    let (expired_jwt, expired_paseto) = (mint(&expired_claims(), &jwt_key).0, mint(&expired_claims(), &paseto_key).0);
    let jwk = jwt_key.verifying().to_jwk();
    let point: [u8; 32] = b64::decode_array(jwk["x"].as_str().unwrap_or_default()).expect("a point");
    let ring_key = UnparsedPublicKey::new(&ED25519, point);
    let dalek_key = ed25519_dalek::VerifyingKey::from_bytes(&point).expect("a key");
    let dalek_signatures: Vec<_> =
        jwts.iter().map(|(_, _, bytes)| ed25519_dalek::Signature::from_slice(bytes).expect("64 bytes")).collect();
    let mut equipped = jwt_key.verifying().clone();
    Tables::default().equip([&mut equipped]);
    let make_table = |key: &VerifyingKey| {
        let mut tables = Tables::default();
        tables.equip([&mut key.clone()]);
        tables.len() == 1
    };
    let jwt_verifier = verifier(std::slice::from_ref(&jwt_key), 1_000_000);
    let paseto_verifier = verifier(std::slice::from_ref(&paseto_key), 1_000_000);
    let cached_jwts = CachedVerifier::new(verifier(std::slice::from_ref(&jwt_key), 1_000_000), 1 << 20);
    let cached_pasetos = CachedVerifier::new(verifier(std::slice::from_ref(&paseto_key), 1_000_000), 1 << 20);
    let header = |text: &str| format!("{}.{}.{}", b64::encode(text), "A".repeat(500), "A".repeat(86));
    let stranger = header(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"nobody"}"#);
    let bad_header = header(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"x","crit":["x"]}"#);
    let strange_footer = b64::encode(r#"{"kid":"k4.pid.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#);
    let paseto_stranger = format!("v4.public.{}.{strange_footer}", "A".repeat(600));
    let (dots, oversize) = (".".repeat(100_000), "A".repeat(1 << 20));

    let ring_check = |at: usize| ring_key.verify(&jwts[at].1, &jwts[at].2).is_ok();
    let dalek_check = |at: usize| dalek_key.verify_strict(&jwts[at].1, &dalek_signatures[at]).is_ok();
    let table_check = |at: usize| equipped.verify(&jwts[at].1, &jwts[at].2);
    let whole_jwt = |at: usize| jwt_verifier.verify(&jwts[at].0, NOW).is_ok();
    let whole_paseto = |at: usize| paseto_verifier.verify(&pasetos[at].0, NOW).is_ok();
    let refused = |token: &str| jwt_verifier.verify(token, NOW).is_err();
    let contenders: Vec<Contender<'_>> = vec![
        ("ring Ed25519", false, Box::new(ring_check)),
        ("dalek verify_strict", false, Box::new(dalek_check)),
        ("tables", false, Box::new(table_check)),
        ("JWT, cold", false, Box::new(whole_jwt)),
        ("v4.public, cold", false, Box::new(whole_paseto)),
        ("JWT, from the cache", false, Box::new(|at| cached_jwts.verify(&jwts[at].0, NOW).is_ok())),
        ("v4.public, from the cache", false, Box::new(|at| cached_pasetos.verify(&pasetos[at].0, NOW).is_ok())),
        ("JWT, expired", false, Box::new(|_| refused(&expired_jwt))),
        ("v4.public, expired", false, Box::new(|_| paseto_verifier.verify(&expired_paseto, NOW).is_err())),
        ("1 MiB", false, Box::new(|_| refused(&oversize))),
        ("100,000 dots", false, Box::new(|_| refused(&dots))),
        ("bad header", false, Box::new(|_| refused(&bad_header))),
        ("unknown kid", false, Box::new(|_| refused(&stranger))),
        ("v4.public, unknown kid", false, Box::new(|_| paseto_verifier.verify(&paseto_stranger, NOW).is_err())),
        ("a key's table, made", false, Box::new(|_| make_table(jwt_key.verifying()))),
        ("ring Ed25519, caches evicted", true, Box::new(ring_check)),
        ("dalek verify_strict, caches evicted", true, Box::new(dalek_check)),
        ("tables, caches evicted", true, Box::new(table_check)),
        ("JWT, cold, caches evicted", true, Box::new(whole_jwt)),
        ("v4.public, cold, caches evicted", true, Box::new(whole_paseto)),
    ];
    compare(["x ring", "x strict"], &contenders);
    println!("tables: {} bytes a key for at most {} keys, {} shared", Tables::KEY_BYTES, Tables::KEYS, Tables::BASE_BYTES);
}

fn issuing() {
    let (jwt_key, paseto_key) = (signing(Algorithm::EdDsa), signing(Algorithm::V4Public));
    let (jwts, pasetos) = (many(&jwt_key), many(&paseto_key));
    let seed = jwt_key.private().expose(|seed| <[u8; 32]>::try_from(&seed[..]).expect("a seed"));
    let dalek_key = ed25519_dalek::SigningKey::from_bytes(&seed);
    let ring_key = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
    let claims = claims();
    let own_key = |at: usize| jwt_key.sign(&jwts[at].1).is_ok();
    let contenders: Vec<Contender<'_>> = vec![
        ("our key signs", false, Box::new(own_key)),
        ("dalek signs", false, Box::new(|at| dalek_key.sign(&jwts[at].1).to_bytes()[63] < 0x20)),
        ("ring signs", false, Box::new(|at| ring_key.sign(&jwts[at].1).as_ref().len() == 64)),
        ("JWT, issued", false, Box::new(|_| !issue(&claims, &jwt_key).is_empty())),
        ("our key signs what v4.public signs", false, Box::new(|at| paseto_key.sign(&pasetos[at].1).is_ok())),
        ("v4.public, issued", false, Box::new(|_| !issue(&claims, &paseto_key).is_empty())),
    ];
    compare(["x ours", "x dalek"], &contenders);
    println!();
}

/// Prints what each takes, and how often what the first two of its kind take: what is evicted is held against what is evicted too.
fn compare(with: [&str; 2], contenders: &[Contender<'_>]) {
    let medians = take_turns(contenders);
    println!("\n{:36} {:>9} {:>8} {:>8}", "median of rounds in turns", "ns", with[0], with[1]);
    for ((name, is_evicted, _), median) in contenders.iter().zip(&medians) {
        let first = contenders.iter().position(|(_, evicted, _)| evicted == is_evicted).unwrap_or_default();
        println!("{name:36} {median:9.0} {:8.4} {:8.4}", median / medians[first], median / medians[first + 1]);
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn take_turns(contenders: &[Contender<'_>]) -> Vec<f64> {
    let mut evicted = vec![0_u64; EVICTED_BYTES / 8];
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..ROUNDS {
        for ((_, is_evicted, check), times) in contenders.iter().zip(&mut times) {
            if *is_evicted && round % 8 > 0 {
                continue;
            }
            let turns = if *is_evicted { 1 } else { TOKENS / 4 };
            if *is_evicted {
                evicted.iter_mut().step_by(8).for_each(|word| *word = word.wrapping_add(1));
                black_box(&mut evicted);
            }
            let began = Instant::now();
            let good = (0..turns).filter(|turn| check(black_box((round + turn) % TOKENS))).count();
            times.push(began.elapsed().as_nanos() as f64 / turns as f64);
            assert_eq!(good, turns);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

criterion_group!(benches, good, primitives, junk);
criterion_main!(tables, benches);
