//! Keys, tokens and verifiers that benches and tests measure with: the same ones everywhere, so that their figures speak of the same thing.

use std::sync::Arc;
use std::time::Duration;

use mintage::claims::{Claims, Custom};
use mintage::id::{Jti, Sid, Stamp};
use mintage::keyring::{Algorithm, Signature, SigningKey};
use mintage::policy::{Audience, Expectation};
use mintage::registry::WhenStale;
use mintage::revocation::{Retention, Revocation};
use mintage::time::Moment;
use mintage::token::{b64, jwt, paseto};
use mintage::verify::{KeySet, LiveView, Verifier};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const API: &str = "https://api.example";
pub(crate) const NOW: Moment = Moment::from_seconds(1_800_000_000);

pub(crate) fn signing(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(7)).expect("a key")
}

pub(crate) fn claims() -> Claims {
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

/// Of a token that is as good as any, but for its date.
pub(crate) fn expired_claims() -> Claims {
    Claims { issued_at: NOW.minus(Duration::from_secs(600)), expires_at: NOW, ..claims() }
}

/// A token, the bytes that are signed, and the signature.
pub(crate) fn mint(claims: &Claims, key: &SigningKey) -> (String, Vec<u8>, Signature) {
    if key.verifying().algorithm().is_paseto() {
        let unsigned = paseto::signing_input(claims, key.verifying().kid(), b"");
        let signature = key.sign(unsigned.signed()).expect("a signature");
        return (paseto::finish(&unsigned, &signature), unsigned.signed().to_vec(), signature);
    }
    let input = jwt::signing_input(claims, key.verifying());
    let signature = key.sign(input.as_bytes()).expect("a signature");
    (jwt::finish(input.clone(), &signature), input.into_bytes(), signature)
}

/// A token as the issuer makes it.
pub(crate) fn issue(claims: &Claims, key: &SigningKey) -> String {
    if key.verifying().algorithm().is_paseto() {
        let unsigned = paseto::signing_input(claims, key.verifying().kid(), b"");
        return paseto::finish(&unsigned, &key.sign(unsigned.signed()).expect("a signature"));
    }
    let input = jwt::signing_input(claims, key.verifying());
    let signature = key.sign(input.as_bytes()).expect("a signature");
    jwt::finish(input, &signature)
}

/// A verifier with these keys and a view of so many revocations, as an edge has it.
pub(crate) fn verifier(keys: &[SigningKey], revocations: u64) -> Verifier {
    let view = Arc::new(LiveView::new(&[7; 32]));
    for at in 0..revocations {
        view.merge(&Revocation::Token(Jti::new(Stamp::from_millis(at), &[9; 10])));
    }
    view.confirm(NOW, Duration::ZERO, Retention { keep: Duration::from_secs(3_600) });
    let keys = KeySet::from_keys(keys.iter().map(|key| (key.verifying().clone(), None))).expect("a set");
    Verifier::new(Expectation::new(ISSUER, Audience::one(API)), keys).with_view(view, WhenStale::Refuse, None)
}

/// What a verifier of these two keys refuses without looking at a signature, each in a small and in a large text.
pub(crate) fn junk(jwt_key: &SigningKey, paseto_key: &SigningKey) -> Vec<(&'static str, String, String)> {
    let header = |kid: &str, more: &str| b64::encode(format!("{{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"{kid}\"{more}}}"));
    let jwt = |header: &str, payload: usize| format!("{header}.{}.{}", "A".repeat(payload), "A".repeat(86));
    let footer = |kid: &str| b64::encode(format!("{{\"kid\":\"{kid}\"}}"));
    let stranger = "k4.pid.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let paseto = |body: usize, footer: &str| format!("v4.public.{}.{footer}", "A".repeat(body));
    let ours = jwt::header_segment(jwt::ACCESS_TOKEN, jwt_key.verifying());
    let our_footer = b64::encode(paseto::footer(paseto_key.verifying().kid()));
    vec![
        ("oversize", "A".repeat(9_000), "A".repeat(1 << 20)),
        ("dots", ".".repeat(16), ".".repeat(100_000)),
        ("dots within the limit", ".".repeat(16), ".".repeat(8_192)),
        ("one segment", "A".repeat(16), "A".repeat(8_192)),
        ("unknown kid", jwt(&header("nobody", ""), 80), jwt(&header("nobody", ""), 7_900)),
        ("unknown kid, a long one", jwt(&header("n", ""), 80), jwt(&header(&"n".repeat(256), ""), 7_600)),
        ("bad header", jwt(&header("x", ",\"crit\":[\"x\"]"), 80), jwt(&header("x", ",\"crit\":[\"x\"]"), 7_900)),
        (
            "alg none",
            jwt(&b64::encode(r#"{"typ":"at+jwt","alg":"none"}"#), 80),
            jwt(&b64::encode(r#"{"typ":"at+jwt","alg":"none"}"#), 7_900),
        ),
        ("JWE", format!("{ours}.A.A.A.A"), format!("{ours}.{}.A.A.A", "A".repeat(7_900))),
        ("signature of no length", format!("{ours}.AAAA.AAAA"), format!("{ours}.{}.AAAA", "A".repeat(7_900))),
        ("v4.public of an unknown kid", paseto(200, &footer(stranger)), paseto(7_900, &footer(stranger))),
        ("v4.public with a long footer", paseto(200, &"A".repeat(700)), paseto(200, &"A".repeat(7_900))),
        ("v4.public that is no base64", paseto(201, &our_footer), paseto(7_901, &our_footer)),
        ("v4.local", "v4.local.AAAA".to_owned(), format!("v4.local.{}", "A".repeat(8_000))),
    ]
}
