//! The key sets that an issuer publishes.
//!
//! Beside its standard members each entry says `exp`, the end of the key in seconds where it is known, and `iss`, whose key it is: a
//! verifier that holds the set offline enforces both.

use serde_json::{Value, json};

use super::{KeyLife, RingKey};

/// The JWK Set (RFC 7517 §5) of those of the keys that sign JWTs.
pub fn jwks(keys: &[&RingKey], issuer: &str) -> String {
    set(keys, false, issuer, |key| Some(key.key.verifying().to_jwk()))
}

/// The set of those of the keys that sign PASETO tokens: `{"keys":[{"kid":"k4.pid.…","paserk":"k4.public.…",…}]}`.
pub fn paserk_set(keys: &[&RingKey], issuer: &str) -> String {
    set(keys, true, issuer, |key| {
        let key = key.key.verifying();
        key.to_paserk().map(|paserk| json!({"kid": key.kid(), "paserk": paserk}))
    })
}

fn set(keys: &[&RingKey], paseto: bool, issuer: &str, entry: fn(&RingKey) -> Option<Value>) -> String {
    let of_format = keys.iter().filter(|key| key.key.verifying().algorithm().is_paseto() == paseto);
    let entries: Vec<_> = of_format.filter_map(|key| entry(key).map(|value| bounded(value, &key.life, issuer))).collect();
    json!({ "keys": entries }).to_string()
}

fn bounded(mut entry: Value, life: &KeyLife, issuer: &str) -> Value {
    entry["iss"] = issuer.into();
    if let Some(end) = life.ends_at {
        entry["exp"] = end.seconds().into();
    }
    entry
}
