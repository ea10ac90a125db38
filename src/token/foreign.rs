//! JWTs that strangers make, read by the rules that hold for ours: strict base64url and JSON, one `typ` for each kind, nothing in the
//! header that would have to be followed.

use std::fmt;

use super::b64;
use super::jwt::{self, Header, HeaderFault, Parts, SplitFault};
use crate::json::{self, Limits, Value};
use crate::keyring::{Algorithm, VerifyingKey};
use crate::time::Moment;

/// The greatest date, exclusive: what every reader of JSON holds exactly.
const MAX_DATE: u64 = 1 << 53;

/// What strangers' JWTs may be signed with; `EdDSA` and `Ed25519` are two names of one algorithm (RFC 9864 §2.2).
pub const FOREIGN_ALGORITHMS: [&str; 4] = ["EdDSA", "Ed25519", "ES256", "RS256"];

/// Why a text is no JWT of the kind that is wanted here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForeignFault {
    /// Not three parts in strict base64url of JSON objects, each name once, or too long.
    Malformed,
    /// The header asks for processing that we do not do, or brings a key where none may be.
    Forbidden,
    /// Another kind of JWT.
    WrongType,
    /// The header names no algorithm that we take.
    Algorithm,
}

impl ForeignFault {
    /// The name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forbidden => "header_forbidden",
            Self::WrongType => "wrong_type",
            Self::Algorithm => "algorithm",
        }
    }
}

impl fmt::Display for ForeignFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for ForeignFault {}

impl From<SplitFault> for ForeignFault {
    fn from(_: SplitFault) -> Self {
        Self::Malformed
    }
}

impl From<HeaderFault> for ForeignFault {
    fn from(fault: HeaderFault) -> Self {
        match fault {
            HeaderFault::Malformed | HeaderFault::DuplicateName | HeaderFault::BadKid => Self::Malformed,
            HeaderFault::Extension(_) | HeaderFault::EmbeddedKey(_) => Self::Forbidden,
            HeaderFault::BadAlgorithm => Self::Algorithm,
            HeaderFault::BadType => Self::WrongType,
        }
    }
}

/// A JWT whose shape is good; of its signature nothing is known yet. It does not print: it may be a credential.
pub(super) struct Foreign<'a> {
    parts: Parts<'a>,
    pub(super) header: Header,
    pub(super) algorithm: Algorithm,
    /// The public key that the header brings, where this kind may bring one.
    pub(super) jwk: Option<String>,
}

impl<'a> Foreign<'a> {
    /// Takes a JWT of this kind apart; `brings_key` where its header may carry the key that checks it (RFC 9449 §4.2).
    pub(super) fn open(text: &'a str, typ: &str, brings_key: bool) -> Result<Self, ForeignFault> {
        let parts = jwt::split(text)?;
        let (header, jwk) = if brings_key { jwt::read_header_with_key(parts.header)? } else { (jwt::read_header(parts.header)?, None) };
        if !header.is_type(typ) {
            return Err(ForeignFault::WrongType);
        }
        let algorithm = Algorithm::from_name(&header.algorithm).filter(|algorithm| !algorithm.is_paseto());
        Ok(Self { parts, header, algorithm: algorithm.ok_or(ForeignFault::Algorithm)?, jwk })
    }

    /// Whether the key is one for the algorithm that the header names. `EdDSA` and `Ed25519` are two names of one algorithm (RFC 9864 §2.2), and
    /// keys of strangers seldom say which of them they mean.
    pub(super) fn fits(&self, key: &VerifyingKey) -> bool {
        let one_name = |algorithm| if algorithm == Algorithm::Ed25519 { Algorithm::EdDsa } else { algorithm };
        one_name(self.algorithm) == one_name(key.algorithm())
    }

    /// Whether the signature is the key's, by the one algorithm that the key has.
    pub(super) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        self.fits(key) && b64::decode(self.parts.signature).is_some_and(|signature| key.verify(self.parts.signed.as_bytes(), &signature))
    }

    /// Goes through the claims, each name once.
    pub(super) fn claims<E: From<json::Fault> + From<ForeignFault>>(
        &self,
        each: impl FnMut(&str, Value<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let payload = self.parts.payload_bytes().ok_or(ForeignFault::Malformed)?;
        json::object(&payload, Limits::TOKEN, each)
    }
}

/// A claim that is text and says something, at most `most` bytes of it.
pub(super) fn text(value: Value<'_>, most: usize) -> Option<String> {
    match value {
        Value::Str(text) if (1..=most).contains(&text.len()) => Some(text.into_owned()),
        _ => None,
    }
}

/// A NumericDate (RFC 7519 §2) as a whole number n of seconds, 0 < n < 2^53.
pub(super) fn date(value: &Value<'_>) -> Option<Moment> {
    value.whole().filter(|seconds| (1..MAX_DATE).contains(seconds)).map(Moment::from_seconds)
}
