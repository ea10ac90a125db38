//! What verifying costs, each beside the raw primitive in the same run: cold, from the cache, and for junk. First a table of ratios, for which
//! all take turns; then each by itself, by criterion.
//!
//! `cargo bench --bench verify`, or `cargo bench --bench verify -- no-such-bench` for the table alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mintage::claims::{Claims, Custom};
use mintage::id::{Jti, Sid, Stamp};
use mintage::keyring::{Algorithm, Signature, SigningKey, Tables, VerifyingKey};
use mintage::policy::{Audience, Expectation};
use mintage::registry::WhenStale;
use mintage::revocation::{Retention, Revocation};
use mintage::time::Moment;
use mintage::token::{b64, jwt, paseto};
use mintage::verify::{CachedVerifier, KeySet, LiveView, Verifier};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

const ISSUER: &str = "https://id.example";
const API: &str = "https://api.example";
const NOW: Moment = Moment::from_seconds(1_800_000_000);
const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::V4Public, Algorithm::Es256];

fn signing(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(7)).expect("a key")
}

fn claims() -> Claims {
    Claims {
        issuer: ISSUER.into(),
        subject: "user-1234567890".into(),
        audience: vec![API.into()],
        expires_at: NOW.plus(Duration::from_secs(300)),
        issued_at: NOW,
        not_before: None,
        jti: Jti::new(Stamp::from_millis(NOW.millis()), &[1; 10]),
        client_id: "app".into(),
        sid: Some(Sid::in_shard(Stamp::from_millis(NOW.millis() - 1_000), 3, &[2; 10])),
        scope: Some("read write".into()),
        auth_time: None,
        acr: None,
        amr: vec![],
        sender_key: None,
        actor: None,
        custom: Custom::parse(r#"{"roles":["admin","support"]}"#).expect("claims"),
    }
}

fn mint(key: &SigningKey) -> (String, Vec<u8>, Signature) {
    mint_of(&claims(), key)
}

/// A token, the bytes that are signed, and the signature.
fn mint_of(claims: &Claims, key: &SigningKey) -> (String, Vec<u8>, Signature) {
    if key.verifying().algorithm().is_paseto() {
        let unsigned = paseto::signing_input(claims, key.verifying().kid(), b"");
        let signature = key.sign(unsigned.signed()).expect("a signature");
        return (paseto::finish(&unsigned, &signature), unsigned.signed().to_vec(), signature);
    }
    let input = jwt::signing_input(claims, key.verifying());
    let signature = key.sign(input.as_bytes()).expect("a signature");
    (jwt::finish(input.clone(), &signature), input.into_bytes(), signature)
}

/// A verifier with all keys and a view of 10,000 revocations, as an edge has it.
fn verifier(keys: &[SigningKey]) -> Verifier {
    verifier_with(keys, 10_000)
}

fn verifier_with(keys: &[SigningKey], revocations: u64) -> Verifier {
    let view = Arc::new(LiveView::new(&[7; 32]));
    for at in 0..revocations {
        view.merge(&Revocation::Token(Jti::new(Stamp::from_millis(at), &[9; 10])));
    }
    view.confirm(NOW, Duration::ZERO, Retention { keep: Duration::from_secs(3_600) });
    let keys = KeySet::from_keys(keys.iter().map(|key| (key.verifying().clone(), None))).expect("a set");
    Verifier::new(Expectation::new(ISSUER, Audience::one(API)), keys).with_view(view, WhenStale::Refuse, None)
}

fn good(c: &mut Criterion) {
    let mut group = c.benchmark_group("good");
    let keys = ALGORITHMS.map(signing);
    for key in &keys {
        let algorithm = key.verifying().algorithm();
        let (token, _, _) = mint(key);
        let cold = verifier(&keys);
        assert!(cold.verify(&token, NOW).is_ok());
        group.bench_function(BenchmarkId::new("cold", algorithm.name()), |b| b.iter(|| cold.verify(black_box(&token), NOW)));
        let cached = CachedVerifier::new(verifier(&keys), 1 << 20);
        assert!(cached.verify(&token, NOW).is_ok());
        group.bench_function(BenchmarkId::new("hot", algorithm.name()), |b| b.iter(|| cached.verify(black_box(&token), NOW)));
    }
    group.finish();
}

fn primitives(c: &mut Criterion) {
    let mut group = c.benchmark_group("primitive");
    let key = signing(Algorithm::EdDsa);
    let (_, signed, signature) = mint(&key);
    let jwk = key.verifying().to_jwk();
    let point: [u8; 32] = b64::decode_array(jwk["x"].as_str().unwrap_or_default()).expect("a point");
    let ring_key = UnparsedPublicKey::new(&ED25519, point);
    group.bench_function("ring Ed25519", |b| b.iter(|| ring_key.verify(black_box(&signed), &signature)));
    let dalek_key = ed25519_dalek::VerifyingKey::from_bytes(&point).expect("a key");
    let dalek_signature = ed25519_dalek::Signature::from_slice(&signature).expect("64 bytes");
    group.bench_function("dalek Ed25519 strict", |b| b.iter(|| dalek_key.verify_strict(black_box(&signed), &dalek_signature)));

    let key = signing(Algorithm::Es256);
    let (_, signed, signature) = mint(&key);
    let jwk = key.verifying().to_jwk();
    let coordinate = |name: &str| b64::decode(jwk[name].as_str().unwrap_or_default()).expect("a coordinate");
    let ring_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], coordinate("x"), coordinate("y")].concat());
    group.bench_function("ring P-256", |b| b.iter(|| ring_key.verify(black_box(&signed), &signature)));
    group.finish();
}

fn junk(c: &mut Criterion) {
    let key = signing(Algorithm::EdDsa);
    let (token, _, signature) = mint(&key); // over other bytes than the forged ones: nothing short of the whole check finds that out
    let (_, rest) = token.split_once('.').expect("a token");
    let header = |text: &str| format!("{}.{rest}", b64::encode(text));
    let paseto_key = signing(Algorithm::V4Public);
    let (genuine_header, _) = token.split_once('.').expect("a token");
    let footer = b64::encode(paseto::footer(paseto_key.verifying().kid()));
    let expired = Claims { issued_at: NOW.minus(Duration::from_secs(600)), expires_at: NOW, ..claims() };
    let many: String = (0..60).map(|at| format!(",\"{at}\":[[]]")).collect();
    let cases = [
        ("forged", format!("{genuine_header}.{}.{}", b64::encode("{}"), b64::encode(&signature))),
        ("forged, 8 KiB", format!("{genuine_header}.{}.{}", "A".repeat(7_900), b64::encode(&signature))),
        ("forged v4.public, 8 KiB", format!("v4.public.{}.{footer}", b64::encode([&[b'x'; 5_900][..], &signature].concat()))),
        ("expired", mint_of(&expired, &key).0),
        ("expired v4.public", mint_of(&expired, &paseto_key).0),
        ("a full header", header(&format!("{{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"nobody\"{many}}}"))),
        ("100,000 dots", ".".repeat(100_000)),
        ("1 MiB", "A".repeat(1 << 20)),
        ("8 KiB of dots", ".".repeat(8_192)),
        ("8 KiB without dots", "A".repeat(8_192)),
        ("bad header", header(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"x","crit":["x"]}"#)),
        ("unknown kid", header(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"nobody"}"#)),
        ("alg none", header(r#"{"typ":"at+jwt","alg":"none"}"#)),
        ("JWE", format!("{token}.AAAA.AAAA")),
        ("v4.local", format!("v4.local.{rest}")),
    ];
    let verifier = verifier(&[key, paseto_key]);
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

/// Medians of many rounds in which each has its turn, so that what else the machine does hits all alike.
fn table() {
    let jwt_key = signing(Algorithm::EdDsa);
    let paseto_key = signing(Algorithm::V4Public);
    let many = |key: &SigningKey| -> Vec<(String, Vec<u8>, Signature)> {
        (0..TOKENS)
            .map(|at| mint_of(&Claims { jti: Jti::new(Stamp::from_millis(NOW.millis()), &[at as u8; 10]), ..claims() }, key))
            .collect()
    };
    let (jwts, pasetos) = (many(&jwt_key), many(&paseto_key));
    let expired = Claims { issued_at: NOW.minus(Duration::from_secs(600)), expires_at: NOW, ..claims() };
    let expired = mint_of(&expired, &jwt_key).0;
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
    let jwt_verifier = verifier_with(std::slice::from_ref(&jwt_key), 1_000_000);
    let paseto_verifier = verifier_with(std::slice::from_ref(&paseto_key), 1_000_000);
    let cached = CachedVerifier::new(verifier_with(std::slice::from_ref(&jwt_key), 1_000_000), 1 << 20);
    let stranger = format!("{}.e30.AA", b64::encode(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"nobody"}"#));
    let bad_header = format!("{}.e30.AA", b64::encode(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"x","crit":["x"]}"#));
    let dots = ".".repeat(100_000);

    let ring_check = |at: usize| ring_key.verify(&jwts[at].1, &jwts[at].2).is_ok();
    let dalek_check = |at: usize| dalek_key.verify_strict(&jwts[at].1, &dalek_signatures[at]).is_ok();
    let table_check = |at: usize| equipped.verify(&jwts[at].1, &jwts[at].2);
    let whole_jwt = |at: usize| jwt_verifier.verify(&jwts[at].0, NOW).is_ok();
    let whole_paseto = |at: usize| paseto_verifier.verify(&pasetos[at].0, NOW).is_ok();
    let contenders: Vec<Contender<'_>> = vec![
        ("ring Ed25519", false, Box::new(ring_check)),
        ("dalek verify_strict", false, Box::new(dalek_check)),
        ("tables", false, Box::new(table_check)),
        ("JWT, cold", false, Box::new(whole_jwt)),
        ("v4.public, cold", false, Box::new(whole_paseto)),
        ("JWT, from the cache", false, Box::new(|at| cached.verify(&jwts[at].0, NOW).is_ok())),
        ("JWT, expired", false, Box::new(|_| jwt_verifier.verify(&expired, NOW).is_err())),
        ("unknown kid", false, Box::new(|_| jwt_verifier.verify(&stranger, NOW).is_err())),
        ("bad header", false, Box::new(|_| jwt_verifier.verify(&bad_header, NOW).is_err())),
        ("a key's table, made", false, Box::new(|_| make_table(jwt_key.verifying()))),
        ("100,000 dots", false, Box::new(|_| jwt_verifier.verify(&dots, NOW).is_err())),
        ("ring Ed25519, caches evicted", true, Box::new(ring_check)),
        ("dalek verify_strict, caches evicted", true, Box::new(dalek_check)),
        ("tables, caches evicted", true, Box::new(table_check)),
        ("JWT, cold, caches evicted", true, Box::new(whole_jwt)),
        ("v4.public, cold, caches evicted", true, Box::new(whole_paseto)),
    ];
    let medians = take_turns(&contenders);
    println!("\n{:36} {:>9} {:>8} {:>8}", "median of rounds in turns", "ns", "x ring", "x strict");
    for ((name, is_evicted, _), median) in contenders.iter().zip(&medians) {
        // What is evicted is held against primitives that are: the first two of their kind.
        let first = if *is_evicted { contenders.iter().position(|(_, evicted, _)| *evicted).unwrap_or_default() } else { 0 };
        println!("{name:36} {median:9.0} {:8.3} {:8.3}", median / medians[first], median / medians[first + 1]);
    }
    println!("tables: {} bytes a key for at most {} keys, {} shared\n", Tables::KEY_BYTES, Tables::KEYS, Tables::BASE_BYTES);
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
criterion_main!(table, benches);
