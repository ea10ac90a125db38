//! Keys from fixed seeds, and tokens that our own code would never mint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mintage::keyring::{Algorithm, SigningKey};
use mintage::time::Moment;
use mintage::token::{b64, jwt, paseto};
use serde_json::{Value, json};

pub(super) const ISSUER: &str = "https://id.example";
pub(super) const API: &str = "https://api.example";
pub(super) const TENANT: &str = "tenant-7";
/// 2026-11-21T10:40:00Z.
pub(super) const NOW: u64 = 1_795_257_600;

pub(super) fn ed25519(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_private(algorithm, &[seed; 32]).unwrap()
}

pub(super) fn jwt_key() -> SigningKey {
    ed25519(Algorithm::EdDsa, 1)
}

pub(super) fn paseto_key() -> SigningKey {
    ed25519(Algorithm::V4Public, 1)
}

/// The P-256 key of RFC 7515, appendix A.3, in PKCS#8.
pub(super) fn es256_key() -> SigningKey {
    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    let mut der = vec![0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    der.extend([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 4, 0x6d, 0x30, 0x6b, 2, 1, 1, 4, 0x20]);
    der.extend(b64::decode(D).unwrap());
    der.extend([0xa1, 0x44, 3, 0x42, 0, 4]);
    der.extend(b64::decode(X).unwrap());
    der.extend(b64::decode(Y).unwrap());
    SigningKey::from_private(Algorithm::Es256, &der).unwrap()
}

/// RSA keys cannot be made here, nor from a seed.
pub(super) fn rs256_key() -> SigningKey {
    let pem = include_str!("../../keys/rsa-2048-a.pem").lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let text: String = pem.take_while(|line| !line.starts_with("-----END")).collect();
    SigningKey::from_private(Algorithm::Rs256, &STANDARD.decode(text).unwrap()).unwrap()
}

/// A key that ended an hour ago, one of another issuer, and one for encryption, in that order.
pub(super) fn odd_keys(algorithm: Algorithm) -> [SigningKey; 3] {
    [ed25519(algorithm, 11), ed25519(algorithm, 12), ed25519(algorithm, 13)]
}

pub(super) fn jwks() -> Value {
    let entry = |key: &SigningKey| {
        let mut entry = key.verifying().to_jwk();
        entry["iss"] = ISSUER.into();
        entry["exp"] = (NOW + 86_400).into();
        entry
    };
    let odd = odd_keys(Algorithm::EdDsa);
    let [mut ended, mut foreign, mut encryption] = odd.each_ref().map(entry);
    ended["exp"] = (NOW - 3_600).into();
    foreign["iss"] = "https://other.example".into();
    encryption["use"] = "enc".into();
    let rsa = json!({"kty": "RSA", "kid": "rsa", "alg": "RS384", "use": "sig", "n": b64::encode([0xc1; 256]), "e": "AQAB"});
    let good = [jwt_key(), ed25519(Algorithm::Ed25519, 2), es256_key(), rs256_key()];
    json!({"keys": good.iter().map(entry).chain([ended, foreign, encryption, rsa]).collect::<Vec<_>>()})
}

pub(super) fn paserks() -> Value {
    let entry = |key: &SigningKey, issuer: &str, end: u64| json!({"kid": key.verifying().kid(), "paserk": key.verifying().to_paserk(), "iss": issuer, "exp": end});
    let [ended, foreign, _] = odd_keys(Algorithm::V4Public);
    let end = NOW + 86_400;
    json!({"keys": [entry(&paseto_key(), ISSUER, end), entry(&ended, ISSUER, NOW - 3_600), entry(&foreign, "https://other.example", end)]})
}

/// A payload as its members' names and the JSON text of their values.
pub(super) struct Payload(Vec<(String, String)>);

impl Payload {
    /// What a good token says; `date` spells a date.
    pub(super) fn new(date: fn(u64) -> String) -> Self {
        let text = |value: &str| json!(value).to_string();
        let members = [
            ("iss", text(ISSUER)),
            ("sub", text("alice")),
            ("aud", text(API)),
            ("exp", date(NOW + 300)),
            ("iat", date(NOW)),
            ("jti", text("01a1f0c3-7a00-7111-8111-111111111111")),
            ("client_id", text("app")),
            ("sid", text("01a1f0c2-0000-7222-8222-222222222222")),
            ("scope", text("read")),
        ];
        Self(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// Another value for one member, or one more member.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, held)) => *held = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
        self
    }

    /// One more member, whether or not there is one of this name. `name` is JSON text without its quotes.
    pub(super) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub(super) fn text(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

pub(super) fn numeric(seconds: u64) -> String {
    seconds.to_string()
}

pub(super) fn rfc3339(seconds: u64) -> String {
    format!("\"{}\"", Moment::from_seconds(seconds).to_rfc3339_seconds())
}

/// The header of an access token under this key.
pub(super) fn header(key: &SigningKey) -> String {
    format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{}"}}"#, key.verifying().algorithm().name(), key.verifying().kid())
}

pub(super) fn sign_segments(header: &str, payload: &str, key: &SigningKey) -> String {
    let input = format!("{header}.{payload}");
    let signature = key.sign(input.as_bytes()).unwrap();
    jwt::finish(input, &signature)
}

pub(super) fn sign_jwt(header: &str, payload: impl AsRef<[u8]>, key: &SigningKey) -> String {
    sign_segments(&b64::encode(header), &b64::encode(payload), key)
}

pub(super) fn sign_paseto(message: impl AsRef<[u8]>, footer: &str, implicit: &str, key: &SigningKey) -> String {
    let unsigned = paseto::Unsigned::new(message.as_ref().to_vec(), footer.as_bytes().to_vec(), implicit.as_bytes());
    paseto::finish(&unsigned, &key.sign(unsigned.signed()).unwrap())
}
