//! Wycheproof against signatures, the parser and the whole verifier.

use std::collections::BTreeMap;

use mintage::keyring::{Algorithm, VerifyingKey};
use mintage::policy::{Audience, Expectation};
use mintage::time::Moment;
use mintage::token::jwt;
use mintage::verify::{KeySet, Verifier};
use serde_json::Value;

use super::{both, verifies};

/// One file of Wycheproof, read from the copy in this repository.
fn wycheproof(name: &str) -> Value {
    let path = format!("{}/tests/vectors/wycheproof/testvectors_v1/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{path}: {fault}"))).unwrap()
}

/// Every test of a file with its group; the file's own count must agree.
fn tests(file: &Value) -> Vec<(&Value, &Value)> {
    let groups = file["testGroups"].as_array().unwrap();
    let all: Vec<_> = groups.iter().flat_map(|group| group["tests"].as_array().unwrap().iter().map(move |test| (group, test))).collect();
    assert_eq!(all.len() as u64, file["numberOfTests"].as_u64().unwrap(), "none is lost");
    all
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("`{name}` is a text in {value}"))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Counts what became of a file's tests and prints it.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn print(&self, file: &str) {
        println!("{file}: {} tests: {:?}", self.0.values().sum::<usize>(), self.0);
    }
}

/// Signatures by one primitive: `valid` must verify, `invalid` must not; neither file has an `acceptable` one.
fn signatures(name: &str, key_of: impl Fn(&Value) -> VerifyingKey) {
    let file = wycheproof(name);
    let mut tally = Tally::default();
    let mut keys = Vec::new();
    for (group, test) in tests(&file) {
        // Few groups have the key of another one, and the tests of a group follow each other.
        let key = key_of(group);
        if keys.last().is_none_or(|known: &[VerifyingKey; 2]| known[0] != key) {
            keys.push(both(&key));
        }
        let verified = verifies(&keys[keys.len() - 1], &hex(text(test, "msg")), &hex(text(test, "sig")));
        let expected = match text(test, "result") {
            "valid" => true,
            "invalid" => false,
            other => panic!("{name}: say what is done with `{other}`"),
        };
        assert_eq!(verified, expected, "{name} {test}");
        tally.add(if verified { "valid, verified" } else { "invalid, refused" });
    }
    tally.print(name);
}

#[test]
fn ed25519_signatures_of_wycheproof() {
    signatures("ed25519_test.json", |group| {
        let bytes: [u8; 32] = hex(text(&group["publicKey"], "pk")).try_into().unwrap();
        VerifyingKey::from_ed25519(Algorithm::EdDsa, &bytes).unwrap()
    });
}

#[test]
fn p256_signatures_of_wycheproof_in_their_fixed_form() {
    signatures("ecdsa_secp256r1_sha256_p1363_test.json", |group| {
        let point = hex(text(&group["publicKey"], "uncompressed"));
        VerifyingKey::from_p256(point[1..33].try_into().unwrap(), point[33..].try_into().unwrap()).unwrap()
    });
}

/// The keys of a group as one public key set. Elliptic keys that the file gives only as private ones lose their private part; keys of other
/// kinds stay as they are.
fn public_set(group: &Value) -> String {
    let given = if group["public"].is_null() { &group["private"] } else { &group["public"] };
    let mut keys = given["keys"].as_array().cloned().unwrap_or_else(|| vec![given.clone()]);
    for key in &mut keys {
        if key["kty"] == "EC" {
            key.as_object_mut().unwrap().remove("d");
        }
    }
    serde_json::json!({ "keys": keys }).to_string()
}

/// The text of the token, whatever serialisation it is in.
fn token(test: &Value) -> String {
    let given = test.get("jws").or(test.get("jwe")).unwrap();
    given.as_str().map_or_else(|| given.to_string(), str::to_owned)
}

/// Key set, parser and signature without the rules of access tokens: any `typ`, any payload. Says why not.
fn plain_jws(set: &str, token: &str) -> Result<(), String> {
    let set = KeySet::from_jwks(set).map_err(|fault| format!("{fault:?}"))?;
    let parts = jwt::split(token).map_err(|fault| format!("{fault:?}"))?;
    let header = jwt::read_header(parts.header).map_err(|fault| format!("{fault:?}"))?;
    let held = set.get(header.kid.as_deref().unwrap_or_default()).ok_or("no key of ours has this id")?;
    if header.algorithm != held.key.algorithm().name() {
        return Err("another algorithm than the key's".to_owned());
    }
    let signature = parts.signature_bytes().ok_or("no algorithm of ours has a signature of that length")?;
    if verifies(&both(&held.key), parts.signed.as_bytes(), &signature) { Ok(()) } else { Err("the signature is wrong".to_owned()) }
}

/// Whether a group's key is one that we could verify by.
fn is_ours(set: &str) -> bool {
    KeySet::from_jwks(set).is_ok_and(|set| !set.is_empty())
}

/// Twice over a file of tokens. First key set, parser and signature: `invalid` must fail, and `valid` must verify where the key is of an
/// algorithm that we have (others are counted, and must fail). Then the production path, which none of them may pass: not one is an access
/// token of ours.
fn tokens(name: &str) -> usize {
    let file = wycheproof(name);
    let (mut layers, mut production) = (Tally::default(), Tally::default());
    let mut verified = 0;
    for (group, test) in tests(&file) {
        let (set, token) = (public_set(group), token(test));
        let outcome = plain_jws(&set, &token);
        match (text(test, "result"), &outcome) {
            ("valid", Ok(())) => verified += 1,
            ("valid", Err(_)) if is_ours(&set) && text(test, "comment") == "emptyPayload" => {
                println!("{name}: an empty payload is refused before its signature, because no token of ours has one (RFC 9068 §2.2)");
            }
            ("valid", Err(why)) => assert!(!is_ours(&set), "{name}: ours, and refused: {why}: {test}"),
            ("invalid", outcome) => assert!(outcome.is_err(), "{name}: accepted {test}"),
            (other, _) => panic!("{name}: say what is done with `{other}`"),
        }
        let ours = if is_ours(&set) { "our key" } else { "not a key of ours" };
        layers.add(format!("{}, {ours}: {}", text(test, "result"), outcome.map_or_else(|why| why, |()| "verified".to_owned())));
        let keys = KeySet::from_jwks(&set).unwrap_or_default();
        let verifier = Verifier::new(Expectation::new("https://id.example", Audience::Any), keys);
        let denial = verifier.verify(&token, Moment::from_seconds(1_800_000_000)).expect_err("no access token of ours");
        production.add(denial.name());
    }
    layers.print(&format!("{name}, key set, parser and signature"));
    production.print(&format!("{name}, production"));
    verified
}

#[test]
fn json_web_signatures_of_wycheproof() {
    assert!(tokens("json_web_signature_test.json") > 0, "the ES256 and RS256 ones verify");
}

#[test]
fn json_web_keys_of_wycheproof() {
    tokens("json_web_key_test.json");
}

#[test]
fn the_use_of_keys_of_wycheproof() {
    tokens("json_web_crypto_test.json");
}

#[test]
fn json_web_encryption_of_wycheproof_is_refused_whole() {
    assert_eq!(tokens("json_web_encryption_test.json"), 0);
}
