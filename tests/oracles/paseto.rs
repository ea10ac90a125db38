//! PASETO v4.public beside pasetors.

use mintage::claims::Claims;
use mintage::keyring::{Algorithm, SigningKey};
use mintage::policy::Sender;
use mintage::time::Moment;
use mintage::token::claims_json::{self, Dates};
use mintage::token::paseto;
use mintage::verify::Denial;
use pasetors::Public;
use pasetors::claims::ClaimsValidationRules;
use pasetors::footer::Footer;
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::paserk::Id;
use pasetors::token::UntrustedToken;
use pasetors::version4::{PublicToken, V4};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::common::{API, Draft, ISSUER, Said, any_claims, bearer_claims, began, hold, json_of, key, list, twist_all, verifier};
use crate::paseto_table::TABLE;

pub(crate) fn date(seconds: u64) -> Value {
    json!(OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap().format(&Rfc3339).unwrap())
}

fn our_key() -> SigningKey {
    key(Algorithm::V4Public, 1)
}

fn their_secret(key: &SigningKey) -> AsymmetricSecretKey<V4> {
    let public = their_public(key);
    key.private().expose(|seed| AsymmetricSecretKey::from(&[&seed[..], public.as_bytes()].concat()).unwrap())
}

fn their_public(key: &SigningKey) -> AsymmetricPublicKey<V4> {
    AsymmetricPublicKey::try_from(key.verifying().to_paserk().unwrap().as_str()).unwrap()
}

fn mint(claims: &Claims, key: &SigningKey, implicit: &str) -> String {
    let unsigned = paseto::signing_input(claims, key.verifying().kid(), implicit.as_bytes());
    paseto::finish(&unsigned, &key.sign(unsigned.signed()).unwrap())
}

fn sign(draft: &Draft, key: &SigningKey) -> String {
    let unsigned = paseto::Unsigned::new(draft.payload.clone(), draft.head.clone().into_bytes(), b"");
    paseto::finish(&unsigned, &key.sign(unsigned.signed()).unwrap()) + &draft.behind
}

/// Without its rule for `iat` and `nbf`: it demands an `nbf`, which we never mint.
fn rules() -> ClaimsValidationRules {
    let mut rules = ClaimsValidationRules::new();
    rules.disable_valid_at();
    rules.validate_issuer_with(ISSUER);
    rules.validate_audience_with(API);
    rules
}

fn read_by_them(token: &str, key: &SigningKey, implicit: &str) -> Option<Value> {
    let token = UntrustedToken::<Public, V4>::try_from(token).ok()?;
    let trusted = pasetors::public::verify(&their_public(key), &token, &rules(), None, Some(implicit.as_bytes())).ok()?;
    serde_json::from_str(&trusted.payload_claims()?.to_string().ok()?).ok()
}

fn ask(token: &str, key: &SigningKey, sender: Sender, implicit: &str) -> Said {
    let ours = verifier(key, sender).with_implicit(API, implicit).verify(token, began());
    Said { ours: ours.map(|verified| json_of(verified.claims(), date)).map_err(Denial::name), theirs: read_by_them(token, key, implicit) }
}

#[test]
fn what_we_mint_pasetors_signs_byte_for_byte_and_reads_the_same() {
    let (key, cases) = (our_key(), 256);
    let (secret, public) = (their_secret(&key), their_public(&key));
    let mut footer = Footer::new();
    footer.key_id(&Id::from(&public));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let run = runner.run(&(any_claims(1), "[^\\x00]{0,12}"), |(claims, implicit)| {
        let token = mint(&claims, &key, &implicit);
        let message = claims_json::write(&claims, Dates::Rfc3339);
        let footer = footer.to_string().unwrap();
        let theirs = PublicToken::sign(&secret, message.as_bytes(), Some(footer.as_bytes()), Some(implicit.as_bytes())).unwrap();
        prop_assert_eq!(&token, &theirs);
        prop_assert_eq!(read_by_them(&token, &key, &implicit), Some(json_of(&claims, date)));
        prop_assert_eq!(read_by_them(&token, &key, &format!("{implicit}.")), None);
        Ok(())
    });
    run.unwrap();
    println!("PASETO: {cases} tokens of ours are pasetors' own bytes, and read by it under their implicit assertion alone");
}

#[test]
fn what_pasetors_signs_we_read_the_same() {
    let (key, cases) = (our_key(), 256);
    let (secret, footer) = (their_secret(&key), paseto::footer(key.verifying().kid()));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let run = runner.run(&(any_claims(1), "[^\\x00]{0,12}"), |(claims, implicit)| {
        let message = json_of(&claims, date).to_string();
        let token = PublicToken::sign(&secret, message.as_bytes(), Some(footer.as_bytes()), Some(implicit.as_bytes())).unwrap();
        let read = |implicit: &str| {
            let read = verifier(&key, Sender::Unchecked).with_implicit(API, implicit).verify(&token, began());
            read.map(|verified| verified.claims().clone())
        };
        prop_assert_eq!(read(&implicit), Ok(claims));
        prop_assert_eq!(read(&format!("{implicit}.")), Err(Denial::BadSignature));
        Ok(())
    });
    run.unwrap();
    println!("PASETO: {cases} tokens of pasetors read by us under their implicit assertion alone");
}

#[test]
fn what_we_accept_pasetors_accepts_and_every_difference_has_its_reason() {
    list("PASETO", TABLE);
    let key = our_key();
    hold("PASETO bent and signed again", TABLE, 16, bearer_claims(1), |claims, bend| {
        let head = format!(r#"{{"kid":"{}"}}"#, key.verifying().kid());
        let mut draft = Draft { head, payload: json_of(claims, date).to_string().into_bytes(), behind: String::new() };
        bend(&mut draft);
        ask(&sign(&draft, &key), &key, Sender::Bearer, "")
    });
}

#[test]
fn no_bent_text_is_accepted_by_us_nor_by_pasetors() {
    let key = our_key();
    let mint = |claims: &Claims| mint(claims, &key, API);
    twist_all("PASETO bent in its text", 512, bearer_claims(1), mint, |token| ask(token, &key, Sender::Bearer, API));
}

/// Ours: dead at `exp`, as for JWT. pasetors compares `now > exp` in nanoseconds: the one instant of `exp` is good there, and no clock that is
/// read ever shows it; in every second around it both say the same.
#[test]
fn at_exp_a_token_is_dead_here_and_the_instant_after_there() {
    let key = our_key();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(16) });
    let run = runner.run(&bearer_claims(1), |claims| {
        loop {
            let now = jsonwebtoken::get_current_timestamp();
            let at = |exp: u64| {
                let (expires_at, issued_at) = (Moment::from_seconds(exp), Moment::from_seconds(exp - 600));
                let token = mint(&Claims { expires_at, issued_at, not_before: None, ..claims.clone() }, &key, "");
                let ours = verifier(&key, Sender::Bearer).verify(&token, Moment::from_seconds(now)).map(|_| ());
                (ours, read_by_them(&token, &key, "").is_some())
            };
            let said = [at(now + 1), at(now), at(now - 1)];
            if jsonwebtoken::get_current_timestamp() == now {
                let dead = (Err(Denial::Expired), false);
                prop_assert_eq!(said, [(Ok(()), true), dead, dead]);
                return Ok(());
            }
        }
    });
    run.unwrap();
    println!("PASETO: 48 tokens around exp: at exp we refuse, and pasetors from the instant after (it compares exp < now)");
}
