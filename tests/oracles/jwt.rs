//! JWT beside jsonwebtoken.

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp};
use mintage::claims::Claims;
use mintage::keyring::{Algorithm, SigningKey};
use mintage::policy::Sender;
use mintage::time::Moment;
use mintage::token::{b64, jwt};
use mintage::verify::Denial;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::common::{API, Draft, ISSUER, Said, any_claims, bearer_claims, began, hold, json_of, key, list, twist_all, verifier};
use crate::jwt_table::TABLE;
use crate::provider;

/// The algorithms that both sides know by one name.
const SHARED: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];

/// Order of the group of P-256 (SEC 2 §2.4.2).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// Order of the group of Ed25519, little-endian (RFC 8032 §5.1).
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn theirs(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        _ => jsonwebtoken::Algorithm::EdDSA,
    }
}

/// As strict as it can be told to be.
fn strict(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(theirs(algorithm));
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[API]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}

fn decoding(key: &SigningKey) -> DecodingKey {
    let mut jwk = key.verifying().to_jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    DecodingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap()
}

fn encoding(key: &SigningKey) -> EncodingKey {
    key.private().expose(|bytes| match key.verifying().algorithm() {
        Algorithm::Es256 => EncodingKey::from_ec_der(bytes),
        Algorithm::Rs256 => EncodingKey::from_rsa_der(bytes),
        _ => EncodingKey::from_ed_der(bytes),
    })
}

fn mint(claims: &Claims, key: &SigningKey) -> String {
    let input = jwt::signing_input(claims, key.verifying());
    let signature = key.sign(input.as_bytes()).unwrap();
    jwt::finish(input, &signature)
}

fn sign(draft: &Draft, key: &SigningKey) -> String {
    let input = format!("{}.{}", b64::encode(&draft.head), b64::encode(&draft.payload));
    let signature = key.sign(input.as_bytes()).unwrap();
    jwt::finish(input, &signature) + &draft.behind
}

fn ask(token: &str, key: &SigningKey, sender: Sender) -> Said {
    let ours = verifier(key, sender).verify(token, began());
    let said = decode::<Value>(token, &decoding(key), &strict(key.verifying().algorithm()));
    Said {
        ours: ours.map(|verified| json_of(verified.claims(), |date| json!(date))).map_err(Denial::name),
        theirs: said.ok().map(|data| data.claims),
    }
}

#[test]
fn what_we_mint_jsonwebtoken_reads_the_same() {
    provider::install();
    let cases = 256;
    for algorithm in SHARED {
        let key = key(algorithm, 1);
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
        let run = runner.run(&any_claims(3), |claims| {
            let token = mint(&claims, &key);
            let read = decode::<Value>(&token, &decoding(&key), &strict(algorithm)).unwrap();
            prop_assert_eq!(read.claims, json_of(&claims, |date| json!(date)));
            prop_assert_eq!((read.header.typ.as_deref(), read.header.kid.as_deref()), (Some("at+jwt"), Some(key.verifying().kid())));
            Ok(())
        });
        run.unwrap();
        println!("JWT {}: {cases} tokens of ours read by jsonwebtoken", algorithm.name());
    }
}

#[test]
fn what_jsonwebtoken_signs_we_read_the_same() {
    provider::install();
    let cases = 256;
    for algorithm in SHARED {
        let key = key(algorithm, 1);
        let (verifier, encoding) = (verifier(&key, Sender::Unchecked), encoding(&key));
        let mut header = Header::new(theirs(algorithm));
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(key.verifying().kid().to_owned());
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
        let run = runner.run(&any_claims(3), |claims| {
            let token = encode(&header, &json_of(&claims, |date| json!(date)), &encoding).unwrap();
            prop_assert_eq!(verifier.verify(&token, began()).map(|verified| verified.claims().clone()), Ok(claims));
            Ok(())
        });
        run.unwrap();
        println!("JWT {}: {cases} tokens of jsonwebtoken read by us", algorithm.name());
    }
}

#[test]
fn what_we_accept_jsonwebtoken_accepts_and_every_difference_has_its_reason() {
    provider::install();
    list("JWT", TABLE);
    for algorithm in SHARED {
        let key = key(algorithm, 1);
        hold(&format!("JWT {} bent and signed again", algorithm.name()), TABLE, 24, bearer_claims(1), |claims, bend| {
            let (name, kid) = (algorithm.name(), key.verifying().kid());
            let head = format!(r#"{{"typ":"at+jwt","alg":"{name}","kid":"{kid}"}}"#);
            let mut draft = Draft { head, payload: json_of(claims, |date| json!(date)).to_string().into_bytes(), behind: String::new() };
            bend(&mut draft);
            ask(&sign(&draft, &key), &key, Sender::Bearer)
        });
    }
}

#[test]
fn no_bent_text_is_accepted_by_us_nor_by_jsonwebtoken() {
    provider::install();
    for algorithm in SHARED {
        let key = key(algorithm, 1);
        let what = format!("JWT {} bent in its text", algorithm.name());
        twist_all(&what, 512, bearer_claims(3), |claims| mint(claims, &key), |token| ask(token, &key, Sender::Bearer));
    }
}

/// RFC 9864 is newer than jsonwebtoken: it knows the signature, and not this name of it.
#[test]
fn the_name_ed25519_is_ours_alone_and_its_signature_is_not() {
    provider::install();
    let key = key(Algorithm::Ed25519, 1);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(64) });
    let run = runner.run(&bearer_claims(3), |claims| {
        let token = mint(&claims, &key);
        let said = ask(&token, &key, Sender::Bearer);
        prop_assert!(said.ours.is_ok() && said.theirs.is_none());
        let parts = jwt::split(&token).unwrap();
        let signed = parts.signed.as_bytes();
        prop_assert!(jsonwebtoken::crypto::verify(parts.signature, signed, &decoding(&key), jsonwebtoken::Algorithm::EdDSA).unwrap());
        Ok(())
    });
    run.unwrap();
    println!("JWT Ed25519: 64 tokens accepted by us alone: jsonwebtoken has no such name; it accepts all 64 signatures");
}

/// `s` and `n − s` both verify (RFC 7518 §3.4 does not forbid it), so one ES256 token has two spellings: revocation is keyed by `jti`.
/// Ed25519 has no second `S` below the order.
#[test]
fn the_other_s_of_an_es256_signature_is_accepted_by_both_and_of_ed25519_by_neither() {
    provider::install();
    let hex = |text: &str| -> Vec<u8> { (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect() };
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(64) });
    let (p256, ed25519) = (key(Algorithm::Es256, 1), key(Algorithm::EdDsa, 1));
    let run = runner.run(&bearer_claims(1), |claims| {
        let input = jwt::signing_input(&claims, p256.verifying());
        let mut signature = p256.sign(input.as_bytes()).unwrap().to_vec();
        let mut borrow = 0;
        for (at, order) in hex(P256_ORDER).into_iter().enumerate().rev() {
            let left = i16::from(order) - i16::from(signature[32 + at]) - borrow;
            borrow = i16::from(left < 0);
            signature[32 + at] = left.rem_euclid(256) as u8;
        }
        let said = ask(&jwt::finish(input, &signature), &p256, Sender::Bearer);
        prop_assert!(said.ours.is_ok() && said.theirs == said.ours.ok());

        let input = jwt::signing_input(&claims, ed25519.verifying());
        let mut signature = ed25519.sign(input.as_bytes()).unwrap().to_vec();
        let mut carry = 0;
        for (at, order) in hex(ED25519_ORDER).into_iter().enumerate() {
            let sum = u16::from(order) + u16::from(signature[32 + at]) + carry;
            carry = sum >> 8;
            signature[32 + at] = sum as u8;
        }
        let said = ask(&jwt::finish(input, &signature), &ed25519, Sender::Bearer);
        prop_assert!(said.ours == Err("bad_signature") && said.theirs.is_none());
        Ok(())
    });
    run.unwrap();
    println!("JWT: 64 ES256 tokens with n - s accepted by both, 64 EdDSA tokens with S + L by neither");
}

/// Ours: dead at `exp` (RFC 7519 §4.1.4, "on or after"). jsonwebtoken lets it live one second more, and by default a minute on top.
#[test]
fn at_exp_a_token_is_dead_here_and_lives_a_second_longer_there() {
    provider::install();
    let mut tried = 0;
    for algorithm in SHARED {
        let key = key(algorithm, 1);
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(32) });
        let run = runner.run(&bearer_claims(1), |claims| {
            loop {
                let now = get_current_timestamp();
                let at = |exp: u64, validation: &Validation| {
                    let claims = Claims {
                        expires_at: Moment::from_seconds(exp),
                        issued_at: Moment::from_seconds(exp - 600),
                        not_before: None,
                        ..claims.clone()
                    };
                    let token = mint(&claims, &key);
                    let ours = verifier(&key, Sender::Bearer).verify(&token, Moment::from_seconds(now));
                    (ours.map(|_| ()), decode::<Value>(&token, &decoding(&key), validation).is_ok())
                };
                let defaults = Validation { leeway: Validation::default().leeway, ..strict(algorithm) };
                let said = [
                    at(now + 1, &strict(algorithm)),
                    at(now, &strict(algorithm)),
                    at(now - 1, &strict(algorithm)),
                    at(now - 60, &defaults),
                    at(now - 62, &defaults),
                ];
                if get_current_timestamp() == now {
                    let dead = Err(Denial::Expired);
                    prop_assert_eq!(said, [(Ok(()), true), (dead, true), (dead, false), (dead, true), (dead, false)]);
                    return Ok(());
                }
            }
        });
        run.unwrap();
        tried += 32 * 5;
    }
    println!("JWT: {tried} tokens around exp: at exp we refuse and jsonwebtoken accepts (it compares exp < now)");
}
