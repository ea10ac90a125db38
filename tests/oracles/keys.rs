//! Ids of keys: RFC 7638 thumbprints beside jsonwebtoken, PASERK ids beside pasetors.

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use mintage::keyring::{Algorithm, SigningKey, VerifyingKey};
use pasetors::keys::AsymmetricPublicKey;
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::version4::V4;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::common::rsa;
use crate::provider;

#[test]
fn the_ids_of_keys_are_what_jsonwebtoken_and_pasetors_compute() {
    provider::install();
    let cases = 256;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let run = runner.run(&any::<[u8; 32]>(), |seed| {
        for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256] {
            let key = SigningKey::generate(algorithm, &mut |bytes| bytes.copy_from_slice(&seed)).unwrap();
            let mut jwk = key.verifying().to_jwk();
            jwk.as_object_mut().unwrap().remove("alg"); // it has no name for Ed25519, and no thumbprint reads it
            let theirs: Jwk = serde_json::from_value(jwk).unwrap();
            prop_assert_eq!(theirs.thumbprint(ThumbprintHash::SHA256).unwrap(), key.verifying().kid());
        }
        let key = SigningKey::from_private(Algorithm::V4Public, &seed).unwrap();
        let paserk = key.verifying().to_paserk().unwrap();
        let theirs = AsymmetricPublicKey::<V4>::try_from(paserk.as_str()).unwrap();
        let (mut text, mut id) = (String::new(), String::new());
        theirs.fmt(&mut text).unwrap();
        Id::from(&theirs).fmt(&mut id).unwrap();
        prop_assert_eq!((text.as_str(), id.as_str()), (paserk.as_str(), key.verifying().kid()));
        prop_assert_eq!(VerifyingKey::from_paserk(&text), Ok(key.verifying().clone()));
        Ok(())
    });
    run.unwrap();
    let rsa = rsa();
    let theirs: Jwk = serde_json::from_value(rsa.verifying().to_jwk()).unwrap();
    assert_eq!(theirs.thumbprint(ThumbprintHash::SHA256).unwrap(), rsa.verifying().kid());
    println!("keys: {} thumbprints of RFC 7638 and {cases} PASERK ids are the oracles'", 3 * cases + 1);
}
