use super::*;
use crate::keyring::{Algorithm, KeyLife, RingKey, SigningKey, jwks, paserk_set};

const ISSUER: &str = "https://id.example";
const END: Moment = Moment::from_seconds(1_900_000_000);

fn signing(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(seed)).unwrap()
}

fn ring_key(algorithm: Algorithm, seed: u8) -> RingKey {
    let since = Moment::from_seconds(1);
    let life = KeyLife { announced_at: since, activates_at: since, retires_at: None, ends_at: Some(END), revoked_at: None };
    RingKey { key: signing(algorithm, seed), life }
}

fn jwk(algorithm: Algorithm, seed: u8) -> serde_json::Value {
    signing(algorithm, seed).verifying().to_jwk()
}

fn set_of(entries: &[serde_json::Value]) -> String {
    serde_json::json!({ "keys": entries }).to_string()
}

fn with(mut entry: serde_json::Value, name: &str, value: impl Into<serde_json::Value>) -> serde_json::Value {
    entry[name] = value.into();
    entry
}

#[test]
fn what_an_issuer_publishes_is_held_with_its_end_and_its_issuer() {
    let keys = [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256, Algorithm::V4Public].map(|algorithm| ring_key(algorithm, 7));
    // EdDSA and Ed25519 of one seed are one public key with one thumbprint: no issuer publishes both.
    let keys = [&keys[0], &keys[2], &keys[3]];
    let jwt = KeySet::from_jwks(&jwks(&keys, ISSUER)).unwrap();
    let paseto = KeySet::from_paserk_set(&paserk_set(&keys, ISSUER)).unwrap();
    assert_eq!((jwt.len(), paseto.len()), (2, 1));
    let both = jwt.and(paseto).unwrap();
    for key in keys {
        let verifying = key.key.verifying();
        let expected = HeldKey { key: verifying.clone(), ends_at: Some(END), issuer: Some(ISSUER.to_owned()) };
        assert_eq!(both.get(verifying.kid()).map(|held| &**held), Some(&expected));
    }
    assert!(both.skipped().is_empty());
}

#[test]
fn a_set_with_a_private_key_is_not_believed_at_all() {
    let good = jwk(Algorithm::EdDsa, 1);
    for name in ["d", "k", "p", "q"] {
        let text = set_of(&[good.clone(), with(jwk(Algorithm::EdDsa, 2), name, "AAAA")]);
        assert_eq!(KeySet::from_jwks(&text).unwrap_err(), KeySetFault::BadKey(1, BadKey::Private), "{name}");
    }
    let text = r#"{"keys":[{"paserk":"k4.secret.AAAA"}]}"#;
    assert_eq!(KeySet::from_paserk_set(text).unwrap_err(), KeySetFault::BadKey(0, BadKey::Private));
}

#[test]
fn two_keys_of_one_id_are_refused() {
    let (one, two) = (jwk(Algorithm::EdDsa, 1), with(jwk(Algorithm::EdDsa, 2), "kid", "same"));
    let duplicate = |text: String| matches!(KeySet::from_jwks(&text), Err(KeySetFault::DuplicateKid(_)));
    assert!(duplicate(set_of(&[one.clone(), one.clone()])));
    assert!(duplicate(set_of(&[with(one.clone(), "kid", "same"), two])));
    let held = || KeySet::from_jwks(&set_of(std::slice::from_ref(&one))).unwrap();
    assert!(matches!(held().and(held()), Err(KeySetFault::DuplicateKid(_))));
}

#[test]
fn what_is_of_no_use_is_skipped_and_named() {
    let entries = [
        serde_json::json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "r", "alg": "PS256"}),
        serde_json::json!({"kty": "oct", "kid": "o"}),
        with(jwk(Algorithm::Es256, 1), "crv", "P-384"),
        with(jwk(Algorithm::EdDsa, 1), "use", "enc"),
        with(jwk(Algorithm::EdDsa, 1), "alg", "ES256"),
        jwk(Algorithm::EdDsa, 1),
    ];
    let set = KeySet::from_jwks(&set_of(&entries)).unwrap();
    let unsupported = BadKey::Unsupported;
    let expected =
        [(0, BadKey::WrongAlgorithm), (1, unsupported), (2, unsupported), (3, BadKey::WrongPurpose), (4, BadKey::WrongAlgorithm)];
    assert_eq!((set.len(), set.skipped()), (1, &expected[..]));
    let other_version = r#"{"keys":[{"kid":"k3.pid.x","paserk":"k3.public.AAAA"}]}"#;
    assert_eq!(KeySet::from_paserk_set(other_version).unwrap().skipped(), [(0, unsupported)]);
}

#[test]
fn a_key_of_low_order_is_refused() {
    let zero = with(jwk(Algorithm::EdDsa, 1), "x", "A".repeat(43));
    assert_eq!(KeySet::from_jwks(&set_of(&[zero])).unwrap_err(), KeySetFault::BadKey(0, BadKey::BadPoint));
    let paserk = format!(r#"{{"keys":[{{"paserk":"k4.public.{}"}}]}}"#, "A".repeat(43));
    assert_eq!(KeySet::from_paserk_set(&paserk).unwrap_err(), KeySetFault::BadKey(0, BadKey::BadPoint));
}

#[test]
fn a_paserk_under_another_id_is_refused() {
    let paserk = signing(Algorithm::V4Public, 1).verifying().to_paserk().unwrap();
    let other = signing(Algorithm::V4Public, 2).verifying().kid().to_owned();
    let text = set_of(&[serde_json::json!({"kid": other, "paserk": paserk})]);
    assert_eq!(KeySet::from_paserk_set(&text).unwrap_err(), KeySetFault::OtherKid(0));
    assert_eq!(KeySet::from_paserk_set(&set_of(&[serde_json::json!({"paserk": paserk})])).unwrap().len(), 1, "the id is computed");
}

#[test]
fn what_is_no_key_set_is_refused() {
    let key = jwk(Algorithm::EdDsa, 1);
    let dated = |exp: serde_json::Value| set_of(&[with(key.clone(), "exp", exp)]);
    for text in [
        String::new(),
        "[]".into(),
        "{}".into(),
        r#"{"keys":{}}"#.into(),
        r#"{"keys":["x"]}"#.into(),
        r#"{"keys":[],"keys":[]}"#.into(),
        r#"{"keys":[]} x"#.into(),
        dated("1900000000".into()),
        dated(0.into()),
        dated((-1).into()),
        dated(1.5.into()),
        dated((1_u64 << 53).into()),
        set_of(&[with(key.clone(), "iss", 1)]),
    ] {
        assert_eq!(KeySet::from_jwks(&text).unwrap_err(), KeySetFault::Malformed, "{text}");
    }
    assert_eq!(KeySet::from_jwks(&" ".repeat(MAX_SET_BYTES + 1)).unwrap_err(), KeySetFault::TooLong);
    assert!(KeySet::from_jwks(r#"{"keys":[]}"#).unwrap().is_empty());
}
