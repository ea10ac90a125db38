//! JSON Web Tokens in compact form (RFC 7515 §7.1, 7519), made in two steps so that a signer may stand between them, and taken apart strictly.

use std::fmt;

use super::claims_json::{self, Dates};
use super::{MAX_TOKEN_BYTES, b64, is_kid};
use crate::claims::Claims;
use crate::json::{self, Limits, Value};
use crate::keyring::{Algorithm, RSA_SIGNATURE_BYTES, Signature, VerifyingKey};

/// The `typ` of access tokens (RFC 9068 §2.1).
pub const ACCESS_TOKEN: &str = "at+jwt";

/// Characters of a header segment that is looked at at all; ours have some 130.
pub const MAX_HEADER_CHARS: usize = 1024;

/// The same where the header may bring a key: an RSA key of 4096 bits takes some 1,100 of them.
pub const MAX_HEADER_CHARS_WITH_KEY: usize = 2048;

/// Characters of a signature, but for RS256.
const FIXED: usize = b64::chars(64);
/// Characters of an RS256 signature.
const SHORTEST_RSA: usize = b64::chars(*RSA_SIGNATURE_BYTES.start());
const LONGEST_RSA: usize = b64::chars(*RSA_SIGNATURE_BYTES.end());

/// What is signed for an access token: header and payload in base64url.
pub fn signing_input(claims: &Claims, key: &VerifyingKey) -> String {
    signing_input_typed(ACCESS_TOKEN, key, &claims_json::write(claims, Dates::Numeric))
}

/// What is signed for a JWT of another kind; `payload` is the text of a JSON object. Each kind has its own `typ` (RFC 8725 §3.11).
pub fn signing_input_typed(typ: &str, key: &VerifyingKey, payload: &str) -> String {
    let header = header_text(typ, key);
    let signature = if key.algorithm() == Algorithm::Rs256 { LONGEST_RSA } else { FIXED };
    // With room for the signature: the token is written where what was signed stands.
    let mut input = String::with_capacity(b64::chars(header.len()) + b64::chars(payload.len()) + signature + 2);
    b64::push(&mut input, header);
    input.push('.');
    b64::push(&mut input, payload);
    input
}

/// The header segment of every token of this kind that this key signs: exactly `{"typ":…,"alg":…,"kid":…}`.
pub fn header_segment(typ: &str, key: &VerifyingKey) -> String {
    b64::encode(header_text(typ, key))
}

fn header_text(typ: &str, key: &VerifyingKey) -> String {
    let mut header = String::with_capacity(128);
    header.push_str("{\"typ\":");
    json::push_string(&mut header, typ);
    header.push_str(",\"alg\":");
    json::push_string(&mut header, key.algorithm().name());
    header.push_str(",\"kid\":");
    json::push_string(&mut header, key.kid());
    header.push('}');
    header
}

/// The token: what was signed, and the signature.
pub fn finish(mut input: String, signature: &[u8]) -> String {
    input.push('.');
    b64::push(&mut input, signature);
    input
}

/// The segments of a token, still in base64url.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts<'a> {
    /// The header.
    pub header: &'a str,
    /// The payload.
    pub payload: &'a str,
    /// The signature.
    pub signature: &'a str,
    /// Header, dot and payload: the bytes that are signed.
    pub signed: &'a str,
}

/// Why a text is no JWT of three parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SplitFault {
    /// More than [`MAX_TOKEN_BYTES`].
    TooLong,
    /// Not three parts, or an empty one.
    Malformed,
    /// Five parts: encrypted (RFC 7516), which our tokens never are.
    Encrypted,
}

/// Takes a token apart. Its length is looked at before anything else, its characters not at all: decoding refuses those.
///
/// # Errors
/// [`SplitFault`].
pub fn split(token: &str) -> Result<Parts<'_>, SplitFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(SplitFault::TooLong);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(SplitFault::Malformed);
    };
    match parts.take(3).count() {
        0 if !header.is_empty() && !payload.is_empty() && !signature.is_empty() => {
            Ok(Parts { header, payload, signature, signed: &token[..header.len() + 1 + payload.len()] })
        }
        2 => Err(SplitFault::Encrypted),
        _ => Err(SplitFault::Malformed),
    }
}

impl Parts<'_> {
    /// The signature's bytes; `None` unless they are as many as an algorithm of ours has.
    pub fn signature_bytes(&self) -> Option<Signature> {
        match self.signature.len() {
            SHORTEST_RSA..=LONGEST_RSA => b64::decode(self.signature).map(Signature::Rsa),
            _ => b64::decode_array(self.signature).map(Signature::Fixed),
        }
    }

    /// The payload's bytes; `None` when it is not strict base64url. Decode it when the signature is good.
    pub fn payload_bytes(&self) -> Option<Vec<u8>> {
        b64::decode(self.payload)
    }
}

/// A header that asks for nothing that we do not do. What it says is a stranger's word: the key that `kid` finds decides, not `alg`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// `alg`.
    pub algorithm: String,
    /// `kid`, in the characters of [`is_kid`].
    pub kid: Option<String>,
    /// `typ`.
    pub typ: Option<String>,
}

/// Why a header is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderFault {
    /// Not strict base64url of a JSON object within limits, or longer than [`MAX_HEADER_CHARS`].
    Malformed,
    /// A name twice.
    DuplicateName,
    /// `crit`, `b64` or `zip`: it asks for processing that we do not do.
    Extension(&'static str),
    /// `jku`, `x5u`, `x5c` or `jwk`: it brings its own key.
    EmbeddedKey(&'static str),
    /// No `alg`, or none of text.
    BadAlgorithm,
    /// A `kid` that is no text, or fails [`is_kid`].
    BadKid,
    /// A `typ` that is no text.
    BadType,
}

/// Reads a header segment by the rules of RFC 8725 §3 and RFC 7515 §4.1, hardened. Members that are not known are ignored.
///
/// # Errors
/// [`HeaderFault`].
pub fn read_header(segment: &str) -> Result<Header, HeaderFault> {
    if segment.len() > MAX_HEADER_CHARS {
        return Err(HeaderFault::Malformed);
    }
    members(segment, |name, _| refuse(name))
}

/// The same for a kind of JWT that brings the public key that checks it (RFC 9449 §4.2): the header, and the text of `jwk` where there is one.
///
/// # Errors
/// [`HeaderFault`].
pub fn read_header_with_key(segment: &str) -> Result<(Header, Option<String>), HeaderFault> {
    if segment.len() > MAX_HEADER_CHARS_WITH_KEY {
        return Err(HeaderFault::Malformed);
    }
    let mut jwk = None;
    let header = members(segment, |name, value| match (name, value) {
        ("jwk", Value::Object(text)) => {
            jwk = Some(text.to_owned());
            Ok(())
        }
        ("jwk", _) => Err(HeaderFault::Malformed),
        (other, _) => refuse(other),
    })?;
    Ok((header, jwk))
}

fn members(segment: &str, mut other: impl FnMut(&str, Value<'_>) -> Result<(), HeaderFault>) -> Result<Header, HeaderFault> {
    let text = b64::decode(segment).ok_or(HeaderFault::Malformed)?;
    let (mut algorithm, mut kid, mut typ) = (None, None, None);
    json::object(&text, Limits::TOKEN, |name, value| {
        match name {
            "alg" => algorithm = Some(text_of(value).ok_or(HeaderFault::BadAlgorithm)?),
            "kid" => kid = Some(text_of(value).filter(|kid| is_kid(kid)).ok_or(HeaderFault::BadKid)?),
            "typ" => typ = Some(text_of(value).ok_or(HeaderFault::BadType)?),
            name => other(name, value)?,
        }
        Ok::<_, HeaderFault>(())
    })?;
    Ok(Header { algorithm: algorithm.ok_or(HeaderFault::BadAlgorithm)?, kid, typ })
}

impl Header {
    /// Whether the token says that it is of this kind: `typ`, with or without `application/` (RFC 7515 §4.1.9). Upper and lower case are
    /// the same, as in every media type (RFC 2045 §5.1); no two kinds of ours differ by case alone.
    pub fn is_type(&self, typ: &str) -> bool {
        const PREFIX: &str = "application/";
        let Some(said) = &self.typ else { return false };
        let bare = match said.split_at_checked(PREFIX.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(PREFIX) => rest,
            _ => said,
        };
        bare.eq_ignore_ascii_case(typ)
    }
}

impl From<json::Fault> for HeaderFault {
    fn from(fault: json::Fault) -> Self {
        match fault {
            json::Fault::DuplicateName => Self::DuplicateName,
            json::Fault::Malformed | json::Fault::WrongKind | json::Fault::TooDeep | json::Fault::TooMany => Self::Malformed,
        }
    }
}

impl fmt::Display for SplitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than a token may be",
            Self::Malformed => "not three parts",
            Self::Encrypted => "encrypted",
        })
    }
}

impl std::error::Error for SplitFault {}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the header is malformed"),
            Self::DuplicateName => f.write_str("a name appears twice in the header"),
            Self::Extension(name) => write!(f, "the header asks for `{name}`"),
            Self::EmbeddedKey(name) => write!(f, "the header brings its own key in `{name}`"),
            Self::BadAlgorithm => f.write_str("the header names no algorithm"),
            Self::BadKid => f.write_str("the header's `kid` cannot be one"),
            Self::BadType => f.write_str("the header's `typ` is no text"),
        }
    }
}

impl std::error::Error for HeaderFault {}

fn text_of(value: Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn refuse(name: &str) -> Result<(), HeaderFault> {
    let listed = |names: &[&'static str]| names.iter().copied().find(|listed| *listed == name);
    if let Some(name) = listed(&["crit", "b64", "zip"]) {
        return Err(HeaderFault::Extension(name));
    }
    listed(&["jku", "x5u", "x5c", "jwk"]).map_or(Ok(()), |name| Err(HeaderFault::EmbeddedKey(name)))
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
