use pasetors::keys::AsymmetricSecretKey;
use pasetors::version4::{PublicToken, V4};
use proptest::prelude::*;

use super::super::test_claims::{any_claims, full};
use super::*;
use crate::keyring::{Algorithm, SigningKey};

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::V4Public, &mut |bytes| bytes.fill(1)).unwrap()
}

fn mint(claims: &Claims, implicit: &[u8]) -> String {
    let unsigned = signing_input(claims, key().verifying().kid(), implicit);
    finish(&unsigned, &key().sign(unsigned.signed()).unwrap())
}

/// All steps of reading, as a verifier that knows one key takes them.
fn accept(token: &str, implicit: &[u8]) -> Option<Claims> {
    let parts = split(token).ok()?;
    let known = read_footer(parts.footer()).ok()? == key().verifying().kid();
    let signed = key().verifying().verify(&parts.signed(implicit), parts.signature());
    (known && signed).then_some(())?;
    claims_json::read(parts.message(), Dates::Rfc3339).ok()
}

#[test]
fn a_token_is_good_only_with_its_implicit_assertion() {
    let token = mint(&full(), b"api");
    assert!(token.starts_with("v4.public."));
    assert_eq!(accept(&token, b"api"), Some(full()));
    assert_eq!(accept(&token, b""), None);
    assert_eq!(accept(&token, b"apj"), None);
    assert_eq!(split(&token).unwrap().footer(), format!(r#"{{"kid":"{}"}}"#, key().verifying().kid()).as_bytes());
}

#[test]
fn what_has_another_header_or_a_dot_too_many_is_no_token() {
    let body = b64::encode([7; 70]);
    assert_eq!(split(&format!("v4.public.{body}")).unwrap().message(), [7; 6]);
    for header in ["v4.local.", "v3.public.", "v2.public.", "V4.public.", "v4.Public.", "v4.public", "", "v5.public."] {
        assert_eq!(split(&format!("{header}{body}")), Err(SplitFault::UnknownHeader), "{header}");
    }
    for end in [".", "..", ".e30.", ".e30.e30", "..e30"] {
        assert_eq!(split(&format!("v4.public.{body}{end}")), Err(SplitFault::Malformed), "{end}");
    }
    for wrong in [b64::encode([7; 63]), String::new(), format!("{body}="), format!("{body}.e3"), format!(" {body}"), format!("{body}.e30=")]
    {
        assert_eq!(split(&format!("v4.public.{wrong}")), Err(SplitFault::BadEncoding), "{wrong}");
    }
    assert!(split(&format!("v4.public.{body}.{}", b64::encode([b' '; 512]))).is_ok());
    assert_eq!(split(&format!("v4.public.{body}.{}", b64::encode([b' '; 513]))), Err(SplitFault::LongFooter));
    assert_eq!(split(&format!("v4.public.{}", "A".repeat(1 << 20))), Err(SplitFault::TooLong));
}

#[test]
fn a_footer_names_a_key_and_brings_none() {
    let read = |json: &str| read_footer(json.as_bytes());
    assert_eq!(read(r#"{"kid":"k4.pid.x","other":1}"#), Ok("k4.pid.x".to_owned()));
    for wrong in ["", "{}", r#"{"kid":5}"#, r#"{"kid":""}"#, r#"{"kid":"k4.lid.x"}"#, r#"{"kid":"k4.pid./"}"#] {
        let fault = if wrong.is_empty() { FooterFault::Malformed } else { FooterFault::BadKid };
        assert_eq!(read(wrong), Err(fault), "{wrong}");
    }
    for key in ["k4.public.x", "k4.secret.x", "k4.local.x", "k4.secret-pw.x", "k3.seal.x"] {
        assert_eq!(read(&format!(r#"{{"kid":"k4.pid.x","key":"{key}"}}"#)), Err(FooterFault::KeyMaterial), "{key}");
    }
    assert_eq!(read(r#"{"kid":"k4.pid.x","wpk":1}"#), Err(FooterFault::KeyMaterial));
    let many = format!(r#"{{"kid":"k4.pid.x"{}}}"#, (0..8).map(|at| format!(",\"m{at}\":0")).collect::<String>());
    let long = format!(r#"{{"kid":"k4.pid.x","a":"{}"}}"#, "x".repeat(512));
    for wrong in [r#"{"kid":"k4.pid.x","a":[]}"#, r#"{"kid":"k4.pid.x","kid":"k4.pid.x"}"#, "not json", "[]", &many, &long] {
        assert_eq!(read(wrong), Err(FooterFault::Malformed), "{wrong}");
    }
}

proptest! {
    #[test]
    fn what_is_minted_is_accepted_and_one_changed_character_is_not(claims in any_claims(), at: prop::sample::Index, with in "[ -~]") {
        let mut token = mint(&claims, b"");
        prop_assert_eq!(accept(&token, b""), Some(claims));
        let at = at.index(token.len());
        let changed = token[at..=at] != with;
        token.replace_range(at..=at, &with);
        prop_assert_eq!(accept(&token, b"").is_none(), changed);
    }

    #[test]
    fn pasetors_signs_the_same_bytes(claims in any_claims(), implicit: Vec<u8>) {
        let mut pair = [1; 64];
        pair[32..].copy_from_slice(&ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes());
        let secret = AsymmetricSecretKey::<V4>::from(&pair).unwrap();
        let message = claims_json::write(&claims, Dates::Rfc3339);
        let footer = footer(key().verifying().kid());
        let theirs = PublicToken::sign(&secret, message.as_bytes(), Some(footer.as_bytes()), Some(&implicit)).unwrap();
        prop_assert_eq!(mint(&claims, &implicit), theirs);
    }
}
