//! Keys and tokens for the tests of this floor.

use std::time::Duration;

use super::{KeySet, Verifier};
use crate::claims::{Claims, Custom};
use crate::id::{Jti, Sid, Stamp};
use crate::keyring::SigningKey;
pub(super) use crate::keyring::test_keys::signing;
use crate::policy::{Audience, Expectation};
use crate::time::Moment;
use crate::token::{b64, jwt, paseto};

pub(super) const ISSUER: &str = "https://id.example";
pub(super) const API: &str = "https://api.example";
pub(super) const NOW: Moment = Moment::from_seconds(1_800_000_000);
pub(super) const TTL: Duration = Duration::from_secs(300);

/// Claims of a token minted now, in a session.
pub(super) fn claims() -> Claims {
    Claims {
        issuer: ISSUER.into(),
        subject: "alice".into(),
        audience: vec![API.into()],
        expires_at: NOW.plus(TTL),
        issued_at: NOW,
        not_before: None,
        jti: Jti::new(Stamp::from_millis(NOW.millis()), &[1; 10]),
        client_id: "app".into(),
        sid: Some(Sid::in_shard(Stamp::from_millis(NOW.millis() - 5_000), 3, &[2; 10])),
        scope: Some("read".into()),
        auth_time: None,
        acr: None,
        amr: vec![],
        sender_key: None,
        actor: None,
        custom: Custom::default(),
    }
}

/// A token of these claims, in the key's format.
pub(super) fn mint(claims: &Claims, key: &SigningKey, implicit: &str) -> String {
    if key.verifying().algorithm().is_paseto() {
        let unsigned = paseto::signing_input(claims, key.verifying().kid(), implicit.as_bytes());
        return paseto::finish(&unsigned, &key.sign(unsigned.signed()).unwrap());
    }
    let input = jwt::signing_input(claims, key.verifying());
    let signature = key.sign(input.as_bytes()).unwrap();
    jwt::finish(input, &signature)
}

/// A JWT with this header and payload, correctly signed.
pub(super) fn signed_jwt(header: &str, payload: &[u8], key: &SigningKey) -> String {
    let input = format!("{}.{}", b64::encode(header), b64::encode(payload));
    let signature = key.sign(input.as_bytes()).unwrap();
    jwt::finish(input, &signature)
}

pub(super) fn expectation() -> Expectation {
    Expectation::new(ISSUER, Audience::one(API))
}

pub(super) fn key_set(keys: &[&SigningKey]) -> KeySet {
    KeySet::from_keys(keys.iter().map(|key| (key.verifying().clone(), None))).unwrap()
}

pub(super) fn verifier(keys: &[&SigningKey]) -> Verifier {
    Verifier::new(expectation(), key_set(keys))
}
