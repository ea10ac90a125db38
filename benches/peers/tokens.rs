//! `tokens FILE` writes tokens of ours, valid for a day, and the keys that verify them: what the peers of other libraries are fed with.

use std::time::Duration;

use mintage::ambient::{Clock, SystemClock};
use mintage::claims::{Claims, Custom};
use mintage::id::{Jti, Sid, Stamp};
use mintage::keyring::{Algorithm, SigningKey};
use mintage::time::Moment;
use mintage::token::{jwt, paseto};
use serde_json::json;

const ISSUER: &str = "https://id.example";
const API: &str = "https://api.example";

fn main() {
    let file = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let Some(file) = file else { return println!("started by benches/run") }; // `cargo bench` starts this one too
    let now = SystemClock::new().wall();
    let keys = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::V4Public]
        .map(|algorithm| SigningKey::generate(algorithm, &mut |bytes| bytes.fill(7)).expect("a key"));
    let tokens = keys.each_ref().map(|key| mint(&claims(now), key));
    let [eddsa, es256, paseto] = keys.each_ref().map(SigningKey::verifying);
    let document = json!({
        "issuer": ISSUER, "audience": API,
        "eddsa": {"token": tokens[0], "jwk": eddsa.to_jwk()},
        "es256": {"token": tokens[1], "jwk": es256.to_jwk()},
        "paseto": {"token": tokens[2], "paserk": paseto.to_paserk()},
    });
    std::fs::write(&file, document.to_string()).unwrap_or_else(|why| panic!("{file}: {why}"));
}

/// As large as those of `benches/verify.rs`.
fn claims(now: Moment) -> Claims {
    Claims {
        issuer: ISSUER.into(),
        subject: "user-1234567890".into(),
        audience: vec![API.into()],
        expires_at: now.plus(Duration::from_secs(86_400)),
        issued_at: now,
        not_before: None,
        jti: Jti::new(Stamp::from_millis(now.millis()), &[1; 10]),
        client_id: "app".into(),
        sid: Some(Sid::in_shard(Stamp::from_millis(now.millis() - 1_000), 3, &[2; 10])),
        scope: Some("read write".into()),
        auth_time: None,
        acr: None,
        amr: vec![],
        sender_key: None,
        actor: None,
        custom: Custom::parse(r#"{"roles":["admin","support"]}"#).expect("claims"),
    }
}

fn mint(claims: &Claims, key: &SigningKey) -> String {
    if key.verifying().algorithm().is_paseto() {
        let unsigned = paseto::signing_input(claims, key.verifying().kid(), b"");
        return paseto::finish(&unsigned, &key.sign(unsigned.signed()).expect("a signature"));
    }
    let input = jwt::signing_input(claims, key.verifying());
    let signature = key.sign(input.as_bytes()).expect("a signature");
    jwt::finish(input, &signature)
}
