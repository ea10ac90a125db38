//! JSON Web Keys (RFC 7517, 8037) and their thumbprints (RFC 7638).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::paserk::decode;
use super::{Algorithm, BadKey, VerifyingKey};
use crate::json::{self, Limits, Value};

/// Bytes of a JWK that is looked at all; a certificate chain in it may be long.
const MAX_BYTES: usize = 16 * 1024;
/// What the private part of any kind of key is called (RFC 7518 §6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

pub(super) fn ed25519_thumbprint(key: &[u8; 32]) -> String {
    thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(key)))
}

pub(super) fn p256_thumbprint(x: &[u8], y: &[u8]) -> String {
    thumbprint(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

pub(super) fn rsa_thumbprint(modulus: &[u8], exponent: &[u8]) -> String {
    let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
    thumbprint(&format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#))
}

pub(super) fn write_ed25519(key: &VerifyingKey, x: &[u8; 32]) -> serde_json::Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x), "alg": key.algorithm().name(), "use": "sig", "kid": key.kid()})
}

pub(super) fn write_p256(key: &VerifyingKey, x: &[u8], y: &[u8]) -> serde_json::Value {
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": key.algorithm().name(), "use": "sig", "kid": key.kid()})
}

pub(super) fn write_rsa(key: &VerifyingKey, modulus: &[u8], exponent: &[u8]) -> serde_json::Value {
    let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
    json!({"kty": "RSA", "n": n, "e": e, "alg": key.algorithm().name(), "use": "sig", "kid": key.kid()})
}

pub(super) fn read(text: &str) -> Result<VerifyingKey, BadKey> {
    let members = members(text)?;
    let key = match (members.kty.as_deref(), members.crv.as_deref()) {
        (Some("OKP"), Some("Ed25519")) => {
            let algorithm = members.algorithm(&[Algorithm::EdDsa, Algorithm::Ed25519])?;
            VerifyingKey::from_ed25519(algorithm, &coordinate(members.x.as_deref())?)?
        }
        (Some("EC"), Some("P-256")) => {
            members.algorithm(&[Algorithm::Es256])?;
            VerifyingKey::from_p256(&coordinate(members.x.as_deref())?, &coordinate(members.y.as_deref())?)?
        }
        (Some("RSA"), None) => {
            members.algorithm(&[Algorithm::Rs256])?;
            VerifyingKey::from_rsa(&integer(members.n.as_deref())?, &integer(members.e.as_deref())?)?
        }
        (None, _) => return Err(BadKey::Malformed),
        _ => return Err(BadKey::Unsupported),
    };
    Ok(match members.kid {
        Some(kid) => key.named(kid),
        None => key,
    })
}

#[derive(Default)]
struct Members {
    kty: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
}

impl Members {
    /// The algorithm that the JWK names, else the first that fits its kind.
    fn algorithm(&self, fitting: &[Algorithm]) -> Result<Algorithm, BadKey> {
        let Some(name) = &self.alg else { return fitting.first().copied().ok_or(BadKey::Unsupported) };
        fitting.iter().copied().find(|algorithm| algorithm.name() == name).ok_or(BadKey::WrongAlgorithm)
    }
}

fn members(text: &str) -> Result<Members, BadKey> {
    if text.len() > MAX_BYTES {
        return Err(BadKey::Malformed);
    }
    let mut found = Members::default();
    json::object(text.as_bytes(), Limits { depth: 4, members: 64 }, |name, value| {
        let slot = match name {
            "kty" => &mut found.kty,
            "crv" => &mut found.crv,
            "x" => &mut found.x,
            "y" => &mut found.y,
            "n" => &mut found.n,
            "e" => &mut found.e,
            "alg" => &mut found.alg,
            "kid" => &mut found.kid,
            "use" => return if value == Value::Str("sig".into()) { Ok(()) } else { Err(BadKey::WrongPurpose) },
            "key_ops" => return verifies(&value),
            private if PRIVATE.contains(&private) => return Err(BadKey::Private),
            _ => return Ok(()),
        };
        let Value::Str(text) = value else { return Err(BadKey::Malformed) };
        *slot = Some(text.into_owned());
        Ok(())
    })?;
    if found.kid.as_ref().is_some_and(|kid| kid.is_empty() || kid.len() > 256) {
        return Err(BadKey::Malformed);
    }
    Ok(found)
}

impl From<json::Fault> for BadKey {
    fn from(_: json::Fault) -> Self {
        Self::Malformed
    }
}

fn verifies(key_ops: &Value<'_>) -> Result<(), BadKey> {
    let Value::Array(list) = key_ops else { return Err(BadKey::Malformed) };
    let mut verifies = false;
    json::array(list.as_bytes(), Limits { depth: 1, members: 0 }, |operation| {
        verifies |= operation == Value::Str("verify".into());
        Ok::<_, json::Fault>(())
    })?;
    if verifies { Ok(()) } else { Err(BadKey::WrongPurpose) }
}

fn coordinate(text: Option<&str>) -> Result<[u8; 32], BadKey> {
    decode(text.ok_or(BadKey::Malformed)?)
}

/// A Base64urlUInt (RFC 7518 §2).
fn integer(text: Option<&str>) -> Result<Vec<u8>, BadKey> {
    URL_SAFE_NO_PAD.decode(text.ok_or(BadKey::Malformed)?).map_err(|_| BadKey::Malformed)
}

fn thumbprint(canonical: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}
