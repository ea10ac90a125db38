//! Claims and bytes, there and back: JWT and PASETO access tokens, refresh tokens, and the JWTs that strangers sign to prove who they are.
//!
//! Reading goes in steps, so that a stranger's token costs as little as it can: length and shape, then the signature over the raw bytes
//! (by whoever holds the keys), and only then [`claims_json`].

pub mod assertion;
pub mod b64;
pub mod claims_json;
pub mod dpop;
mod foreign;
pub mod jwt;
pub mod paseto;
pub mod refresh;
#[cfg(test)]
mod test_claims;

pub use foreign::{FOREIGN_ALGORITHMS, ForeignFault};
pub use refresh::{RefreshFault, RefreshToken};

/// Bytes of an access token that is looked at at all.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Bytes of a `kid`.
pub const MAX_KID_BYTES: usize = 256;

/// Whether a `kid` may be looked up: 1 to 256 letters, digits and `-._~:=@`.
pub fn is_kid(kid: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:=@".contains(&byte);
    (1..=MAX_KID_BYTES).contains(&kid.len()) && kid.bytes().all(allowed)
}
