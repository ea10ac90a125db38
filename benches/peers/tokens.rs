//! `tokens FILE` writes tokens of ours, valid for a day, and the keys that verify them: what the peers of other libraries are fed with.

#[path = "../common/tokens.rs"]
#[expect(dead_code, reason = "the benches of ours use all of it")]
mod tokens;

use std::time::Duration;

use mintage::ambient::{Clock, SystemClock};
use mintage::claims::Claims;
use mintage::keyring::{Algorithm, SigningKey};
use serde_json::json;
use tokens::{API, ISSUER, claims, issue, signing};

fn main() {
    let file = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let Some(file) = file else { return println!("started by benches/run") }; // `cargo bench` starts this one too
    let now = SystemClock::new().wall();
    // But for the dates, those of `benches/verify.rs`.
    let claims = Claims { issued_at: now, expires_at: now.plus(Duration::from_secs(86_400)), ..claims() };
    let keys = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::V4Public].map(signing);
    let tokens = keys.each_ref().map(|key| issue(&claims, key));
    let [eddsa, es256, paseto] = keys.each_ref().map(SigningKey::verifying);
    let document = json!({
        "issuer": ISSUER, "audience": API,
        "eddsa": {"token": tokens[0], "jwk": eddsa.to_jwk()},
        "es256": {"token": tokens[1], "jwk": es256.to_jwk()},
        "paseto": {"token": tokens[2], "paserk": paseto.to_paserk()},
    });
    std::fs::write(&file, document.to_string()).unwrap_or_else(|why| panic!("{file}: {why}"));
}
