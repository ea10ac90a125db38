use super::test_keys::{der, signing as key};
use super::*;
use crate::secret::Secret;
use crate::time::Moment;

fn at(seconds: u64) -> Moment {
    Moment::from_seconds(seconds)
}

fn life(activates: u64, retires: Option<u64>, ends: Option<u64>) -> KeyLife {
    KeyLife { announced_at: at(0), activates_at: at(activates), retires_at: retires.map(at), ends_at: ends.map(at), revoked_at: None }
}

#[test]
fn an_algorithm_has_one_name() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
    }
    for other in ["none", "eddsa", "HS256", "RS384", "rs256", "PS256", "es256", ""] {
        assert_eq!(Algorithm::from_name(other), None, "{other}");
    }
}

#[test]
fn what_a_key_signs_it_verifies_and_nothing_else() {
    for algorithm in Algorithm::ALL {
        let (one, two) = (key(algorithm, 1), key(algorithm, 2));
        let signature = one.sign(b"message").unwrap();
        assert!(one.verifying().verify(b"message", &signature));
        assert!(!one.verifying().verify(b"massage", &signature));
        assert!(!two.verifying().verify(b"message", &signature));
        assert!(!one.verifying().verify(b"message", &signature[..signature.len() - 1]));
        assert!(!one.verifying().verify(b"message", &[0; 64]));
        assert!(!one.verifying().verify(b"message", &[]));
        for byte in 0..signature.len() {
            let mut bent = signature.to_vec();
            bent[byte] ^= 1;
            assert!(!one.verifying().verify(b"message", &bent), "{algorithm:?} byte {byte}");
        }
    }
}

#[test]
fn a_private_key_comes_back_from_its_file() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm, 7);
        let again = key.private().expose(|bytes| SigningKey::from_private(algorithm, bytes)).unwrap();
        assert_eq!(again.verifying(), key.verifying());
        assert!(key.verifying().verify(b"m", &again.sign(b"m").unwrap()));
        assert_eq!(SigningKey::from_private(algorithm, &[1; 31]).map(|_| ()), Err(BadKey::Malformed));
        assert!(!format!("{key:?}").contains("private"));
    }
}

#[test]
fn public_keys_come_back_from_jwk_and_paserk() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256, Algorithm::Rs256] {
        let key = key(algorithm, 3);
        let jwk = key.verifying().to_jwk();
        assert_eq!(jwk["use"], "sig");
        assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()).as_ref(), Ok(key.verifying()));
        let mut unnamed = jwk;
        unnamed.as_object_mut().unwrap().remove("kid");
        assert_eq!(VerifyingKey::from_jwk(&unnamed.to_string()).unwrap().kid(), key.verifying().kid());
    }
    let key = key(Algorithm::V4Public, 3);
    assert!(key.verifying().kid().starts_with("k4.pid."));
    assert_eq!(VerifyingKey::from_paserk(&key.verifying().to_paserk().unwrap()).as_ref(), Ok(key.verifying()));
}

#[test]
fn what_is_no_public_signing_key_is_refused() {
    let ed = key(Algorithm::EdDsa, 3).verifying().to_jwk();
    let ec = key(Algorithm::Es256, 3).verifying().to_jwk();
    let with = |jwk: &serde_json::Value, name: &str, value: serde_json::Value| {
        let mut changed = jwk.clone();
        changed[name] = value;
        VerifyingKey::from_jwk(&changed.to_string()).map(|_| ())
    };
    assert_eq!(with(&ed, "d", "AA".into()), Err(BadKey::Private));
    assert_eq!(with(&ed, "use", "enc".into()), Err(BadKey::WrongPurpose));
    assert_eq!(with(&ed, "key_ops", serde_json::json!(["sign"])), Err(BadKey::WrongPurpose));
    assert_eq!(with(&ed, "key_ops", serde_json::json!(["verify"])), Ok(()));
    assert_eq!(with(&ed, "alg", "ES256".into()), Err(BadKey::WrongAlgorithm));
    assert_eq!(with(&ed, "alg", "none".into()), Err(BadKey::WrongAlgorithm));
    assert_eq!(with(&ed, "alg", 5.into()), Err(BadKey::Malformed));
    assert_eq!(with(&ed, "crv", "X25519".into()), Err(BadKey::Unsupported));
    assert_eq!(with(&ed, "kty", "RSA".into()), Err(BadKey::Unsupported));
    assert_eq!(with(&ed, "x", "AA".into()), Err(BadKey::Malformed));
    assert_eq!(with(&ed, "kid", "k".repeat(257).into()), Err(BadKey::Malformed));
    assert_eq!(with(&ec, "y", ec["x"].clone()), Err(BadKey::BadPoint));
    let twice = ed.to_string().replacen('{', r#"{"alg":"EdDSA","#, 1);
    assert_eq!(VerifyingKey::from_jwk(&twice).map(|_| ()), Err(BadKey::Malformed));
    for (text, fault) in [
        ("k4.secret.AA", BadKey::Private),
        ("k4.local.AA", BadKey::Private),
        ("k3.public.AA", BadKey::Unsupported),
        ("k4.public.AA", BadKey::Malformed),
        ("", BadKey::Unsupported),
    ] {
        assert_eq!(VerifyingKey::from_paserk(text).map(|_| ()), Err(fault), "{text}");
    }
}

#[test]
fn an_rsa_key_is_within_bounds_or_refused() {
    let good = key(Algorithm::Rs256, 1).verifying().to_jwk();
    let with = |name: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        changed[name] = value;
        VerifyingKey::from_jwk(&changed.to_string()).map(|_| ())
    };
    assert_eq!(with("e", "AQAB".into()), Ok(()));
    for exponent in ["Aw", "AQ", "AQAA", "AgAAAAE", "AQAAAAAAAAAB"] {
        assert_eq!(with("e", exponent.into()), Err(BadKey::BadRsa), "{exponent}");
    }
    for malformed in ["", "AAEAAQ", "AQAB=", "A QAB"] {
        assert_eq!(with("e", malformed.into()), Err(BadKey::Malformed), "{malformed}");
    }
    let modulus = good["n"].as_str().unwrap();
    assert_eq!(with("n", format!("{}A", &modulus[..modulus.len() - 1]).into()).err(), Some(BadKey::BadRsa), "even");
    assert_eq!(with("n", modulus[..340].into()), Err(BadKey::BadRsa), "2040 bits");
    assert_eq!(with("n", "_".repeat(684).into()), Err(BadKey::BadRsa), "4104 bits");
    assert_eq!(with("n", format!("AAAA{modulus}").into()), Err(BadKey::Malformed), "a second spelling");
    for other in ["RS384", "PS256", "HS256", "RSA-OAEP", "none"] {
        assert_eq!(with("alg", other.into()), Err(BadKey::WrongAlgorithm), "{other}");
    }
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        assert_eq!(with(private, "AA".into()), Err(BadKey::Private), "{private}");
    }
    let private = |pem: &str| SigningKey::from_private(Algorithm::Rs256, &der(pem)).map(|key| key.sign(b"m").unwrap().len());
    assert_eq!(private(include_str!("../../tests/keys/rsa-3072.pem")), Ok(384));
    assert_eq!(private(include_str!("../../tests/keys/rsa-1024.pem")), Err(BadKey::BadRsa));
    assert_eq!(private(include_str!("../../tests/keys/rsa-2048-e3.pem")), Err(BadKey::BadRsa));
    assert_eq!(private(include_str!("../../tests/keys/rsa-pss-2048.pem")), Err(BadKey::Malformed));
    assert_eq!(private(include_str!("../../tests/keys/p256.pem")), Err(BadKey::Malformed));
    assert_eq!(SigningKey::generate(Algorithm::Rs256, &mut |bytes| bytes.fill(1)).map(|_| ()), Err(BadKey::Unsupported));
}

#[test]
fn keys_that_openssl_made_are_imported() {
    let import = |pem: &str, algorithm: Option<Algorithm>| {
        let key = SigningKey::from_pkcs8(&der(pem), algorithm)?;
        assert!(key.verifying().verify(b"m", &key.sign(b"m").unwrap()));
        let again = key.private().expose(|bytes| SigningKey::from_private(key.verifying().algorithm(), bytes))?;
        assert_eq!(again.verifying(), key.verifying());
        Ok(key.verifying().algorithm())
    };
    let rsa = include_str!("../../tests/keys/rsa-2048-a.pem");
    let p256 = include_str!("../../tests/keys/p256.pem");
    let ed25519 = include_str!("../../tests/keys/ed25519.pem");
    assert_eq!(import(rsa, None), Ok(Algorithm::Rs256));
    assert_eq!(import(p256, None), Ok(Algorithm::Es256));
    assert_eq!(import(ed25519, None), Ok(Algorithm::EdDsa));
    assert_eq!(import(ed25519, Some(Algorithm::V4Public)), Ok(Algorithm::V4Public));
    assert_eq!(import(rsa, Some(Algorithm::EdDsa)), Err(BadKey::WrongAlgorithm));
    assert_eq!(import(include_str!("../../tests/keys/p384.pem"), None), Err(BadKey::Unsupported));
    assert_eq!(import(include_str!("../../tests/keys/rsa-pss-2048.pem"), None), Err(BadKey::Unsupported));
    assert_eq!(import(include_str!("../../tests/keys/rsa-1024.pem"), None), Err(BadKey::BadRsa));
    for length in 0..der(ed25519).len() {
        assert!(SigningKey::from_pkcs8(&der(ed25519)[..length], None).is_err(), "{length} bytes");
    }
}

#[test]
fn private_jwks_are_imported_as_the_pem_of_the_same_key_is() {
    let keys = [
        (include_str!("../../tests/keys/rsa-2048-a.pem"), include_str!("../../tests/keys/rsa-2048-a.jwk.json"), Algorithm::Rs256),
        (include_str!("../../tests/keys/p256.pem"), include_str!("../../tests/keys/p256.jwk.json"), Algorithm::Es256),
        (include_str!("../../tests/keys/ed25519.pem"), include_str!("../../tests/keys/ed25519.jwk.json"), Algorithm::EdDsa),
    ];
    for (pem, jwk, algorithm) in keys {
        let key = SigningKey::from_private_jwk(jwk.as_bytes(), None).unwrap();
        let same = SigningKey::from_pkcs8(&der(pem), None).unwrap();
        assert_eq!((key.verifying(), key.verifying().algorithm()), (same.verifying(), algorithm));
        assert!(same.verifying().verify(b"m", &key.sign(b"m").unwrap()));
        let again = key.private().expose(|bytes| SigningKey::from_private(algorithm, bytes)).unwrap();
        assert_eq!(again.verifying(), key.verifying());
        let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(jwk).unwrap();
        for name in members.keys() {
            let mut fewer = members.clone();
            fewer.remove(name);
            let text = serde_json::to_vec(&fewer).unwrap();
            assert!(SigningKey::from_private_jwk(&text, None).is_err(), "{algorithm:?} without {name}");
            let value = members[name].as_str().unwrap();
            let other = format!("{}{}", if value.starts_with('A') { 'B' } else { 'A' }, &value[1..]);
            let text = serde_json::to_vec(&{
                let mut bent = members.clone();
                bent.insert(name.clone(), other.into());
                bent
            });
            let imported = SigningKey::from_private_jwk(&text.unwrap(), None);
            // Signatures of RSA are made by the parts of the Chinese remainder theorem, not by d.
            let is_unused = algorithm == Algorithm::Rs256 && name == "d";
            assert!(imported.is_err() || is_unused, "{algorithm:?} with another {name}");
        }
        for length in 0..jwk.trim_end().len() {
            assert!(SigningKey::from_private_jwk(&jwk.as_bytes()[..length], None).is_err(), "{length} bytes");
        }
    }
}

#[test]
fn a_private_jwk_of_another_kind_or_purpose_is_not_imported() {
    let ed25519 = include_str!("../../tests/keys/ed25519.jwk.json");
    let with = |more: &str, algorithm: Option<Algorithm>| {
        let text = ed25519.replacen('{', &format!("{{{more}"), 1);
        SigningKey::from_private_jwk(text.as_bytes(), algorithm).map(|key| key.verifying().algorithm())
    };
    assert_eq!(with("", Some(Algorithm::V4Public)), Ok(Algorithm::V4Public));
    assert_eq!(with(r#""alg":"Ed25519","kid":"theirs","use":"sig","#, None), Ok(Algorithm::Ed25519));
    assert_eq!(with(r#""alg":"ES256","#, None), Err(BadKey::WrongAlgorithm));
    assert_eq!(with(r#""alg":"none","#, None), Err(BadKey::WrongAlgorithm));
    assert_eq!(with("", Some(Algorithm::Rs256)), Err(BadKey::WrongAlgorithm));
    assert_eq!(with(r#""use":"enc","#, None), Err(BadKey::WrongPurpose));
    assert_eq!(with(r#""oth":[],"#, None), Err(BadKey::Unsupported));
    assert_eq!(with(r#""kty":"OKP","#, None), Err(BadKey::Malformed), "a name twice");
    let import = |jwk: &str| SigningKey::from_private_jwk(jwk.as_bytes(), None).map(drop);
    assert_eq!(import(include_str!("../../tests/keys/rsa-1024.jwk.json")), Err(BadKey::BadRsa));
    assert_eq!(import(include_str!("../../tests/keys/p384.jwk.json")), Err(BadKey::Unsupported));
    assert_eq!(import(r#"{"kty":"oct","k":"AAAA"}"#), Err(BadKey::Unsupported));
    assert_eq!(import(&format!("{ed25519}{}", " ".repeat(16 * 1024))), Err(BadKey::Malformed));
}

#[test]
fn a_key_lives_from_announced_to_retired_and_revocation_comes_first() {
    let mut life = life(10, Some(20), Some(30));
    let states = |life: &KeyLife| [0, 9, 10, 19, 20, 29, 30, 99].map(|second| life.state(at(second)));
    use KeyState::{Active, Announced, Retired, Retiring, Revoked};
    assert_eq!(states(&life), [Announced, Announced, Active, Active, Retiring, Retiring, Retired, Retired]);
    life.revoked_at = Some(at(19));
    assert_eq!(states(&life), [Revoked; 8], "also by a clock that has gone back behind its revocation");
    assert_eq!(serde_json::to_value(Retiring).unwrap(), Retiring.name());
}

#[test]
fn the_ring_gives_the_right_key_for_each_use() {
    let ring = KeyRing {
        signing: vec![
            RingKey { key: key(Algorithm::EdDsa, 1), life: life(10, Some(30), Some(40)) },
            RingKey { key: key(Algorithm::EdDsa, 2), life: life(20, None, None) },
            RingKey { key: key(Algorithm::V4Public, 3), life: life(10, None, None) },
        ],
        macs: vec![
            MacKey::new(1, Secret::new([1; 32]), at(0), at(0), Some(at(50))),
            MacKey::new(2, Secret::new([2; 32]), at(10), at(20), None),
        ],
    };
    let kid = |key: Option<&RingKey>| key.map(|key| key.key.verifying().kid().to_owned());
    let kids: Vec<_> = ring.signing.iter().map(|key| kid(Some(key))).collect();
    assert_eq!(kid(ring.signer(false, at(5))), None);
    assert_eq!(kid(ring.signer(false, at(15))), kids[0]);
    assert_eq!(kid(ring.standby(false, at(15))), kids[1]);
    assert_eq!(kid(ring.signer(false, at(25))), kids[1]);
    assert_eq!(kid(ring.signer(true, at(25))), kids[2]);
    assert_eq!(kid(ring.key(kids[1].as_deref().unwrap())), kids[1]);
    assert_eq!(ring.published(at(35)).len(), 3);
    assert_eq!(ring.published(at(40)).len(), 2);
    assert_eq!([5, 20, 60].map(|now| ring.current_mac(at(now)).map(|mac| mac.id)), [Some(1), Some(2), Some(2)]);
    assert_eq!(ring.mac(3), None);

    let read = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap()["keys"].clone();
    let set = read(jwks(&ring.published(at(35)), "https://id.example"));
    assert_eq!(set.as_array().unwrap().len(), 2);
    assert_eq!((&set[0]["exp"], &set[0]["iss"]), (&40.into(), &"https://id.example".into()));
    assert_eq!(set[1].get("exp"), None);
    let set = read(paserk_set(&ring.published(at(35)), "https://id.example"));
    assert_eq!(set.as_array().unwrap().len(), 1);
    assert_eq!(Some(set[0]["kid"].as_str().unwrap().to_owned()), kids[2]);
    assert_eq!(VerifyingKey::from_paserk(set[0]["paserk"].as_str().unwrap()).as_ref(), Ok(ring.signing[2].key.verifying()));
}

#[test]
fn a_clock_that_went_back_behind_the_first_keys_leaves_them_in_use() {
    let made = |at: u64, key: SigningKey| {
        let life = KeyLife { announced_at: Moment::from_seconds(at), ..life(at, None, None) };
        RingKey { key, life }
    };
    let mut ring = KeyRing {
        signing: vec![made(200, key(Algorithm::EdDsa, 2)), made(100, key(Algorithm::EdDsa, 1))],
        macs: vec![
            MacKey::new(2, Secret::new([2; 32]), at(150), at(200), None),
            MacKey::new(1, Secret::new([1; 32]), at(100), at(100), Some(at(500))),
        ],
    };
    let first = ring.signing[1].key.verifying().kid().to_owned();
    assert_eq!(ring.signer(false, at(50)).map(|held| held.key.verifying().kid()), Some(first.as_str()));
    assert_eq!(ring.current_mac(at(50)).map(|mac| mac.id), Some(1));
    ring.signing[1].life.revoked_at = Some(at(300));
    let other = ring.signing[0].key.verifying().kid().to_owned();
    assert_eq!(ring.signer(false, at(50)).map(|held| held.key.verifying().kid()), Some(other.as_str()), "never one that was revoked");
    ring.signing[0].life.announced_at = at(0);
    assert!(ring.signer(false, at(50)).is_none(), "one that is announced, and whose time has not come, is not known everywhere yet");
}

#[test]
fn a_mac_key_checks_its_own_and_separates_its_uses() {
    let mac = MacKey::new(1, Secret::new([1; 32]), at(0), at(0), None);
    let other = MacKey::new(2, Secret::new([2; 32]), at(0), at(0), None);
    let tag = mac.mac(b"data");
    assert!(mac.check(b"data", &tag) && !mac.check(b"date", &tag) && !other.check(b"data", &tag));
    assert_ne!(mac.derive(b"ab", b"c"), mac.derive(b"a", b"bc"));
    assert_ne!(mac.derive(b"a", b"b"), other.derive(b"a", b"b"));
    assert_ne!(mac.derive(b"", b"data")[..16], tag);
    // RFC 4231 §4.3 uses a shorter key; RFC 2104 pads it with zeros to the block, so 32 bytes with zeros at the end give the same.
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    let rfc = MacKey::new(3, Secret::new(key), at(0), at(0), None);
    let expected = [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7];
    assert_eq!(rfc.mac(b"what do ya want for nothing?"), expected);
}

#[test]
fn paserk_texts_are_those_of_the_published_vectors_even_for_bytes_that_are_no_key() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/paseto/PASERK");
    type Make = fn(&[u8; 32]) -> String;
    for (file, make) in [("k4.public.json", paserk::write_public as Make), ("k4.pid.json", paserk::public_id)] {
        let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        let cases: Vec<_> = vectors["tests"].as_array().unwrap().iter().filter(|case| case["expect-fail"] == false).collect();
        println!("{file}: {} cases", cases.len());
        for case in cases {
            let hex = case["key"].as_str().unwrap();
            let key: [u8; 32] = std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
            assert_eq!(make(&key), case["paserk"].as_str().unwrap(), "{}", case["name"]);
        }
    }
}

#[test]
fn a_second_spelling_of_a_point_is_no_key() {
    // y = p + 2 … p + 18, with either sign: what is a point among them also has the spelling y − p.
    let mut points = 0;
    for low in 0xef_u8..=0xff {
        for high in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, high);
            points += usize::from(ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak()));
            assert_eq!(VerifyingKey::from_ed25519(Algorithm::EdDsa, &bytes), Err(BadKey::BadPoint), "{low} {high}");
        }
    }
    assert!(points > 0, "dalek's own loader takes some of them");
}
