//! Wycheproof and JSONTestSuite against what verifies.

use std::collections::BTreeMap;

use mintage::keyring::{Algorithm, VerifyingKey};
use serde_json::Value;

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
    for (group, test) in tests(&file) {
        let verified = key_of(group).verify(&hex(text(test, "msg")), &hex(text(test, "sig")));
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
