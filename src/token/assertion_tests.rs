use serde_json::{Value as Json, json};

use super::*;
use crate::keyring::SigningKey;
use crate::token::{b64, jwt};

const ISSUER: &str = "https://id.example";
const NOW: Moment = Moment::from_seconds(1_800_000_000);

fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(seed)).unwrap()
}

fn registered(keys: &[&SigningKey]) -> Vec<String> {
    keys.iter().map(|key| key.verifying().to_jwk().to_string()).collect()
}

fn claims() -> Json {
    json!({ "iss": "web", "sub": "web", "aud": ISSUER, "exp": NOW.seconds() + 60, "iat": NOW.seconds(), "jti": "one" })
}

fn with(name: &str, value: Json) -> Json {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Json {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn header(key: &SigningKey) -> Json {
    json!({ "typ": ASSERTION, "alg": key.verifying().algorithm().name() })
}

fn signed(header: &Json, claims: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims));
    let signature = key.sign(input.as_bytes()).unwrap();
    jwt::finish(input, &signature)
}

fn judged(text: &str, keys: &[String]) -> Result<SingleUse, AssertionFault> {
    read(text, ISSUER, NOW)?.prove(keys)
}

#[test]
fn an_assertion_signed_by_a_registered_key_is_good() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256] {
        let key = key(algorithm, 7);
        let text = signed(&header(&key), &claims().to_string(), &key);
        let once = judged(&text, &registered(&[&key])).unwrap();
        assert_eq!(once.expires_at, NOW.plus(Duration::from_secs(60)));
        assert_eq!(read(&text, ISSUER, NOW).unwrap().client_id(), "web");
    }
    let key = key(Algorithm::EdDsa, 7);
    let renamed = json!({ "typ": ASSERTION, "alg": "Ed25519" });
    assert!(judged(&signed(&renamed, &claims().to_string(), &key), &registered(&[&key])).is_ok(), "two names of one algorithm");
}

#[test]
fn each_claim_is_judged() {
    use AssertionFault::*;
    let key = key(Algorithm::EdDsa, 7);
    let keys = registered(&[&key]);
    let now = NOW.seconds();
    let rows = [
        (without("iss"), Missing("iss")),
        (without("sub"), Missing("sub")),
        (without("aud"), Missing("aud")),
        (without("exp"), Missing("exp")),
        (without("jti"), Missing("jti")),
        (with("iss", json!("other")), OtherSubject),
        (with("sub", json!(["web"])), Invalid("sub")),
        (with("jti", json!("")), Invalid("jti")),
        (with("jti", json!(7)), Invalid("jti")),
        (with("jti", json!("j".repeat(257))), Invalid("jti")),
        (with("aud", json!("https://id.example/oauth/token")), Audience),
        (with("aud", json!("https://id.example/")), Audience),
        (with("aud", json!([ISSUER])), Audience),
        (with("aud", json!([ISSUER, "https://evil.example"])), Audience),
        (with("exp", json!(now)), Expired),
        (with("exp", json!(now + 311)), LivesTooLong),
        (with("exp", json!("1800000060")), Invalid("exp")),
        (with("exp", json!(1.8e9)), Invalid("exp")),
        (with("iat", json!(now + 11)), NotYetValid),
        (with("iat", json!(now + 60)), Expired),
        (with("iat", json!(null)), Invalid("iat")),
        (with("nbf", json!(now + 11)), NotYetValid),
        (with("nbf", json!("soon")), Invalid("nbf")),
    ];
    for (claims, fault) in rows {
        assert_eq!(judged(&signed(&header(&key), &claims.to_string(), &key), &keys), Err(fault), "{claims}");
    }
    for good in [
        with("exp", json!(now + 310)),
        with("iat", json!(now + 10)),
        without("iat"),
        with("nbf", json!(now)),
        with("x", json!({ "y": [] })),
    ] {
        assert!(judged(&signed(&header(&key), &good.to_string(), &key), &keys).is_ok(), "{good}");
    }
}

#[test]
fn another_kind_of_jwt_is_no_assertion() {
    use AssertionFault::Jwt;
    let key = key(Algorithm::EdDsa, 7);
    let keys = registered(&[&key]);
    let typed = |typ: Json| json!({ "typ": typ, "alg": "EdDSA" });
    let own_key = json!({ "typ": ASSERTION, "alg": "EdDSA", "jwk": key.verifying().to_jwk() });
    let rows = [
        (json!({ "alg": "EdDSA" }), ForeignFault::WrongType),
        (typed(json!("JWT")), ForeignFault::WrongType),
        (typed(json!("at+jwt")), ForeignFault::WrongType),
        (typed(json!("dpop+jwt")), ForeignFault::WrongType),
        (typed(json!(7)), ForeignFault::WrongType),
        (json!({ "typ": ASSERTION, "alg": "none" }), ForeignFault::Algorithm),
        (json!({ "typ": ASSERTION, "alg": "HS256" }), ForeignFault::Algorithm),
        (json!({ "typ": ASSERTION, "alg": "v4.public" }), ForeignFault::Algorithm),
        (json!({ "typ": ASSERTION }), ForeignFault::Algorithm),
        (json!({ "typ": ASSERTION, "alg": "EdDSA", "crit": ["exp"] }), ForeignFault::Forbidden),
        (own_key, ForeignFault::Forbidden),
    ];
    for (header, fault) in rows {
        assert_eq!(judged(&signed(&header, &claims().to_string(), &key), &keys), Err(Jwt(fault)), "{header}");
    }
    let good = signed(&header(&key), &claims().to_string(), &key);
    let twice = claims().to_string().replacen('{', "{\"aud\":\"x\",", 1);
    let twice = signed(&header(&key), &twice, &key);
    let spaced = format!("{good} ");
    for text in
        ["", ".", "..", "a.b.c", &good[..good.len() - 30].replacen('.', "", 1), &format!("{good}.x.y"), &spaced, &twice, &"x".repeat(9_000)]
    {
        let fault = judged(text, &keys).unwrap_err();
        assert!(matches!(fault, Jwt(ForeignFault::Malformed) | AssertionFault::Signature), "{text}: {fault}");
    }
    assert!(judged(&format!("application/{good}"), &keys).is_err());
}

#[test]
fn no_key_but_the_clients_own_will_do() {
    let (own, other, curve) = (key(Algorithm::EdDsa, 7), key(Algorithm::EdDsa, 8), key(Algorithm::Es256, 0));
    let refused = Err(AssertionFault::Signature);
    let text = |header: &Json, key| signed(header, &claims().to_string(), key);
    assert_eq!(judged(&text(&header(&own), &other), &registered(&[&own])), refused);
    assert_eq!(judged(&text(&header(&own), &own), &[]), refused, "an unknown client");
    assert_eq!(judged(&text(&header(&own), &own), &registered(&[&curve])), refused, "a key of another algorithm");
    assert_eq!(judged(&text(&header(&curve), &own), &registered(&[&own])), refused, "the header does not choose");
    assert!(judged(&text(&header(&other), &other), &registered(&[&curve, &own, &other])).is_ok(), "any of its keys");
    let mut named = header(&own);
    named["kid"] = json!(other.verifying().kid());
    assert_eq!(judged(&text(&named, &own), &registered(&[&own, &other])), refused, "the one that kid names");
    named["kid"] = json!(own.verifying().kid());
    assert!(judged(&text(&named, &own), &registered(&[&own, &other])).is_ok());
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        assert_eq!(VerifyingKey::from_jwk(decoy(algorithm)).map(|key| key.algorithm()), Ok(algorithm));
    }
}

#[test]
fn one_use_is_of_one_client_and_one_jti() {
    let key = key(Algorithm::EdDsa, 7);
    let id = |iss: &str, jti: &str| {
        let mut claims = claims();
        (claims["iss"], claims["sub"], claims["jti"]) = (json!(iss), json!(iss), json!(jti));
        judged(&signed(&header(&key), &claims.to_string(), &key), &registered(&[&key])).unwrap().id
    };
    assert_eq!(id("web", "one"), id("web", "one"));
    assert_ne!(id("web", "one"), id("web", "two"));
    assert_ne!(id("web", "one"), id("we", "bone"), "no two pairs share an id");
}

#[test]
fn only_public_keys_are_registered() {
    let (first, second) = (key(Algorithm::EdDsa, 7), key(Algorithm::Es256, 0));
    let set = |keys: &[Json]| json!({ "keys": keys }).to_string();
    let jwk = |key: &SigningKey| key.verifying().to_jwk();
    assert_eq!(read_keys(&set(&[jwk(&first), jwk(&second)])).unwrap(), registered(&[&first, &second]));
    let bent = |name: &str, value: Json| {
        let mut jwk = jwk(&first);
        jwk[name] = value;
        jwk
    };
    let many: Vec<_> = (0..9).map(|seed| jwk(&key(Algorithm::EdDsa, seed))).collect();
    let rows = [
        (String::new(), KeysFault::Malformed),
        ("{}".to_owned(), KeysFault::Malformed),
        (json!({ "keys": {} }).to_string(), KeysFault::Malformed),
        (json!({ "keys": ["x"] }).to_string(), KeysFault::Malformed),
        (set(&[]), KeysFault::Empty),
        (set(&many), KeysFault::TooMany),
        (set(&[jwk(&first), jwk(&first)]), KeysFault::Duplicate(1)),
        (set(&[jwk(&second), bent("d", json!("AA"))]), KeysFault::Private(1)),
        (set(&[json!({ "kty": "oct", "k": "AAAA" })]), KeysFault::Private(0)),
        (set(&[bent("x", json!(b64::encode([0; 32])))]), KeysFault::Key(0, BadKey::BadPoint)),
        (set(&[bent("use", json!("enc"))]), KeysFault::Key(0, BadKey::WrongPurpose)),
        (set(&[bent("alg", json!("ES256"))]), KeysFault::Key(0, BadKey::WrongAlgorithm)),
    ];
    for (text, fault) in rows {
        assert_eq!(read_keys(&text), Err(fault), "{text}");
    }
}
