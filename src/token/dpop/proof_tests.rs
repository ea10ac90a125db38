use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::keyring::{Algorithm, SigningKey};
use crate::token::jwt;

const ADDRESS: &str = "https://id.example/oauth/token";
const NOW: Moment = Moment::from_seconds(1_800_000_000);

/// The proofs of RFC 9449 §4.1 and §7.1, the thumbprint of their key (§6.1), and the access token of the second.
const TOKEN_REQUEST: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5",
    "IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCI",
    "sImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiO",
    "SsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
);
const RESOURCE_REQUEST: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5",
    "IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwia",
    "HR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG",
    "9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
);
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(7)).unwrap()
}

fn header(key: &SigningKey) -> Json {
    let mut jwk = key.verifying().to_jwk();
    for optional in ["alg", "use", "kid"] {
        jwk.as_object_mut().unwrap().remove(optional);
    }
    json!({ "typ": PROOF, "alg": key.verifying().algorithm().name(), "jwk": jwk })
}

fn claims() -> Json {
    json!({ "jti": "one", "htm": "POST", "htu": ADDRESS, "iat": NOW.seconds() })
}

fn with(name: &str, value: Json) -> Json {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn signed(header: &Json, claims: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims));
    let signature = key.sign(input.as_bytes()).unwrap();
    jwt::finish(input, &signature)
}

fn checked(text: &str) -> Result<Proof, ProofFault> {
    check(text, "POST", ADDRESS, NOW)
}

#[test]
fn the_proofs_of_the_rfc_are_good() {
    let at = Moment::from_seconds(1_562_262_616);
    let proof = check(TOKEN_REQUEST, "POST", "https://server.example.com/token", at).unwrap();
    assert_eq!(proof.thumbprint(), THUMBPRINT);
    assert!(!proof.covers(ACCESS_TOKEN));
    let proof = check(RESOURCE_REQUEST, "GET", "https://resource.example.org/protectedresource", at).unwrap();
    assert_eq!(proof.thumbprint(), THUMBPRINT);
    assert!(proof.covers(ACCESS_TOKEN) && !proof.covers("other"));
    assert_eq!(check(RESOURCE_REQUEST, "POST", "https://resource.example.org/protectedresource", at), Err(ProofFault::Method));
}

#[test]
fn each_algorithm_of_ours_proves() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256] {
        let key = key(algorithm);
        let proof = checked(&signed(&header(&key), &claims().to_string(), &key)).unwrap();
        assert_eq!(proof.thumbprint(), key.verifying().thumbprint());
        assert_eq!(proof.nonce(), None);
    }
    let (key, mut named) = (key(Algorithm::EdDsa), header(&key(Algorithm::EdDsa)));
    named["jwk"]["kid"] = json!("phone");
    let proof = checked(&signed(&named, &with("nonce", json!("n")).to_string(), &key)).unwrap();
    assert_eq!(proof.thumbprint(), key.verifying().thumbprint(), "whatever the key calls itself");
    assert_eq!(proof.nonce(), Some("n"));
}

/// RFC 9449 §4.3, row by row. (Steps 1 and 10 are HTTP's and the nonce's: `tests/it/dpop.rs`.)
#[test]
fn each_claim_of_a_proof_is_judged() {
    use ProofFault::{Address, Date, Invalid, Method, Missing};
    let key = key(Algorithm::EdDsa);
    let (now, window) = (NOW.seconds(), WINDOW.as_secs());
    let rows = [
        (with("jti", json!("")), Invalid("jti")),
        (with("jti", json!(7)), Invalid("jti")),
        (with("jti", json!("j".repeat(257))), Invalid("jti")),
        (with("htm", json!("GET")), Method),
        (with("htm", json!("post")), Method),
        (with("htm", json!(["POST"])), Invalid("htm")),
        (with("htu", json!("https://id.example/oauth/revoke")), Address),
        (with("htu", json!("http://id.example/oauth/token")), Address),
        (with("htu", json!("https://evil.example/oauth/token")), Address),
        (with("htu", json!("/oauth/token")), Invalid("htu")),
        (with("htu", json!(format!("https://id.example/{}", "x".repeat(2_100)))), Invalid("htu")),
        (with("iat", json!(now - window - 1)), Date),
        (with("iat", json!(now + window + 1)), Date),
        (with("iat", json!(now.to_string())), Invalid("iat")),
        (with("iat", json!(1.8e9)), Invalid("iat")),
        (with("nonce", json!(1)), Invalid("nonce")),
        (with("ath", json!(null)), Invalid("ath")),
    ];
    for (claims, fault) in rows {
        assert_eq!(checked(&signed(&header(&key), &claims.to_string(), &key)), Err(fault), "{claims}");
    }
    for name in ["jti", "htm", "htu", "iat"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(checked(&signed(&header(&key), &claims.to_string(), &key)), Err(Missing(name)));
    }
    let alike = "HTTPS://ID.example:443/oauth/./%74oken?x=1#y";
    for good in [with("iat", json!(now - window)), with("iat", json!(now + window)), with("htu", json!(alike)), with("x", json!({}))] {
        assert!(checked(&signed(&header(&key), &good.to_string(), &key)).is_ok(), "{good}");
    }
}

#[test]
fn the_key_in_the_header_is_public_of_its_algorithm_and_signed_it() {
    use ProofFault::{Jwt, Key, Signature};
    let (own, other, curve) =
        (key(Algorithm::EdDsa), SigningKey::generate(Algorithm::EdDsa, &mut |bytes| bytes.fill(8)).unwrap(), key(Algorithm::Es256));
    let bent = |bend: &dyn Fn(&mut Json)| {
        let mut header = header(&own);
        bend(&mut header);
        header
    };
    let rows = [
        (bent(&|header| drop(header.as_object_mut().unwrap().remove("jwk"))), Key(None)),
        (bent(&|header| header["jwk"]["d"] = json!("AA")), Key(Some(BadKey::Private))),
        (bent(&|header| header["jwk"] = json!({ "kty": "oct", "k": "AAAA" })), Key(Some(BadKey::Private))),
        (bent(&|header| header["jwk"]["x"] = json!(b64::encode([0; 32]))), Key(Some(BadKey::BadPoint))),
        (bent(&|header| header["jwk"]["use"] = json!("enc")), Key(Some(BadKey::WrongPurpose))),
        (bent(&|header| header["jwk"] = json!("x")), Jwt(ForeignFault::Malformed)),
        (bent(&|header| header["jwk"]["pad"] = json!("x".repeat(2_000))), Jwt(ForeignFault::Malformed)),
        (bent(&|header| header["jwk"] = super::tests::header(&other)["jwk"].clone()), Signature),
        (bent(&|header| header["jwk"] = super::tests::header(&curve)["jwk"].clone()), ProofFault::Algorithm),
        (bent(&|header| header["alg"] = json!("ES256")), ProofFault::Algorithm),
        (bent(&|header| header["alg"] = json!("none")), Jwt(ForeignFault::Algorithm)),
        (bent(&|header| header["alg"] = json!("HS256")), Jwt(ForeignFault::Algorithm)),
        (bent(&|header| header["alg"] = json!("v4.public")), Jwt(ForeignFault::Algorithm)),
        (bent(&|header| header["typ"] = json!("at+jwt")), Jwt(ForeignFault::WrongType)),
        (bent(&|header| header["typ"] = json!("JWT")), Jwt(ForeignFault::WrongType)),
        (bent(&|header| drop(header.as_object_mut().unwrap().remove("typ"))), Jwt(ForeignFault::WrongType)),
        (bent(&|header| header["crit"] = json!(["exp"])), Jwt(ForeignFault::Forbidden)),
        (bent(&|header| header["x5u"] = json!("https://evil.example")), Jwt(ForeignFault::Forbidden)),
    ];
    for (header, fault) in rows {
        assert_eq!(checked(&signed(&header, &claims().to_string(), &own)), Err(fault), "{header}");
    }
}

#[test]
fn a_proof_is_named_by_its_key_and_its_id() {
    let (first, second) = (key(Algorithm::EdDsa), key(Algorithm::Es256));
    let id = |key: &SigningKey, jti: &str| checked(&signed(&header(key), &with("jti", json!(jti)).to_string(), key)).unwrap().id();
    assert_eq!(id(&first, "one"), id(&first, "one"));
    assert_ne!(id(&first, "one"), id(&first, "two"));
    assert_ne!(id(&first, "one"), id(&second, "one"), "nobody uses up another's ids");
}

proptest! {
    #[test]
    fn no_text_makes_the_check_panic(text in "\\PC{0,300}") {
        prop_assert!(checked(&text).is_err());
    }

    #[test]
    fn one_changed_byte_is_no_proof(at in 0..400_usize, byte in 0x20_u8..0x7f) {
        let key = key(Algorithm::EdDsa);
        let good = signed(&header(&key), &claims().to_string(), &key);
        let mut bent = good.clone().into_bytes();
        let at = at % bent.len();
        bent[at] = byte;
        let bent = String::from_utf8(bent).unwrap();
        prop_assert_eq!(checked(&bent).is_ok(), bent == good);
    }

    #[test]
    fn no_header_or_claims_make_the_check_panic(header in "\\PC{0,80}", claims in "\\PC{0,80}", name in "(jwk|typ|alg|jti|htu|iat)", value in "\\PC{0,40}") {
        let texts = [header, format!("{{\"{name}\":{value}}}"), format!("{{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"{name}\":{value}}}")];
        for header in &texts {
            let text = format!("{}.{}.AAAA", b64::encode(header), b64::encode(&claims));
            prop_assert!(checked(&text).is_err());
        }
    }
}
