//! DPoP proofs (RFC 9449 §4): a JWT by which a request shows that its sender holds a key. Pure: issuer and edge services judge by the same lines.
//!
//! What [`check`] cannot know is left to its caller: whether the nonce is a good one ([`nonce`]), whether the proof came before ([`Seen`]), and
//! whether it is over the access token that it came with ([`Proof::covers`]; `verify::Verifier::verify_bound` asks that itself).

mod address;
pub mod nonce;
mod seen;

use std::fmt;
use std::time::Duration;

use ring::digest::{SHA256, digest};

pub use seen::Seen;

use super::b64;
use super::foreign::{self, Foreign, ForeignFault};
use crate::json::{self, Value};
use crate::keyring::{BadKey, VerifyingKey};
use crate::time::Moment;

/// The `typ` of proofs (RFC 9449 §4.2).
pub const PROOF: &str = "dpop+jwt";
/// How far `iat` may lie from now, in either direction: clocks of phones are wrong, and a nonce dates a proof better.
pub const WINDOW: Duration = Duration::from_secs(300);

const MAX_TEXT: usize = 256;
const MAX_ADDRESS: usize = 2048;

/// Why a proof proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofFault {
    /// More than one `DPoP` header, or one that is no text.
    Header,
    /// No JWT of this kind.
    Jwt(ForeignFault),
    /// The header brings no key, or none that may check a proof; a private one is none.
    Key(Option<BadKey>),
    /// The header's algorithm is not the key's.
    Algorithm,
    /// The key did not sign this.
    Signature,
    /// A claim is missing.
    Missing(&'static str),
    /// A claim is not of its type.
    Invalid(&'static str),
    /// `htm` is another method.
    Method,
    /// `htu` is another address.
    Address,
    /// `iat` is too far from now.
    Date,
    /// `ath` is not over the access token that came with it.
    OtherToken,
    /// There is no nonce, or one that is not good any more: try again with a new one.
    Nonce,
    /// The same proof came before.
    Replayed,
}

impl fmt::Display for ProofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("not one DPoP header"),
            Self::Jwt(fault) => write!(f, "proof {fault}"),
            Self::Key(None) => f.write_str("proof without a key"),
            Self::Key(Some(bad)) => write!(f, "proof with a bad key: {bad}"),
            Self::Algorithm => f.write_str("proof whose algorithm is not its key's"),
            Self::Signature => f.write_str("proof that its key did not sign"),
            Self::Missing(name) => write!(f, "proof without {name}"),
            Self::Invalid(name) => write!(f, "proof with a bad {name}"),
            Self::Method => f.write_str("proof for another method"),
            Self::Address => f.write_str("proof for another address"),
            Self::Date => f.write_str("proof of another time"),
            Self::OtherToken => f.write_str("proof over another access token"),
            Self::Nonce => f.write_str("proof without a fresh nonce"),
            Self::Replayed => f.write_str("proof used before"),
        }
    }
}

impl std::error::Error for ProofFault {}

impl From<ForeignFault> for ProofFault {
    fn from(fault: ForeignFault) -> Self {
        Self::Jwt(fault)
    }
}

impl From<json::Fault> for ProofFault {
    fn from(_: json::Fault) -> Self {
        Self::Jwt(ForeignFault::Malformed)
    }
}

/// A proof that is good for the method, address and time that it was checked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    thumbprint: String,
    id: [u8; 16],
    nonce: Option<String>,
    access_token_hash: Option<String>,
}

impl Proof {
    /// The thumbprint of the key (RFC 7638): the `jkt` of what it is good for.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Names this proof among all of every key, for [`Seen`].
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// The nonce that it carries, not judged.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Whether it was made for this access token: `ath` is the token's SHA-256 (RFC 9449 §4.2).
    pub fn covers(&self, access_token: &str) -> bool {
        let hash = b64::encode(digest(&SHA256, access_token.as_bytes()));
        self.access_token_hash.as_ref() == Some(&hash)
    }
}

/// Judges a proof for a request of this method to this address, which is an absolute URL as its owner publishes it: never one put together
/// from a `Host` header. Both addresses are compared normalised (RFC 3986 §6.2.2, §6.2.3), without query and fragment.
///
/// # Errors
/// The first [`ProofFault`] of RFC 9449 §4.3 that the proof alone can show.
pub fn check(text: &str, method: &str, address: &str, now: Moment) -> Result<Proof, ProofFault> {
    let jwt = Foreign::open(text, PROOF, true)?;
    let key = VerifyingKey::from_jwk(jwt.jwk.as_deref().ok_or(ProofFault::Key(None))?).map_err(|bad| ProofFault::Key(Some(bad)))?;
    if !jwt.fits(&key) {
        return Err(ProofFault::Algorithm);
    }
    let mut found = Found::default();
    jwt.claims(|name, value| found.take(name, value))?;
    let jti = found.jti.ok_or(ProofFault::Missing("jti"))?;
    if found.htm.ok_or(ProofFault::Missing("htm"))? != method {
        return Err(ProofFault::Method);
    }
    let theirs = address::normalised(&found.htu.ok_or(ProofFault::Missing("htu"))?).ok_or(ProofFault::Invalid("htu"))?;
    if Some(theirs) != address::normalised(address) {
        return Err(ProofFault::Address);
    }
    let made_at = found.iat.ok_or(ProofFault::Missing("iat"))?;
    if made_at.since(now).max(now.since(made_at)) > WINDOW {
        return Err(ProofFault::Date);
    }
    if !jwt.is_signed_by(&key) {
        return Err(ProofFault::Signature);
    }
    let thumbprint = key.thumbprint();
    let id = id(&thumbprint, &jti);
    Ok(Proof { thumbprint, id, nonce: found.nonce, access_token_hash: found.ath })
}

#[derive(Default)]
struct Found {
    jti: Option<String>,
    htm: Option<String>,
    htu: Option<String>,
    iat: Option<Moment>,
    ath: Option<String>,
    nonce: Option<String>,
}

impl Found {
    fn take(&mut self, name: &str, value: Value<'_>) -> Result<(), ProofFault> {
        let text = |name, value, most| foreign::text(value, most).map(Some).ok_or(ProofFault::Invalid(name));
        match name {
            "jti" => self.jti = text("jti", value, MAX_TEXT)?,
            "htm" => self.htm = text("htm", value, MAX_TEXT)?,
            "htu" => self.htu = text("htu", value, MAX_ADDRESS)?,
            "ath" => self.ath = text("ath", value, MAX_TEXT)?,
            "nonce" => self.nonce = text("nonce", value, MAX_TEXT)?,
            "iat" => self.iat = Some(foreign::date(&value).ok_or(ProofFault::Invalid("iat"))?),
            _ => {}
        }
        Ok(())
    }
}

/// The thumbprint has one length, so that no two pairs share a text.
fn id(thumbprint: &str, jti: &str) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&digest(&SHA256, format!("{thumbprint}{jti}").as_bytes()).as_ref()[..16]);
    id
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
