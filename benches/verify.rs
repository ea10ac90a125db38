//! What verifying costs, each beside the raw primitive in the same run: cold, from the cache, and for junk.
//!
//! `cargo bench --bench verify`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mintage::claims::{Claims, Custom};
use mintage::id::{Jti, Sid, Stamp};
use mintage::keyring::{Algorithm, Signature, SigningKey};
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
    let view = Arc::new(LiveView::new());
    for at in 0..10_000_u64 {
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

criterion_group!(benches, good, primitives, junk);
criterion_main!(benches);
