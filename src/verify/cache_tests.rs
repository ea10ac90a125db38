use std::time::Duration;

use proptest::prelude::*;

use super::super::test_tokens::*;
use super::super::{KeySet, LiveView};
use super::*;
use crate::keyring::Algorithm;
use crate::policy::Sender;
use crate::registry::WhenStale;
use crate::revocation::{Cause, Extent, Retention, Revocation, Target};
use crate::token::b64;

const KEEP: Retention = Retention { keep: Duration::from_secs(3_600) };
const ROOM: u64 = 1 << 20;

fn watched() -> (Arc<LiveView>, CachedVerifier, String) {
    let key = signing(Algorithm::EdDsa, 1);
    let view = Arc::new(LiveView::new(&[7; 32]));
    view.confirm(NOW, Duration::ZERO, KEEP);
    let cached = CachedVerifier::new(verifier(&[&key]).with_view(Arc::clone(&view), WhenStale::Refuse, None), ROOM);
    let token = mint(&claims(), &key, "");
    assert_eq!(cached.verify(&token, NOW).unwrap().claims(), &claims());
    assert_eq!(cached.len(), 1);
    (view, cached, token)
}

#[test]
fn a_hit_gives_what_a_miss_gives() {
    let (_, cached, token) = watched();
    let hit = cached.verify(&token, NOW).unwrap();
    assert_eq!((hit.claims(), hit.kid()), (&claims(), cached.verifier().verify(&token, NOW).unwrap().kid()));
    assert_eq!(format!("{cached:?}"), "CachedVerifier(1 tokens)");
}

#[test]
fn a_cached_token_expires() {
    let (view, cached, token) = watched();
    let end = NOW.plus(TTL);
    view.confirm(end, Duration::ZERO, KEEP);
    assert!(cached.verify(&token, end.minus(Duration::from_millis(1))).is_ok());
    assert_eq!(cached.verify(&token, end).unwrap_err(), Denial::Expired);
    let back = NOW.minus(Duration::from_secs(60));
    assert_eq!(cached.verify(&token, back).unwrap_err(), Denial::NotYetValid, "a clock that went back");
}

#[test]
fn a_cached_token_is_revoked_at_once_by_every_target() {
    let minted = claims().jti.stamp();
    let kid = signing(Algorithm::EdDsa, 1).verifying().kid().to_owned();
    let epoch = |target, extent| Revocation::Epoch { target, extent, stamp: minted };
    let subject_at_client = Target::SubjectAtClient { subject: "alice".into(), client: "app".into() };
    for (revocation, cause) in [
        (Revocation::Token(claims().jti), Cause::Token),
        (Revocation::Session(claims().sid.unwrap()), Cause::Session),
        (epoch(Target::Subject("alice".into()), Extent::Sessions), Cause::Subject),
        (epoch(subject_at_client, Extent::AccessTokens), Cause::Subject),
        (epoch(Target::Client("app".into()), Extent::Sessions), Cause::Client),
        (epoch(Target::All, Extent::AccessTokens), Cause::All),
        (Revocation::Key(kid), Cause::Key),
    ] {
        let (view, cached, token) = watched();
        view.merge(&revocation);
        assert_eq!(cached.verify(&token, NOW).unwrap_err(), Denial::Revoked(cause));
    }
}

#[test]
fn a_cached_token_dies_with_its_key() {
    let (_, cached, token) = watched();
    cached.verifier().replace_keys(KeySet::default());
    assert_eq!(cached.verify(&token, NOW).unwrap_err(), Denial::UnknownKey);
    assert!(cached.is_empty());

    let (_, cached, token) = watched();
    let ended = KeySet::from_keys([(signing(Algorithm::EdDsa, 1).verifying().clone(), Some(NOW))]).unwrap();
    cached.verifier().replace_keys(ended);
    assert_eq!(cached.verify(&token, NOW).unwrap_err(), Denial::KeyEnded);
}

#[test]
fn a_cached_token_is_not_good_under_another_key_of_the_same_id() {
    let (_, cached, token) = watched();
    let kid = signing(Algorithm::EdDsa, 1).verifying().kid().to_owned();
    let mut other = signing(Algorithm::EdDsa, 2).verifying().to_jwk();
    other["kid"] = kid.into();
    cached.verifier().replace_keys(KeySet::from_jwks(&serde_json::json!({ "keys": [other] }).to_string()).unwrap());
    assert_eq!(cached.verify(&token, NOW).unwrap_err(), Denial::BadSignature);
}

#[test]
fn a_cached_token_is_judged_by_the_expectation_of_each_call() {
    let (_, cached, token) = watched();
    let elsewhere = Expectation::new(ISSUER, crate::policy::Audience::one("https://other.example"));
    assert_eq!(cached.verify_as(&token, NOW, &elsewhere).unwrap_err(), Denial::WrongAudience);
    let proven = expectation().presented(Sender::Key("thumb".into()));
    assert_eq!(cached.verify_as(&token, NOW, &proven).unwrap_err(), Denial::SenderKey);
    let short = Expectation { max_ttl: Duration::from_secs(60), ..expectation() };
    assert_eq!(cached.verify_as(&token, NOW, &short).unwrap_err(), Denial::LifetimeTooLong);
}

#[test]
fn a_cached_token_is_refused_when_the_view_grows_stale() {
    let (view, cached, token) = watched();
    let late = Now { wall: NOW, monotonic: Some(Duration::from_secs(31)) };
    assert_eq!(cached.verify(&token, late).unwrap_err(), Denial::Stale);
    view.confirm(NOW, Duration::from_secs(31), KEEP);
    assert_eq!(cached.verify(&token, late).unwrap().view_age(), Some(Duration::ZERO));
}

#[test]
fn refusals_are_not_kept_and_the_room_is_bounded() {
    let key = signing(Algorithm::EdDsa, 1);
    let cached = CachedVerifier::new(verifier(&[&key]), 64 * 1024);
    assert!(cached.verify("a.b.c", NOW).is_err() && cached.is_empty());
    for at in 0..200_u8 {
        let token = mint(&Claims { subject: format!("user-{at}"), ..claims() }, &key, "");
        assert!(cached.verify(&token, NOW).is_ok());
    }
    assert!((1..64).contains(&cached.len()), "{}", cached.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_changed_character_is_another_token(at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        let (_, cached, token) = watched();
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = *to.get(ALPHABET);
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(cached.verify(&changed, NOW).is_ok(), changed == token);
    }

    #[test]
    fn a_hit_never_accepts_what_a_miss_refuses(
        wall in 0_u64..900, confirmed in 0_u64..60, revoke: bool, minted_after in -5_i64..5, other_keys: bool,
    ) {
        let (view, cached, token) = watched();
        let now = Now { wall: NOW.minus(TTL).plus(Duration::from_secs(wall)), monotonic: Some(Duration::from_secs(confirmed)) };
        if revoke {
            let stamp = crate::id::Stamp::from_millis(claims().jti.stamp().millis().saturating_add_signed(minted_after));
            view.merge(&Revocation::Epoch { target: Target::All, extent: Extent::AccessTokens, stamp });
        }
        if other_keys {
            cached.verifier().replace_keys(key_set(&[&signing(Algorithm::EdDsa, 9)]));
        }
        let cold = cached.verifier().verify(&token, now).map(Verified::into_claims);
        let hot = cached.verify(&token, now).map(|verified| verified.claims().clone());
        prop_assert_eq!(hot, cold);
    }

    #[test]
    fn every_token_has_one_spelling(cut in 1_usize..4, byte in any::<u8>()) {
        let (_, cached, token) = watched();
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let mut longer = b64::decode(signature).unwrap();
        longer.extend(std::iter::repeat_n(byte, cut));
        let text = format!("{rest}.{}", b64::encode(longer));
        prop_assert!(cached.verify(&text, NOW).is_err());
    }
}
