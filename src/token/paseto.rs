//! PASETO tokens of version 4, purpose public: made in two steps so that a signer may stand between them, and taken apart strictly.

use std::fmt;

use super::claims_json::{self, Dates};
use super::{MAX_TOKEN_BYTES, b64, is_kid};
use crate::claims::Claims;
use crate::json::{self, Limits, Value};

/// What every token of ours begins with: version and purpose.
pub const HEADER: &str = "v4.public.";

/// Bytes of a footer.
pub const MAX_FOOTER_BYTES: usize = 512;

const FOOTER_LIMITS: Limits = Limits { depth: 1, members: 8 };
const SIGNATURE: usize = 64;

/// A token that lacks its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsigned {
    message: Vec<u8>,
    footer: Vec<u8>,
    signed: Vec<u8>,
}

impl Unsigned {
    /// Any message under any footer; a footer of no bytes is none.
    pub fn new(message: Vec<u8>, footer: Vec<u8>, implicit: &[u8]) -> Self {
        let signed = pre_authentication_encoding(&[HEADER.as_bytes(), &message, &footer, implicit]);
        Self { message, footer, signed }
    }

    /// The bytes to sign: header, message, footer and implicit assertion in pre-authentication encoding.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }
}

/// An access token that lacks its signature. `implicit` is what its audience's configuration names, else empty.
pub fn signing_input(claims: &Claims, kid: &str, implicit: &[u8]) -> Unsigned {
    Unsigned::new(claims_json::write(claims, Dates::Rfc3339).into_bytes(), footer(kid).into_bytes(), implicit)
}

/// The footer of every token that the key of this id signs: exactly `{"kid":…}`.
pub fn footer(kid: &str) -> String {
    let mut footer = String::from("{\"kid\":");
    json::push_string(&mut footer, kid);
    footer.push('}');
    footer
}

/// The token: what was signed, and the signature.
pub fn finish(unsigned: &Unsigned, signature: &[u8]) -> String {
    let mut body = Vec::with_capacity(unsigned.message.len() + SIGNATURE);
    body.extend_from_slice(&unsigned.message);
    body.extend_from_slice(signature);
    let mut token = String::from(HEADER);
    b64::push(&mut token, body);
    if !unsigned.footer.is_empty() {
        token.push('.');
        b64::push(&mut token, &unsigned.footer);
    }
    token
}

/// A token taken apart, decoded but not believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    message: Vec<u8>,
    signature: [u8; SIGNATURE],
    footer: Vec<u8>,
}

/// Why a text is no token of this version and purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SplitFault {
    /// More than [`MAX_TOKEN_BYTES`].
    TooLong,
    /// Another version or purpose, or no PASETO token at all.
    UnknownHeader,
    /// A dot too many, or an empty footer behind a dot.
    Malformed,
    /// A part is not strict base64url, or has no room for a signature.
    BadEncoding,
    /// A footer of more than [`MAX_FOOTER_BYTES`].
    LongFooter,
}

/// Takes a token apart. Lengths are looked at before anything is decoded.
///
/// # Errors
/// [`SplitFault`].
pub fn split(token: &str) -> Result<Parts, SplitFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(SplitFault::TooLong);
    }
    let rest = token.strip_prefix(HEADER).ok_or(SplitFault::UnknownHeader)?;
    let (body, footer) = match rest.split_once('.') {
        None => (rest, ""),
        Some((body, footer)) if !footer.is_empty() && !footer.contains('.') => (body, footer),
        Some(_) => return Err(SplitFault::Malformed),
    };
    if footer.len() > (MAX_FOOTER_BYTES * 4).div_ceil(3) {
        return Err(SplitFault::LongFooter);
    }
    let footer = b64::decode(footer).ok_or(SplitFault::BadEncoding)?;
    let mut message = b64::decode(body).ok_or(SplitFault::BadEncoding)?;
    let signature = message.last_chunk().copied().ok_or(SplitFault::BadEncoding)?;
    message.truncate(message.len() - SIGNATURE);
    Ok(Parts { message, signature, footer })
}

impl Parts {
    /// The message: the JSON of claims, once the signature is good.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The signature.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// The footer; empty when there is none.
    pub fn footer(&self) -> &[u8] {
        &self.footer
    }

    /// The bytes that the signature must be over, given the implicit assertion that the audience's configuration names.
    pub fn signed(&self, implicit: &[u8]) -> Vec<u8> {
        pre_authentication_encoding(&[HEADER.as_bytes(), &self.message, &self.footer, implicit])
    }
}

/// Why a footer is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FooterFault {
    /// Not a flat JSON object of at most 8 members in 512 bytes, with each name once.
    Malformed,
    /// No `kid`, or one that is no PASERK id of a public key.
    BadKid,
    /// It brings a key, wrapped or not.
    KeyMaterial,
}

/// Reads the `kid` of a footer. It is a stranger's word until the signature is good.
///
/// # Errors
/// [`FooterFault`].
pub fn read_footer(footer: &[u8]) -> Result<String, FooterFault> {
    if footer.len() > MAX_FOOTER_BYTES {
        return Err(FooterFault::Malformed);
    }
    let mut kid = None;
    json::object(footer, FOOTER_LIMITS, |name, value| match (name, value) {
        ("kid", Value::Str(text)) if text.starts_with("k4.pid.") && is_kid(&text) => {
            kid = Some(text.into_owned());
            Ok(())
        }
        ("kid", _) => Err(FooterFault::BadKid),
        ("wpk", _) => Err(FooterFault::KeyMaterial),
        (_, Value::Str(text)) if is_paserk(&text) => Err(FooterFault::KeyMaterial),
        _ => Ok(()),
    })?;
    kid.ok_or(FooterFault::BadKid)
}

impl From<json::Fault> for FooterFault {
    fn from(_: json::Fault) -> Self {
        Self::Malformed
    }
}

impl fmt::Display for SplitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than a token may be",
            Self::UnknownHeader => "not a v4.public token",
            Self::Malformed => "a dot too many",
            Self::BadEncoding => "not base64url, or too short",
            Self::LongFooter => "the footer is too long",
        })
    }
}

impl std::error::Error for SplitFault {}

impl fmt::Display for FooterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the footer is malformed",
            Self::BadKid => "the footer names no key",
            Self::KeyMaterial => "the footer brings its own key",
        })
    }
}

impl std::error::Error for FooterFault {}

/// PAE (PASETO, Common): the number of pieces, then each piece after its length, all as 64-bit little-endian numbers.
fn pre_authentication_encoding(pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pieces.iter().map(|piece| piece.len() + 8).sum::<usize>() + 8);
    out.extend_from_slice(&(pieces.len() as u64).to_le_bytes());
    for piece in pieces {
        out.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        out.extend_from_slice(piece);
    }
    out
}

/// Whether a text is a key in PASERK: `k`, a version, and a type.
fn is_paserk(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 3 && bytes[0] == b'k' && bytes[1].is_ascii_digit() && bytes[2] == b'.'
}

#[cfg(test)]
#[path = "paseto_tests.rs"]
mod tests;
