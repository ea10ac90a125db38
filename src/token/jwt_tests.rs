use proptest::prelude::*;

use super::super::test_claims::{any_claims, full};
use super::*;
use crate::keyring::test_keys::signing;
use crate::keyring::{Algorithm, SigningKey};

fn key(algorithm: Algorithm) -> SigningKey {
    signing(algorithm, 1)
}

fn mint(claims: &Claims, key: &SigningKey) -> String {
    let input = signing_input(claims, key.verifying());
    let signature = key.sign(input.as_bytes()).unwrap();
    finish(input, &signature)
}

/// All steps of reading, as a verifier that knows one key takes them.
fn accept(token: &str, key: &SigningKey) -> Option<Claims> {
    let parts = split(token).ok()?;
    let header = read_header(parts.header).ok()?;
    let known = header.kid.as_deref() == Some(key.verifying().kid()) && header.algorithm == key.verifying().algorithm().name();
    let signed = key.verifying().verify(parts.signed.as_bytes(), &parts.signature_bytes()?);
    (known && signed && header.is_type(ACCESS_TOKEN)).then_some(())?;
    claims_json::read(&parts.payload_bytes()?, Dates::Numeric).ok()
}

fn header(json: &str) -> Result<Header, HeaderFault> {
    read_header(&b64::encode(json))
}

#[test]
fn the_header_of_an_access_token_is_exactly_three_members() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256, Algorithm::Rs256] {
        let key = key(algorithm);
        let token = mint(&full(), &key);
        let bytes = b64::decode(split(&token).unwrap().header).unwrap();
        let expected = format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{}"}}"#, algorithm.name(), key.verifying().kid());
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        assert_eq!(accept(&token, &key), Some(full()));
    }
    let other = signing_input_typed("token-introspection+jwt", key(Algorithm::EdDsa).verifying(), "{}");
    assert!(!read_header(other.split('.').next().unwrap()).unwrap().is_type(ACCESS_TOKEN));
}

#[test]
fn three_parts_within_the_length_are_split_and_nothing_else() {
    assert_eq!(split("a.b.c"), Ok(Parts { header: "a", payload: "b", signature: "c", signed: "a.b" }));
    for wrong in ["", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.", "a.b.c.d", "a.b.c.d.e.f", &".".repeat(8000)] {
        assert_eq!(split(wrong), Err(SplitFault::Malformed), "{wrong:.20}");
    }
    assert_eq!(split("a.b.c.d.e"), Err(SplitFault::Encrypted));
    assert_eq!(split(&".".repeat(100_000)), Err(SplitFault::TooLong));
    assert_eq!(split(&format!("a.b.{}", "c".repeat(8 * 1024 - 4))).map(|_| ()), Ok(()));
    assert_eq!(split(&format!("a.b.{}", "c".repeat(8 * 1024 - 3))), Err(SplitFault::TooLong));
}

#[test]
fn a_header_that_asks_for_more_is_refused() {
    let plain = Header { algorithm: "EdDSA".into(), kid: Some("k".into()), typ: Some("at+jwt".into()) };
    assert_eq!(header(r#"{"kid":"k", "x":{"y":1}, "typ":"at+jwt","alg":"EdDSA"}"#), Ok(plain));
    for name in ["crit", "b64", "zip"] {
        assert_eq!(header(&format!(r#"{{"alg":"EdDSA","{name}":true}}"#)), Err(HeaderFault::Extension(name)));
    }
    for name in ["jku", "x5u", "x5c", "jwk"] {
        assert_eq!(header(&format!(r#"{{"alg":"EdDSA","{name}":"x"}}"#)), Err(HeaderFault::EmbeddedKey(name)));
    }
    assert_eq!(header(r#"{"alg":"EdDSA","\u0063rit":[]}"#), Err(HeaderFault::Extension("crit")));
    assert_eq!(header(r#"{"alg":"none","\u0061lg":"EdDSA"}"#), Err(HeaderFault::DuplicateName));
    assert_eq!(header(r#"{"kid":"k"}"#), Err(HeaderFault::BadAlgorithm));
    assert_eq!(header(r#"{"alg":null}"#), Err(HeaderFault::BadAlgorithm));
    assert_eq!(header(r#"{"alg":"EdDSA","typ":5}"#), Err(HeaderFault::BadType));
    for wrong in ["[]", "", "{\"alg\":\"EdDSA\"}x", "{\"alg\":\"EdDSA\",\"a\":[[[[[[[[]]]]]]]]}"] {
        assert_eq!(header(wrong), Err(HeaderFault::Malformed), "{wrong}");
    }
    assert_eq!(read_header(&format!("{}=", b64::encode(r#"{"alg":"EdDSA"}"#))), Err(HeaderFault::Malformed));
    assert_eq!(read_header(&"A".repeat(1025)), Err(HeaderFault::Malformed));
}

#[test]
fn a_kid_is_short_and_plain() {
    let kid = |kid: &str| header(&format!(r#"{{"alg":"EdDSA","kid":{kid}}}"#)).map(|header| header.kid);
    assert_eq!(kid(&format!("\"{}\"", "k".repeat(256))), Ok(Some("k".repeat(256))));
    let long = format!("\"{}\"", "k".repeat(257));
    for wrong in ["5", "null", "\"\"", "\"../../etc/passwd\"", "\"' OR 1=1\"", "\"a\\r\\nb\"", "\"a\\u0000\"", "\"\u{e9}\"", &long] {
        assert_eq!(kid(wrong), Err(HeaderFault::BadKid), "{wrong}");
    }
}

#[test]
fn a_type_is_a_media_type() {
    let is = |typ: &str| header(&format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#)).unwrap().is_type(ACCESS_TOKEN);
    assert!(is("at+jwt") && is("application/at+jwt") && is("AT+JWT") && is("Application/At+Jwt"));
    for other in ["JWT", "", "at+jwt ", "text/at+jwt", "application/application/at+jwt", "dpop+jwt", "application/"] {
        assert!(!is(other), "{other}");
    }
    assert!(!header(r#"{"alg":"EdDSA"}"#).unwrap().is_type(ACCESS_TOKEN));
}

proptest! {
    #[test]
    fn what_is_minted_is_accepted_and_one_changed_character_is_not(claims in any_claims(), at: prop::sample::Index, with in "[ -~]") {
        let key = key(Algorithm::EdDsa);
        let mut token = mint(&claims, &key);
        prop_assert_eq!(accept(&token, &key), Some(claims));
        let at = at.index(token.len());
        let changed = token[at..=at] != with;
        token.replace_range(at..=at, &with);
        prop_assert_eq!(accept(&token, &key).is_none(), changed);
    }
}
