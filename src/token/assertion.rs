//! Client assertions: a client proves who it is with a JWT that it signs for this one request (RFC 7523 §3, hardened by RFC 10070).
//!
//! Pure and without effect: that an assertion is used once is for whoever keeps [`SingleUse::id`].

use std::fmt;
use std::time::Duration;

use ring::digest::{Context, SHA256};

use super::foreign::{self, Foreign, ForeignFault};
use crate::json::{self, Limits, Value};
use crate::keyring::{Algorithm, BadKey, VerifyingKey};
use crate::time::{CLOCK_AHEAD, Moment};

/// The `typ` of client assertions (RFC 10070 §4).
pub const ASSERTION: &str = "client-authentication+jwt";
/// How far ahead `exp` may lie, beside [`CLOCK_AHEAD`]: what a captured assertion is worth, and what must be remembered of it.
pub const MAX_LIFETIME: Duration = Duration::from_secs(300);
/// The most keys that a client can register.
pub const MAX_KEYS: usize = 8;

const MAX_TEXT: usize = 256;
/// Bytes of a key set that is looked at at all.
const MAX_SET_BYTES: usize = 32 * 1024;
/// A key of nobody: whoever names an unknown client waits as long as one who signs badly under this algorithm. (The examples of RFC 8037
/// §A.2, RFC 9449 §4.1 and RFC 7515 §A.2.)
const fn decoy(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 | Algorithm::V4Public => {
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
        }
        Algorithm::Es256 => {
            r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#
        }
        Algorithm::Rs256 => concat!(
            r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2"#,
            "lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD",
            r#"Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#
        ),
    }
}

/// Why an assertion proves nothing. For the log: a stranger is told nothing but that he is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssertionFault {
    /// No JWT of this kind.
    Jwt(ForeignFault),
    /// A claim is missing.
    Missing(&'static str),
    /// A claim is not of its type, or out of its range.
    Invalid(&'static str),
    /// `aud` is not exactly the issuer, as one text.
    Audience,
    /// `iss`, `sub` and the `client_id` of the request are not one.
    OtherSubject,
    /// `exp` is now or earlier, or not after `iat`.
    Expired,
    /// `iat` or `nbf` is too far ahead.
    NotYetValid,
    /// `exp` is further ahead than [`MAX_LIFETIME`].
    LivesTooLong,
    /// No key of this client signed it, or there is no such client.
    Signature,
}

impl fmt::Display for AssertionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jwt(fault) => write!(f, "assertion {fault}"),
            Self::Missing(name) => write!(f, "assertion without {name}"),
            Self::Invalid(name) => write!(f, "assertion with a bad {name}"),
            Self::Audience => f.write_str("assertion whose aud is not the issuer alone"),
            Self::OtherSubject => f.write_str("assertion whose iss, sub and client_id are not one"),
            Self::Expired => f.write_str("assertion expired"),
            Self::NotYetValid => f.write_str("assertion from the future"),
            Self::LivesTooLong => f.write_str("assertion that lives too long"),
            Self::Signature => f.write_str("assertion that no key of the client signed"),
        }
    }
}

impl std::error::Error for AssertionFault {}

impl From<ForeignFault> for AssertionFault {
    fn from(fault: ForeignFault) -> Self {
        Self::Jwt(fault)
    }
}

impl From<json::Fault> for AssertionFault {
    fn from(_: json::Fault) -> Self {
        Self::Jwt(ForeignFault::Malformed)
    }
}

/// An assertion that says the right things; who signed it is not known yet. It is a credential: it does not print.
pub struct Assertion<'a> {
    jwt: Foreign<'a>,
    client_id: String,
    jti: String,
    expires_at: Moment,
}

/// What must be remembered of a good assertion, so that it is not taken twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SingleUse {
    /// SHA-256 over client and `jti`.
    pub id: [u8; 32],
    /// Until when.
    pub expires_at: Moment,
}

/// Reads an assertion for `issuer` and judges everything that does not need the client's keys.
///
/// # Errors
/// The first [`AssertionFault`]: of shape, header, claims, audience, dates.
pub fn read<'a>(text: &'a str, issuer: &str, now: Moment) -> Result<Assertion<'a>, AssertionFault> {
    let jwt = Foreign::open(text, ASSERTION, false)?;
    let mut found = Found::default();
    jwt.claims(|name, value| found.take(name, value))?;
    let (by, client_id) = (needed(found.iss, "iss")?, needed(found.sub, "sub")?);
    let (audience, jti) = (needed(found.aud, "aud")?, needed(found.jti, "jti")?);
    let expires_at = found.exp.ok_or(AssertionFault::Missing("exp"))?;
    if by != client_id {
        return Err(AssertionFault::OtherSubject);
    }
    if audience != issuer {
        return Err(AssertionFault::Audience);
    }
    let begins = found.iat.max(found.nbf).unwrap_or_default();
    if expires_at <= now || expires_at <= begins {
        return Err(AssertionFault::Expired);
    }
    if begins > now.plus(CLOCK_AHEAD) {
        return Err(AssertionFault::NotYetValid);
    }
    if expires_at > now.plus(MAX_LIFETIME + CLOCK_AHEAD) {
        return Err(AssertionFault::LivesTooLong);
    }
    Ok(Assertion { jwt, client_id, jti, expires_at })
}

impl Assertion<'_> {
    /// Whom it speaks of: `iss` and `sub`.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether one of these keys signed it; those of the client that it names, none where there is no such client. Either costs the same.
    ///
    /// # Errors
    /// [`AssertionFault::Signature`].
    pub fn prove(&self, keys: &[String]) -> Result<SingleUse, AssertionFault> {
        let wanted = |key: &VerifyingKey| self.jwt.fits(key) && self.jwt.header.kid.as_ref().is_none_or(|kid| kid == key.kid());
        let fitting: Vec<_> = keys.iter().filter_map(|key| VerifyingKey::from_jwk(key).ok()).filter(wanted).collect();
        if fitting.is_empty() {
            std::hint::black_box(VerifyingKey::from_jwk(decoy(self.jwt.algorithm)).is_ok_and(|key| self.jwt.is_signed_by(&key)));
            return Err(AssertionFault::Signature);
        }
        if !fitting.iter().any(|key| self.jwt.is_signed_by(key)) {
            return Err(AssertionFault::Signature);
        }
        Ok(SingleUse { id: self.id(), expires_at: self.expires_at })
    }

    fn id(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        for part in ["client assertion", &self.client_id, &self.jti] {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut id = [0; 32];
        id.copy_from_slice(context.finish().as_ref());
        id
    }
}

#[derive(Default)]
struct Found {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<String>,
    jti: Option<String>,
    exp: Option<Moment>,
    iat: Option<Moment>,
    nbf: Option<Moment>,
}

impl Found {
    fn take(&mut self, name: &str, value: Value<'_>) -> Result<(), AssertionFault> {
        let text = |name, value| foreign::text(value, MAX_TEXT).map(Some).ok_or(AssertionFault::Invalid(name));
        let date = |name, value| foreign::date(&value).map(Some).ok_or(AssertionFault::Invalid(name));
        match name {
            "iss" => self.iss = text("iss", value)?,
            "sub" => self.sub = text("sub", value)?,
            "jti" => self.jti = text("jti", value)?,
            // One text, never a list: what is meant for somebody else too is not meant for us.
            "aud" => self.aud = Some(foreign::text(value, MAX_TEXT).ok_or(AssertionFault::Audience)?),
            "exp" => self.exp = date("exp", value)?,
            "iat" => self.iat = date("iat", value)?,
            "nbf" => self.nbf = date("nbf", value)?,
            _ => {}
        }
        Ok(())
    }
}

fn needed(found: Option<String>, name: &'static str) -> Result<String, AssertionFault> {
    found.ok_or(AssertionFault::Missing(name))
}

/// Why a text is no set of public keys that a client may register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeysFault {
    /// Not a JWK Set (RFC 7517 §5).
    Malformed,
    /// No key in it.
    Empty,
    /// More than [`MAX_KEYS`].
    TooMany,
    /// Two keys (the second counted from 0) of one id.
    Duplicate(usize),
    /// This key (counted from 0) is a private one.
    Private(usize),
    /// This key (counted from 0) is none that may be registered.
    Key(usize, BadKey),
}

impl KeysFault {
    fn bad(at: usize, bad: BadKey) -> Self {
        if bad == BadKey::Private { Self::Private(at) } else { Self::Key(at, bad) }
    }
}

impl fmt::Display for KeysFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a JWK Set"),
            Self::Empty => f.write_str("no key"),
            Self::TooMany => write!(f, "more than {MAX_KEYS} keys"),
            Self::Duplicate(at) => write!(f, "key {at} has the id of another"),
            Self::Private(at) => write!(f, "key {at} is a private key: only its public part belongs here"),
            Self::Key(at, bad) => write!(f, "key {at}: {bad}"),
        }
    }
}

impl std::error::Error for KeysFault {}

impl From<json::Fault> for KeysFault {
    fn from(_: json::Fault) -> Self {
        Self::Malformed
    }
}

/// Reads the JWK Set that a client registers: each key as the text of a JWK with what we use of it and nothing else.
///
/// # Errors
/// [`KeysFault`]: whatever is private, weak, of another use, or two of one id, and a set of none or of too many.
pub fn read_keys(set: &str) -> Result<Vec<String>, KeysFault> {
    if set.len() > MAX_SET_BYTES {
        return Err(KeysFault::Malformed);
    }
    let limits = Limits { depth: 6, members: 256 };
    let mut list = None;
    json::object(set.as_bytes(), limits, |name, value| {
        match (name, value) {
            ("keys", Value::Array(keys)) => list = Some(keys),
            ("keys", _) => return Err(KeysFault::Malformed),
            _ => {}
        }
        Ok(())
    })?;
    let mut keys: Vec<VerifyingKey> = Vec::new();
    json::array(list.ok_or(KeysFault::Malformed)?.as_bytes(), limits, |value| {
        let Value::Object(text) = value else { return Err(KeysFault::Malformed) };
        let key = VerifyingKey::from_jwk(text).map_err(|bad| KeysFault::bad(keys.len(), bad))?;
        if keys.iter().any(|held| held.kid() == key.kid()) {
            return Err(KeysFault::Duplicate(keys.len()));
        }
        if keys.len() == MAX_KEYS {
            return Err(KeysFault::TooMany);
        }
        keys.push(key);
        Ok(())
    })?;
    if keys.is_empty() { Err(KeysFault::Empty) } else { Ok(keys.iter().map(|key| key.to_jwk().to_string()).collect()) }
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
