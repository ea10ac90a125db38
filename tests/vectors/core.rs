//! JSON reader, keys, JWT and PASETO layers against published vectors. Every case counts; what we refuse although it is valid is printed.

use std::fs;
use std::path::PathBuf;

use mintage::json::{self, Limits};
use mintage::keyring::{Algorithm, BadKey, SigningKey, VerifyingKey};
use mintage::token::claims_json::{self, ClaimsFault, Dates};
use mintage::token::jwt::{self, HeaderFault};
use mintage::token::{b64, paseto};
use serde_json::Value;

use super::{both, verifies};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

fn load(name: &str) -> Value {
    serde_json::from_slice(&fs::read(path(name)).unwrap()).unwrap()
}

fn cases(name: &str) -> Vec<Value> {
    let cases = load(name)["tests"].as_array().unwrap().clone();
    println!("{name}: {} cases", cases.len());
    cases
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

/// All JSON files of a folder, by name.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(path(folder))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    println!("{folder}: {} files", files.len());
    files
}

/// A payload that is good but for what its member `x` holds.
fn payload_with(value: &[u8]) -> Vec<u8> {
    let id = "01901234-5678-7abc-8def-0123456789ab";
    let mut payload = format!(r#"{{"iss":"i","sub":"s","aud":"a","exp":2,"iat":1,"jti":"{id}","client_id":"c","x":"#).into_bytes();
    payload.extend_from_slice(value);
    payload.push(b'}');
    payload
}

fn header_with(value: &[u8]) -> String {
    let mut header = br#"{"typ":"at+jwt","alg":"EdDSA","x":"#.to_vec();
    header.extend_from_slice(value);
    header.push(b'}');
    b64::encode(header)
}

#[test]
fn json_is_read_where_it_must_be_and_refused_where_it_must_be() {
    let (mut read, mut refused, mut either) = (0, 0, 0);
    for (name, text) in files("jsontestsuite/test_parsing") {
        let result = json::check(&text, Limits { depth: u8::MAX, members: 4096 });
        let in_payload = claims_json::read(&payload_with(&text), Dates::Numeric);
        let in_header = jwt::read_header(&header_with(&text));
        let alone = (claims_json::read(&text, Dates::Numeric), jwt::read_header(&b64::encode(&text)));
        assert!(alone.0.is_err() && alone.1.is_err(), "{name} is no token by itself");
        if name.contains("duplicated_key") {
            println!("{name}: refused, because in our tokens each name is unique (RFC 7519 §4 lets a reader keep the last instead)");
            assert_eq!(result, Err(json::Fault::DuplicateName), "{name}");
            assert_eq!((in_payload.err(), in_header.err()), (Some(ClaimsFault::Malformed), Some(HeaderFault::DuplicateName)), "{name}");
            refused += 1;
        } else if name.starts_with("y_") {
            assert_eq!(result, Ok(()), "{name}");
            assert!(in_payload.is_ok() && in_header.is_ok(), "{name}");
            read += 1;
        } else if name.starts_with("n_") {
            assert!(result.is_err() && in_payload.is_err() && in_header.is_err(), "{name}");
            refused += 1;
        } else {
            assert_eq!(in_payload.is_ok(), in_header.is_ok() && result.is_ok(), "{name}");
            either += 1;
        }
    }
    println!("jsontestsuite: {read} read, {refused} refused, {either} either way without a crash");
    assert_eq!((read, refused, either), (93, 190, 35));
}

#[test]
fn points_of_small_order_are_neither_keys_nor_parts_of_signatures() {
    let points = load("ed25519-edge/low_order_points.json")["order_and_encoding"].as_array().unwrap().clone();
    println!("ed25519-edge/low_order_points.json: {} cases", points.len());
    assert_eq!(points.len(), 14);
    let keys = both(SigningKey::from_private(Algorithm::EdDsa, &[1; 32]).unwrap().verifying());
    for point in points {
        let point: [u8; 32] = bytes(&point[1]).try_into().unwrap();
        for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::V4Public] {
            assert_eq!(VerifyingKey::from_ed25519(algorithm, &point), Err(BadKey::BadPoint));
        }
        let jwk = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": b64::encode(point)});
        assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()), Err(BadKey::BadPoint));
        assert_eq!(VerifyingKey::from_paserk(&format!("k4.public.{}", b64::encode(point))), Err(BadKey::BadPoint));
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point);
        assert!(!verifies(&keys, b"", &signature));
    }
}

#[test]
fn paseto_v4_tokens_are_made_and_read_byte_for_byte() {
    let (mut made, mut refused) = (0, 0);
    let cases = cases("paseto/v4.json");
    let public = cases.iter().find(|case| text(case, "name") == "4-S-1").unwrap()["public-key"].clone();
    let public = VerifyingKey::from_ed25519(Algorithm::V4Public, &bytes(&public).try_into().unwrap()).unwrap();
    let keys = both(&public);
    for case in &cases {
        let (name, token) = (text(case, "name"), text(case, "token"));
        let implicit = text(case, "implicit-assertion").as_bytes();
        if name.starts_with("4-S") {
            let key = SigningKey::from_private(Algorithm::V4Public, &bytes(&case["secret-key-seed"])).unwrap();
            assert_eq!(key.verifying(), &public);
            let message = text(case, "payload").as_bytes().to_vec();
            let unsigned = paseto::Unsigned::new(message.clone(), text(case, "footer").into(), implicit);
            assert_eq!(paseto::finish(&unsigned, &key.sign(unsigned.signed()).unwrap()), token, "{name}");
            let parts = paseto::split(token).unwrap();
            assert_eq!((parts.message(), parts.footer()), (&message[..], text(case, "footer").as_bytes()), "{name}");
            assert!(verifies(&keys, &parts.signed(implicit), parts.signature()), "{name}");
            assert!(!verifies(&keys, &parts.signed(b"other"), parts.signature()), "{name}");
            made += 1;
        } else {
            // 4-E are v4.local, which we neither make nor read; 4-F must fail for everybody.
            let good = paseto::split(token).is_ok_and(|parts| verifies(&keys, &parts.signed(implicit), parts.signature()));
            assert!(!good, "{name}");
            refused += 1;
        }
    }
    println!("paseto/v4.json: {made} made and read, {refused} refused (v4.local is not ours, and 4-F)");
    assert_eq!((made, refused), (3, 14));
}

#[test]
fn paseto_tokens_of_other_versions_are_refused() {
    for file in ["paseto/v2.json", "paseto/v3.json"] {
        for case in cases(file) {
            let split = paseto::split(text(&case, "token"));
            let name = text(&case, "name");
            if text(&case, "token").starts_with("v4.public.") {
                assert_eq!(case["expect-fail"], true, "{name}");
            } else {
                assert_eq!(split, Err(paseto::SplitFault::UnknownHeader), "{name}");
            }
        }
    }
}

#[test]
fn paserk_of_public_keys_is_written_and_read_byte_for_byte() {
    for file in ["paseto/PASERK/k4.public.json", "paseto/PASERK/k4.pid.json"] {
        for case in cases(file) {
            let (name, key) = (text(&case, "name"), <[u8; 32]>::try_from(bytes(&case["key"])));
            let loaded = key.map(|key| VerifyingKey::from_ed25519(Algorithm::V4Public, &key));
            match (loaded, case["paserk"].as_str()) {
                (Ok(Ok(key)), Some(paserk)) if file.ends_with("pid.json") => assert_eq!(key.kid(), paserk, "{name}"),
                (Ok(Ok(key)), Some(paserk)) => {
                    assert_eq!(key.to_paserk().as_deref(), Some(paserk), "{name}");
                    assert_eq!(VerifyingKey::from_paserk(paserk), Ok(key), "{name}");
                }
                (Ok(Err(fault)), Some(_)) => {
                    assert_eq!(fault, BadKey::BadPoint);
                    println!(
                        "{name}: refused as a key, because its bytes are no good point of the curve (its text is checked beside the code)"
                    );
                }
                (Err(_), None) => assert_eq!(case["expect-fail"], true, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn paserk_of_real_keys_is_what_pasetors_makes_of_them() {
    use pasetors::keys::AsymmetricPublicKey;
    use pasetors::paserk::{FormatAsPaserk, Id};
    use pasetors::version4::V4;
    for seed in 0..32 {
        let ours = SigningKey::from_private(Algorithm::V4Public, &[seed; 32]).unwrap();
        let paserk = ours.verifying().to_paserk().unwrap();
        let theirs = AsymmetricPublicKey::<V4>::try_from(paserk.as_str()).unwrap();
        let (mut text, mut id) = (String::new(), String::new());
        theirs.fmt(&mut text).unwrap();
        Id::from(&theirs).fmt(&mut id).unwrap();
        assert_eq!((text.as_str(), id.as_str()), (paserk.as_str(), ours.verifying().kid()));
        assert_eq!(VerifyingKey::from_paserk(&text).as_ref(), Ok(ours.verifying()));
    }
}

#[test]
fn paserk_of_any_other_kind_is_refused() {
    for (file, _) in files("paseto/PASERK") {
        if file == "k4.public.json" {
            continue; // the one kind that is read: see the test before
        }
        for case in cases(&format!("paseto/PASERK/{file}")) {
            if let Some(paserk) = case["paserk"].as_str() {
                assert!(matches!(VerifyingKey::from_paserk(paserk), Err(BadKey::Private | BadKey::Unsupported)), "{paserk}");
            }
        }
    }
}

#[test]
fn the_ed25519_example_of_rfc_8037_is_signed_and_read_byte_for_byte() {
    let example = load("jose-cookbook/curve25519/jws.json");
    println!("jose-cookbook/curve25519/jws.json: 1 case");
    let mut jwk = example["input"]["key"].clone();
    assert_eq!(VerifyingKey::from_jwk(&jwk.to_string()), Err(BadKey::Private));
    let seed = b64::decode(text(&jwk, "d")).unwrap();
    jwk.as_object_mut().unwrap().remove("d");
    let public = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
    assert_eq!(public.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 appendix A.3");
    let private = SigningKey::from_private(Algorithm::EdDsa, &seed).unwrap();
    assert_eq!(private.verifying(), &public);

    let input = text(&example["signing"], "sig-input").to_owned();
    let signature = private.sign(input.as_bytes()).unwrap();
    let token = text(&example["output"], "compact");
    assert_eq!(jwt::finish(input, &signature), token);
    let parts = jwt::split(token).unwrap();
    assert!(verifies(&both(&public), parts.signed.as_bytes(), &parts.signature_bytes().unwrap()));
    assert_eq!(parts.payload_bytes().unwrap(), text(&example["input"], "payload").as_bytes());
    let header = jwt::read_header(parts.header).unwrap();
    assert_eq!(header.algorithm, "EdDSA");
    assert!(!header.is_type(jwt::ACCESS_TOKEN), "it is a JWS, not an access token");
    println!("jose-cookbook/curve25519/ecdh-es.json: 1 case");
    let encrypted = load("jose-cookbook/curve25519/ecdh-es.json");
    assert_eq!(jwt::split(text(&encrypted["output"], "compact")), Err(jwt::SplitFault::Encrypted));
}

#[test]
fn jws_of_other_algorithms_and_serialisations_are_refused_and_none_is_an_access_token() {
    for (file, content) in files("jose-cookbook/jws") {
        let example: Value = serde_json::from_slice(&content).unwrap();
        let mut tried = 0;
        if let Some(token) = example["output"]["compact"].as_str() {
            // Detached content has an empty payload: that is refused before its header is read.
            let header = jwt::split(token).map(|parts| jwt::read_header(parts.header).unwrap());
            assert_eq!(header.is_err(), file.contains("detached"), "{file}");
            if let Ok(header) = header {
                let ours = Algorithm::from_name(&header.algorithm);
                assert_eq!(ours.is_some(), file.contains("rsa_v15"), "{file}");
                assert!(!header.is_type(jwt::ACCESS_TOKEN), "{file}");
            }
            tried += 1;
        }
        for form in ["json", "json_flat"] {
            let Some(object) = example["output"].get(form) else { continue };
            assert!(!is_jwt(&object.to_string()), "{file} {form}");
            tried += 1;
        }
        println!("jose-cookbook/jws/{file}: {tried} cases");
    }
}

#[test]
fn unencoded_payloads_of_rfc_7797_are_refused() {
    for (file, content) in files("jose-cookbook/rfc7797") {
        let example: Value = serde_json::from_slice(&content).unwrap();
        let mut tried = 0;
        for form in ["compact", "json", "json_flat"] {
            let Some(output) = example["output"].get(form) else { continue };
            let token = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            assert!(!is_jwt(&token), "{file} {form}");
            tried += 1;
        }
        println!("jose-cookbook/rfc7797/{file}: {tried} cases");
    }
    let compact = load("jose-cookbook/rfc7797/hmac-sha2_b64_false.json")["output"]["compact"].as_str().unwrap().to_owned();
    assert!(matches!(jwt::read_header(jwt::split(&compact).unwrap().header), Err(HeaderFault::Extension(_))));
}

#[test]
fn of_the_cookbook_keys_only_the_public_rsa_key_is_one_that_we_use() {
    for (file, content) in files("jose-cookbook/jwk") {
        let key = VerifyingKey::from_jwk(std::str::from_utf8(&content).unwrap());
        println!("jose-cookbook/jwk/{file}: 1 case, {key:?} (P-521 and symmetric keys are not ours)");
        if file == "3_3.rsa_public_key.json" {
            assert_eq!(key.unwrap().kid(), "bilbo.baggins@hobbiton.example");
        } else {
            assert!(matches!(key, Err(BadKey::Unsupported | BadKey::Private | BadKey::WrongPurpose)), "{file}");
        }
    }
}

#[test]
fn the_rs256_example_of_the_cookbook_is_verified() {
    let key = fs::read_to_string(path("jose-cookbook/jwk/3_3.rsa_public_key.json")).unwrap();
    let key = VerifyingKey::from_jwk(&key).unwrap();
    let example = load("jose-cookbook/jws/4_1.rsa_v15_signature.json");
    println!("jose-cookbook/jws/4_1.rsa_v15_signature.json: 1 case");
    let parts = jwt::split(text(&example["output"], "compact")).unwrap();
    let mut signature = parts.signature_bytes().unwrap().to_vec();
    assert_eq!((key.algorithm(), signature.len()), (Algorithm::Rs256, 256));
    assert!(key.verify(parts.signed.as_bytes(), &signature));
    signature[255] ^= 1;
    assert!(!key.verify(parts.signed.as_bytes(), &signature));
}

/// Whether a text has the shape of a token that goes on to the signature check.
fn is_jwt(token: &str) -> bool {
    jwt::split(token).is_ok_and(|parts| jwt::read_header(parts.header).is_ok())
}
