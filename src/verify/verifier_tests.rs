use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::test_tokens::*;
use super::*;
use crate::keyring::{Algorithm, KeyLife, RingKey, jwks, paserk_set};
use crate::policy::Sender;
use crate::revocation::{Cause, Extent, Retention, Revocation, Target};
use crate::token::b64;

const KEEP: Retention = Retention { keep: Duration::from_secs(3_600) };

fn denial(verifier: &Verifier, token: &str) -> Denial {
    verifier.verify(token, NOW).expect_err("refused")
}

#[test]
fn a_token_of_every_algorithm_is_verified_and_says_who_signed_it() {
    for algorithm in Algorithm::ALL {
        let key = signing(algorithm, 1);
        let verified = verifier(&[&key]).verify(&mint(&claims(), &key, ""), NOW).unwrap();
        assert_eq!(verified.claims(), &claims());
        assert_eq!((verified.kid(), verified.algorithm()), (key.verifying().kid(), algorithm));
        assert_eq!(verified.origin(), claims().origin(key.verifying().kid()));
        assert_eq!(verified.view_age(), None);
    }
}

#[test]
fn a_header_that_we_would_not_have_written_so_may_still_be_good() {
    let key = signing(Algorithm::EdDsa, 1);
    let kid = key.verifying().kid();
    let payload = claims_json::write(&claims(), Dates::Numeric);
    let with = |header: &str| verifier(&[&key]).verify(&signed_jwt(header, payload.as_bytes(), &key), NOW).map(drop);
    assert_eq!(with(&format!(r#"{{"kid":"{kid}","alg":"EdDSA","typ":"application/at+jwt"}}"#)), Ok(()));
    assert_eq!(with(&format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}","x":1}}"#)), Ok(()));
    let refused = [
        (format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#), Denial::WrongType),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#), Denial::WrongType),
        (format!(r#"{{"typ":"token-introspection+jwt","alg":"EdDSA","kid":"{kid}"}}"#), Denial::WrongType),
        (format!(r#"{{"typ":"at+jwt","alg":"Ed25519","kid":"{kid}"}}"#), Denial::AlgorithmMismatch),
        (format!(r#"{{"typ":"at+jwt","alg":"eddsa","kid":"{kid}"}}"#), Denial::AlgorithmMismatch),
        (format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#), Denial::AlgorithmMismatch),
        (format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}","kid":"{kid}"}}"#), Denial::HeaderMalformed),
        (format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}","crit":["x"],"x":1}}"#), Denial::HeaderForbidden),
        (format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}","jku":"https://evil.example"}}"#), Denial::HeaderForbidden),
        (r#"{"typ":"at+jwt","alg":"EdDSA"}"#.to_owned(), Denial::UnknownKey),
        (r#"{"typ":"at+jwt","alg":"EdDSA","kid":"other"}"#.to_owned(), Denial::UnknownKey),
        (r#"{"typ":"at+jwt","alg":"EdDSA","kid":"../../etc/passwd"}"#.to_owned(), Denial::HeaderMalformed),
    ];
    for (header, expected) in refused {
        assert_eq!(with(&header), Err(expected), "{header}");
    }
}

#[test]
fn a_public_rsa_key_is_never_a_secret_of_hmac() {
    let key = signing(Algorithm::Rs256, 1);
    let (kid, verifier) = (key.verifying().kid(), verifier(&[&key]));
    let payload = b64::encode(claims_json::write(&claims(), Dates::Numeric));
    let jwk = key.verifying().to_jwk();
    let modulus = b64::decode(jwk["n"].as_str().unwrap()).unwrap();
    let spki = include_bytes!("../../tests/keys/rsa-2048-b.pub.pem");
    for secret in [&spki[..], jwk.to_string().as_bytes(), &modulus, b""] {
        for (alg, denial_of) in [("HS256", Denial::AlgorithmMismatch), ("RS256", Denial::BadSignature)] {
            let header = b64::encode(format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#));
            let input = format!("{header}.{payload}");
            let mac = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret), input.as_bytes());
            assert_eq!(denial(&verifier, &jwt::finish(input, mac.as_ref())), denial_of);
        }
    }
    for alg in ["RS384", "RS512", "PS256", "rs256", "EdDSA", "none"] {
        let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#);
        let payload = claims_json::write(&claims(), Dates::Numeric);
        assert_eq!(denial(&verifier, &signed_jwt(&header, payload.as_bytes(), &key)), Denial::AlgorithmMismatch, "{alg}");
    }
}

#[test]
fn a_key_is_for_its_own_format_and_its_own_bytes() {
    let (jwt_key, paseto_key) = (signing(Algorithm::EdDsa, 1), signing(Algorithm::V4Public, 2));
    let both = verifier(&[&jwt_key, &paseto_key]);
    let payload = claims_json::write(&claims(), Dates::Numeric);
    let swapped = format!(r#"{{"typ":"at+jwt","alg":"v4.public","kid":"{}"}}"#, paseto_key.verifying().kid());
    assert_eq!(denial(&both, &signed_jwt(&swapped, payload.as_bytes(), &paseto_key)), Denial::KeyMismatch);
    let mut token = mint(&claims(), &jwt_key, "");
    token.replace_range(token.len() - 6..token.len() - 4, "AA");
    assert_eq!(denial(&both, &token), Denial::BadSignature);
    let other = mint(&claims(), &signing(Algorithm::V4Public, 3), "");
    assert_eq!(denial(&both, &other), Denial::UnknownKey);
    let (body, _) = other.rsplit_once('.').unwrap();
    let footer_swap = format!("{body}.{}", b64::encode(paseto::footer(paseto_key.verifying().kid())));
    assert_eq!(denial(&both, &footer_swap), Denial::BadSignature);
    assert_eq!(denial(&both, body), Denial::UnknownKey, "a footer that is cut off");
}

#[test]
fn junk_is_refused_before_any_work() {
    let verifier = verifier(&[&signing(Algorithm::EdDsa, 1)]);
    let cases = [
        (String::new(), Denial::Malformed),
        ("a.b".into(), Denial::Malformed),
        ("a.b.c.d".into(), Denial::Malformed),
        ("a.b.c.d.e".into(), Denial::UnsupportedFormat),
        (".".repeat(100_000), Denial::TooLong),
        (".".repeat(8_000), Denial::Malformed),
        ("A".repeat(1 << 20), Denial::TooLong),
        ("v4.public.".into(), Denial::Malformed),
        ("v4.local.AAAA".into(), Denial::UnsupportedFormat),
        ("v3.public.AAAA".into(), Denial::UnsupportedFormat),
        ("v2.public.AAAA".into(), Denial::UnsupportedFormat),
        ("e30.e30.e30".into(), Denial::HeaderMalformed),
    ];
    for (token, expected) in cases {
        assert_eq!(denial(&verifier, &token), expected, "{}", &token[..token.len().min(40)]);
    }
}

#[test]
fn a_genuine_token_of_bad_claims_says_which_kind_of_bad() {
    let key = signing(Algorithm::EdDsa, 1);
    let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, key.verifying().kid());
    let good = claims_json::write(&claims(), Dates::Numeric);
    let with = |payload: &str| denial(&verifier(&[&key]), &signed_jwt(&header, payload.as_bytes(), &key));
    assert_eq!(with("[]"), Denial::ClaimsMalformed);
    assert_eq!(with(&good.replace("\"sub\":\"alice\",", "")), Denial::ClaimMissing);
    assert_eq!(with(&good.replace("\"alice\"", "7")), Denial::ClaimInvalid);
    assert_eq!(with(&good.replace(ISSUER, "https://id.example.evil")), Denial::WrongIssuer);
    assert_eq!(with(&good.replace(API, "https://other.example")), Denial::WrongAudience);
}

#[test]
fn a_key_ends_and_has_one_issuer_offline_too() {
    for algorithm in [Algorithm::EdDsa, Algorithm::V4Public] {
        let key = signing(algorithm, 1);
        let token = mint(&claims(), &key, "");
        let life = KeyLife {
            announced_at: NOW.minus(TTL),
            activates_at: NOW.minus(TTL),
            retires_at: None,
            ends_at: Some(NOW.plus(Duration::from_secs(60))),
            revoked_at: None,
        };
        let ring_key = RingKey { key, life };
        let published = |issuer: &str| {
            let keys = [&ring_key];
            let set = KeySet::from_jwks(&jwks(&keys, issuer)).unwrap();
            set.and(KeySet::from_paserk_set(&paserk_set(&keys, issuer)).unwrap()).unwrap()
        };
        let ours = Verifier::new(expectation(), published(ISSUER));
        assert!(ours.verify(&token, NOW.plus(Duration::from_secs(59))).is_ok());
        assert_eq!(ours.verify(&token, NOW.plus(Duration::from_secs(60))).unwrap_err(), Denial::KeyEnded);
        let theirs = Verifier::new(expectation(), published("https://other.example"));
        assert_eq!(denial(&theirs, &token), Denial::KeyMismatch);
    }
}

#[test]
fn replaced_keys_hold_at_once() {
    let (old, new) = (signing(Algorithm::EdDsa, 1), signing(Algorithm::EdDsa, 2));
    let verifier = verifier(&[&old]);
    let token = mint(&claims(), &new, "");
    assert_eq!(denial(&verifier, &token), Denial::UnknownKey);
    verifier.replace_keys(key_set(&[&new]));
    assert!(verifier.verify(&token, NOW).is_ok());
    assert_eq!(denial(&verifier, &mint(&claims(), &old, "")), Denial::UnknownKey);
}

#[test]
fn an_implicit_assertion_is_the_audiences_own() {
    let key = signing(Algorithm::V4Public, 1);
    let plain = Claims { audience: vec!["https://plain.example".into()], ..claims() };
    let build = || verifier(&[&key]).with_implicit(API, "tenant-7");
    let api = |token: &str| build().verify(token, NOW).map(drop);
    let anyone = Expectation { audience: Audience::Any, ..expectation() };
    let any = |token: &str| build().verify_as(token, NOW, &anyone).map(drop);
    let good = mint(&claims(), &key, "tenant-7");
    assert_eq!((api(&good), any(&good)), (Ok(()), Ok(())));
    for wrong in ["", "tenant-8"] {
        let token = mint(&claims(), &key, wrong);
        assert_eq!((api(&token), any(&token)), (Err(Denial::BadSignature), Err(Denial::BadSignature)), "{wrong:?}");
    }
    let unasked = mint(&plain, &key, "tenant-7");
    assert_eq!((api(&unasked), any(&unasked)), (Err(Denial::BadSignature), Err(Denial::BadSignature)));
    assert_eq!(any(&mint(&plain, &key, "")), Ok(()));
}

#[test]
fn the_sender_of_a_bound_token_is_judged_as_presented() {
    let key = signing(Algorithm::EdDsa, 1);
    let bound = mint(&Claims { sender_key: Some("thumb".into()), ..claims() }, &key, "");
    let verifier = verifier(&[&key]);
    assert_eq!(denial(&verifier, &bound), Denial::SenderKey);
    assert!(verifier.verify_as(&bound, NOW, &expectation().presented(Sender::Key("thumb".into()))).is_ok());
}

#[test]
fn a_bound_token_needs_a_proof_of_its_key_that_was_made_for_it() {
    use crate::keyring::SigningKey;
    use crate::token::dpop;
    let (key, sender, other) = (signing(Algorithm::EdDsa, 1), signing(Algorithm::Es256, 2), signing(Algorithm::EdDsa, 3));
    let prove = |by: &SigningKey, token: &str| {
        let header = serde_json::json!({ "typ": dpop::PROOF, "alg": by.verifying().algorithm().name(), "jwk": by.verifying().to_jwk() });
        let hash = b64::encode(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()));
        let claims = serde_json::json!({ "jti": "1", "htm": "GET", "htu": API, "iat": NOW.seconds(), "ath": hash });
        let proof = signed_jwt(&header.to_string(), claims.to_string().as_bytes(), by);
        dpop::check(&proof, "GET", API, NOW).unwrap()
    };
    let bound = mint(&Claims { sender_key: Some(sender.verifying().thumbprint()), ..claims() }, &key, "");
    let plain = mint(&claims(), &key, "");
    let verifier = verifier(&[&key]);
    let verdict = |token: &str, proof: &dpop::Proof| verifier.verify_bound(token, proof, NOW).map(drop);
    assert_eq!(verdict(&bound, &prove(&sender, &bound)), Ok(()));
    assert_eq!(verdict(&bound, &prove(&other, &bound)), Err(Denial::SenderKey), "another key");
    assert_eq!(verdict(&bound, &prove(&sender, &plain)), Err(Denial::SenderKey), "a proof over another token");
    assert_eq!(verdict(&plain, &prove(&sender, &plain)), Err(Denial::SenderKey), "a proof cannot bind what is not bound");
    assert_eq!(verifier.verify(&bound, NOW).map(drop), Err(Denial::SenderKey), "never as Bearer");
}

#[test]
fn what_the_view_voids_is_refused_with_its_cause() {
    let key = signing(Algorithm::EdDsa, 1);
    let token = mint(&claims(), &key, "");
    let minted = claims().jti.stamp();
    let epoch = |target, stamp| Revocation::Epoch { target, extent: Extent::AccessTokens, stamp };
    let cases = [
        (Revocation::Token(claims().jti), Cause::Token),
        (Revocation::Session(claims().sid.unwrap()), Cause::Session),
        (epoch(Target::Subject("alice".into()), minted), Cause::Subject),
        (epoch(Target::Client("app".into()), minted), Cause::Client),
        (epoch(Target::All, minted), Cause::All),
        (Revocation::Key(key.verifying().kid().to_owned()), Cause::Key),
    ];
    for (revocation, cause) in cases {
        let view = Arc::new(LiveView::new(&[7; 32]));
        view.confirm(NOW, Duration::ZERO, KEEP);
        let verifier = verifier(&[&key]).with_view(Arc::clone(&view), WhenStale::Refuse, None);
        assert!(verifier.verify(&token, NOW).is_ok());
        view.merge(&revocation);
        assert_eq!(denial(&verifier, &token), Denial::Revoked(cause));
    }
}

#[test]
fn a_stale_view_refuses_as_our_fault_or_accepts_and_says_its_age() {
    let key = signing(Algorithm::EdDsa, 1);
    let token = mint(&claims(), &key, "");
    let at = |seconds| Now { wall: NOW, monotonic: Some(Duration::from_secs(seconds)) };
    let with = |when_stale| {
        let view = Arc::new(LiveView::new(&[7; 32]));
        (Arc::clone(&view), verifier(&[&key]).with_view(view, when_stale, None))
    };
    let (view, refusing) = with(WhenStale::Refuse);
    assert_eq!(refusing.verify(&token, at(0)).unwrap_err(), Denial::Stale, "a view that was never confirmed");
    view.confirm(NOW, Duration::ZERO, KEEP);
    assert_eq!(refusing.verify(&token, at(30)).unwrap().view_age(), Some(HARD_AGE));
    assert_eq!(refusing.verify(&token, at(31)).unwrap_err(), Denial::Stale);
    assert!(!Denial::Stale.is_bearers_fault());
    view.merge(&Revocation::Token(claims().jti));
    assert_eq!(
        refusing.verify(&token, at(31)).unwrap_err(),
        Denial::Revoked(Cause::Token),
        "what is known to be void is the bearer's fault"
    );
    let (view, accepting) = with(WhenStale::Accept);
    assert_eq!(accepting.verify(&token, at(0)).unwrap().view_age(), None);
    view.confirm(NOW, Duration::ZERO, KEEP);
    assert_eq!(accepting.verify(&token, at(99)).unwrap().view_age(), Some(Duration::from_secs(99)));
}

proptest! {
    #[test]
    fn no_text_makes_the_verifier_panic(text in any::<String>(), start in prop::sample::select(vec!["", "v4.public.", "v4.", "e30.", "a.b."])) {
        static VERIFIER: LazyLock<Verifier> =
            LazyLock::new(|| verifier(&[&signing(Algorithm::EdDsa, 1), &signing(Algorithm::V4Public, 2)]));
        let token = start.to_owned() + &text;
        prop_assert!(VERIFIER.verify(&token, NOW).is_err());
    }

    #[test]
    fn one_changed_byte_makes_another_token(of in 0..Algorithm::ALL.len(), at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ";
        let key = signing(Algorithm::ALL[of], 1);
        let token = mint(&claims(), &key, "");
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = *to.get(ALPHABET);
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(verifier(&[&key]).verify(&changed, NOW).is_ok(), changed == token);
    }

    #[test]
    fn signed_junk_is_refused_without_a_panic(payload in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| verifier(&[&signing(Algorithm::EdDsa, 1)]));
        let key = signing(Algorithm::EdDsa, 1);
        let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, key.verifying().kid());
        let good = claims_json::write(&claims(), Dates::Numeric);
        let half = [&good.as_bytes()[..cut.index(good.len())], &payload[..]].concat();
        prop_assert!(VERIFIER.verify(&signed_jwt(&header, &payload, &key), NOW).is_err());
        prop_assert!(VERIFIER.verify(&signed_jwt(&header, &half, &key), NOW).is_err() || half == good.as_bytes());
    }
}
