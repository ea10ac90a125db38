//! Why a token is not accepted: a closed list.

use std::fmt;

use crate::policy::ClaimFault;
use crate::revocation::Cause;
use crate::token::claims_json::ClaimsFault;
use crate::token::{jwt, paseto};

/// Why a token is not accepted, as exactly as its owner may know it. All but [`Denial::Stale`] are the bearer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Denial {
    /// Longer than any token that is looked at.
    TooLong,
    /// Neither the three parts of a JWT nor those of a PASETO token, or a part is not base64url in its one spelling.
    Malformed,
    /// Encrypted (JWE), or PASETO of another version or purpose.
    UnsupportedFormat,
    /// The header or footer is not the JSON that belongs there, or its `kid` is no id.
    HeaderMalformed,
    /// The header or footer brings what must never be followed: `crit`, `b64`, `zip`, a key or a place to fetch one.
    HeaderForbidden,
    /// Another kind of JWT: `typ` is not `at+jwt` (RFC 9068 §4).
    WrongType,
    /// No key of this id is held, or the token names none.
    UnknownKey,
    /// The header names another algorithm than the key's own (RFC 8725 §3.1).
    AlgorithmMismatch,
    /// The key is not for tokens of this format or this issuer.
    KeyMismatch,
    /// The key has come to its published end.
    KeyEnded,
    /// The signature is not the key's over these bytes.
    BadSignature,
    /// Genuine, but the payload is not the JSON of claims, within the limits.
    ClaimsMalformed,
    /// Genuine, but a claim that every access token has is missing.
    ClaimMissing,
    /// Genuine, but a claim is of the wrong type, out of range, or spelled another way than its one.
    ClaimInvalid,
    /// See [`ClaimFault::Issuer`].
    WrongIssuer,
    /// See [`ClaimFault::Audience`].
    WrongAudience,
    /// See [`ClaimFault::Expired`].
    Expired,
    /// See [`ClaimFault::NotYetValid`].
    NotYetValid,
    /// See [`ClaimFault::LifetimeTooLong`].
    LifetimeTooLong,
    /// See [`ClaimFault::SenderKey`].
    SenderKey,
    /// Called back, by this.
    Revoked(Cause),
    /// The token may be good; we are not: the revocation view is older than the hard age, and the policy is to refuse (503, never 401).
    Stale,
}

impl Denial {
    /// Every denial.
    pub const ALL: [Self; 27] = [
        Self::TooLong,
        Self::Malformed,
        Self::UnsupportedFormat,
        Self::HeaderMalformed,
        Self::HeaderForbidden,
        Self::WrongType,
        Self::UnknownKey,
        Self::AlgorithmMismatch,
        Self::KeyMismatch,
        Self::KeyEnded,
        Self::BadSignature,
        Self::ClaimsMalformed,
        Self::ClaimMissing,
        Self::ClaimInvalid,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::Expired,
        Self::NotYetValid,
        Self::LifetimeTooLong,
        Self::SenderKey,
        Self::Revoked(Cause::Token),
        Self::Revoked(Cause::Session),
        Self::Revoked(Cause::Subject),
        Self::Revoked(Cause::Client),
        Self::Revoked(Cause::All),
        Self::Revoked(Cause::Key),
        Self::Stale,
    ];

    /// The name in answers, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::UnsupportedFormat => "unsupported_format",
            Self::HeaderMalformed => "header_malformed",
            Self::HeaderForbidden => "header_forbidden",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::KeyMismatch => "key_mismatch",
            Self::KeyEnded => "key_ended",
            Self::BadSignature => "bad_signature",
            Self::ClaimsMalformed => "claims_malformed",
            Self::ClaimMissing => "claim_missing",
            Self::ClaimInvalid => "claim_invalid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::SenderKey => "sender_key",
            Self::Revoked(Cause::Token) => "revoked_token",
            Self::Revoked(Cause::Session) => "revoked_session",
            Self::Revoked(Cause::Subject) => "revoked_subject",
            Self::Revoked(Cause::Client) => "revoked_client",
            Self::Revoked(Cause::All) => "revoked_all",
            Self::Revoked(Cause::Key) => "revoked_key",
            Self::Stale => "stale",
        }
    }

    /// Whether the bearer is to blame (401). Otherwise it is us (503), and the token may be good.
    pub const fn is_bearers_fault(self) -> bool {
        !matches!(self, Self::Stale)
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Denial {}

impl From<ClaimFault> for Denial {
    fn from(fault: ClaimFault) -> Self {
        match fault {
            ClaimFault::Issuer => Self::WrongIssuer,
            ClaimFault::Audience => Self::WrongAudience,
            ClaimFault::Expired => Self::Expired,
            ClaimFault::NotYetValid => Self::NotYetValid,
            ClaimFault::LifetimeTooLong => Self::LifetimeTooLong,
            ClaimFault::SenderKey => Self::SenderKey,
        }
    }
}

impl From<jwt::SplitFault> for Denial {
    fn from(fault: jwt::SplitFault) -> Self {
        match fault {
            jwt::SplitFault::TooLong => Self::TooLong,
            jwt::SplitFault::Malformed => Self::Malformed,
            jwt::SplitFault::Encrypted => Self::UnsupportedFormat,
        }
    }
}

impl From<jwt::HeaderFault> for Denial {
    fn from(fault: jwt::HeaderFault) -> Self {
        match fault {
            jwt::HeaderFault::Malformed
            | jwt::HeaderFault::DuplicateName
            | jwt::HeaderFault::BadAlgorithm
            | jwt::HeaderFault::BadKid
            | jwt::HeaderFault::BadType => Self::HeaderMalformed,
            jwt::HeaderFault::Extension(_) | jwt::HeaderFault::EmbeddedKey(_) => Self::HeaderForbidden,
        }
    }
}

impl From<paseto::SplitFault> for Denial {
    fn from(fault: paseto::SplitFault) -> Self {
        match fault {
            paseto::SplitFault::TooLong => Self::TooLong,
            paseto::SplitFault::UnknownHeader => Self::UnsupportedFormat,
            paseto::SplitFault::Malformed | paseto::SplitFault::BadEncoding => Self::Malformed,
            paseto::SplitFault::LongFooter => Self::HeaderMalformed,
        }
    }
}

impl From<paseto::FooterFault> for Denial {
    fn from(fault: paseto::FooterFault) -> Self {
        match fault {
            paseto::FooterFault::Malformed | paseto::FooterFault::BadKid => Self::HeaderMalformed,
            paseto::FooterFault::KeyMaterial => Self::HeaderForbidden,
        }
    }
}

impl From<ClaimsFault> for Denial {
    fn from(fault: ClaimsFault) -> Self {
        match fault {
            ClaimsFault::Malformed => Self::ClaimsMalformed,
            ClaimsFault::Missing(_) => Self::ClaimMissing,
            ClaimsFault::WrongType(_) | ClaimsFault::BadDate(_) | ClaimsFault::BadId(_) => Self::ClaimInvalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_denial_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.name()).collect();
        assert_eq!(names.len(), Denial::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
