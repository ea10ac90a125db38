//! Why a verb did not do what was asked, by whose fault.

use std::fmt;
use std::time::Duration;

use crate::api::Code;
use crate::policy::EndReason;
use crate::store::StoreFault;
use crate::token::dpop::ProofFault;
use crate::verify::Denial;

/// The ways to fail.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// The access token that came with the request is not good: its bearer's fault (401).
    Denied(Denial),
    /// The DPoP proof that came with an access token is not good: its sender's fault (401).
    Unproven(ProofFault),
    /// What was asked cannot be had: the asker's fault.
    Refused(Refusal),
    /// We cannot say now: ours (503). It is safe to ask again.
    Unavailable(Unavailable),
}

/// What was wrong with the asking: a closed list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Unknown client, wrong secret, or no secret where one is needed; one answer for all (RFC 6749 §5.2 `invalid_client`).
    ClientNotAuthenticated,
    /// The client's assertion proves nothing, for this reason, which only the log is told; otherwise the same answer.
    ClientAssertion(String),
    /// The DPoP proof at the token endpoint is not good (RFC 9449 §5 `invalid_dpop_proof`, §8 `use_dpop_nonce`).
    Unproven(ProofFault),
    /// The client gets bound tokens only, and sent no proof (RFC 9449 §5.2).
    ProofRequired,
    /// The client may not use this grant (`unauthorized_client`).
    GrantNotAllowed,
    /// No refresh token of ours: malformed or forged (`invalid_grant`).
    RefreshTokenInvalid,
    /// Another client's or another session's refresh token (`invalid_grant`).
    RefreshTokenForeign,
    /// A superseded refresh token: the session has been ended (`invalid_grant`).
    RefreshTokenReused,
    /// The session is over; `None`: unknown or forgotten (`invalid_grant`).
    SessionEnded(Option<EndReason>),
    /// A scope above what may be had (`invalid_scope`).
    ScopeNotAllowed,
    /// An audience above what may be had, or more than one (RFC 8707 `invalid_target`).
    AudienceNotAllowed,
    /// The access token lacks this scope (RFC 6750 `insufficient_scope`).
    InsufficientScope(&'static str),
    /// The access token was not issued to a client that may do this for that client id.
    ClientNotOpenable,
    /// Fields of the request are wrong: by JSON pointer (RFC 6901), which and how.
    Invalid(Vec<(String, Code)>),
    /// Custom claims would grow beyond 2 KiB or 32 members.
    ClaimsTooLarge,
    /// The same `Idempotency-Key` came with another request.
    IdempotencyKeyReused,
    /// No such session, revocation, key or client.
    NotFound,
    /// A client of this id exists already.
    ClientExists,
    /// The client may do something that the asker may not.
    ClientBeyond,
    /// The client has as many secrets as there can be.
    TooManySecrets,
    /// The client would have nothing left to prove itself with.
    LastSecret,
    /// The client stands in the configuration file: the API cannot change it.
    ClientReadOnly,
    /// No audit trail is kept.
    NoAuditTrail,
    /// The key's state does not allow it.
    KeyState(&'static str),
    /// As many keys are announced as may be.
    TooManyKeys,
    /// The active key cannot go: none stands by.
    NoStandby,
    /// Not built yet.
    Unsupported(&'static str),
}

/// Why we cannot answer now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// The store's queue is full.
    StoreBusy,
    /// The store failed; the text is for the log.
    StoreDown(String),
    /// The view is older than the hard age: nothing may be minted or accepted on it.
    ViewStale,
    /// No key of the needed kind may sign now.
    NoSigningKey,
    /// A refresh token names a MAC key that this node has not loaded yet.
    KeyRingBehind,
    /// The folder of keys cannot be read or written; the text is for the log.
    KeyFolder(String),
    /// The audit trail cannot be written or read; the text is for the log. Nothing was done.
    AuditTrail(String),
}

impl Unavailable {
    /// When to ask again, in whole seconds on the wire (`Retry-After`).
    pub fn retry_after(&self) -> Duration {
        Duration::from_secs(match self {
            Self::StoreBusy | Self::KeyRingBehind => 1,
            Self::StoreDown(_) | Self::ViewStale | Self::NoSigningKey | Self::KeyFolder(_) | Self::AuditTrail(_) => 5,
        })
    }
}

impl Fault {
    /// The code that answers, logs, metrics and the audit trail speak.
    pub fn code(&self) -> Code {
        match self {
            Self::Denied(denial) => code_of_denial(denial),
            Self::Unproven(fault) => code_of_proof(*fault),
            Self::Refused(refusal) => code_of_refusal(refusal),
            Self::Unavailable(unavailable) => match unavailable {
                Unavailable::StoreBusy => Code::StoreBusy,
                Unavailable::StoreDown(_) => Code::StoreDown,
                Unavailable::ViewStale => Code::ViewStale,
                Unavailable::NoSigningKey => Code::NoSigningKey,
                Unavailable::KeyRingBehind => Code::KeyRingBehind,
                Unavailable::KeyFolder(_) => Code::KeyFolder,
                Unavailable::AuditTrail(_) => Code::AuditTrail,
            },
        }
    }
}

/// An expired or revoked token is worth another try with a new one; whatever else is wrong with it, a stranger is not told.
fn code_of_denial(denial: &Denial) -> Code {
    match denial {
        Denial::Expired => Code::TokenExpired,
        Denial::Revoked(_) => Code::TokenRevoked,
        Denial::Stale => Code::ViewStale,
        Denial::TooLong | Denial::Malformed | Denial::UnsupportedFormat | Denial::HeaderMalformed | Denial::HeaderForbidden => {
            Code::TokenInvalid
        }
        Denial::WrongType | Denial::UnknownKey | Denial::AlgorithmMismatch | Denial::KeyMismatch | Denial::KeyEnded => Code::TokenInvalid,
        Denial::BadSignature | Denial::ClaimsMalformed | Denial::ClaimMissing | Denial::ClaimInvalid => Code::TokenInvalid,
        Denial::WrongIssuer | Denial::WrongAudience | Denial::NotYetValid | Denial::LifetimeTooLong | Denial::SenderKey => {
            Code::TokenInvalid
        }
    }
}

fn code_of_proof(fault: ProofFault) -> Code {
    if fault == ProofFault::Nonce { Code::DpopNonceWanted } else { Code::DpopProofInvalid }
}

fn code_of_refusal(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::ClientNotAuthenticated | Refusal::ClientAssertion(_) => Code::ClientNotAuthenticated,
        Refusal::Unproven(fault) => code_of_proof(*fault),
        Refusal::ProofRequired => Code::DpopProofRequired,
        Refusal::GrantNotAllowed => Code::GrantNotAllowed,
        Refusal::RefreshTokenInvalid => Code::RefreshTokenInvalid,
        Refusal::RefreshTokenForeign => Code::RefreshTokenForeign,
        Refusal::RefreshTokenReused => Code::RefreshTokenReused,
        Refusal::SessionEnded(_) => Code::SessionEnded,
        Refusal::ScopeNotAllowed => Code::ScopeNotAllowed,
        Refusal::AudienceNotAllowed => Code::AudienceNotAllowed,
        Refusal::InsufficientScope(_) => Code::InsufficientScope,
        Refusal::ClientNotOpenable => Code::ClientNotOpenable,
        Refusal::Invalid(_) => Code::InvalidRequest,
        Refusal::ClaimsTooLarge => Code::ClaimsTooLarge,
        Refusal::IdempotencyKeyReused => Code::IdempotencyKeyReused,
        Refusal::NotFound => Code::NotFound,
        Refusal::ClientExists => Code::ClientExists,
        Refusal::ClientReadOnly => Code::ClientReadOnly,
        Refusal::ClientBeyond => Code::ClientBeyondYours,
        Refusal::TooManySecrets => Code::TooManySecrets,
        Refusal::LastSecret => Code::LastSecret,
        Refusal::NoAuditTrail => Code::NoAuditTrail,
        Refusal::KeyState(_) => Code::KeyState,
        Refusal::TooManyKeys => Code::TooManyKeys,
        Refusal::NoStandby => Code::NoStandby,
        Refusal::Unsupported(_) => Code::Unsupported,
    }
}

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Self {
        Self::Unavailable(match fault {
            StoreFault::Busy => Unavailable::StoreBusy,
            StoreFault::Down(why) => Unavailable::StoreDown(why),
        })
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Denial> for Fault {
    /// A view that is too old is no fault of the bearer.
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Stale => Self::Unavailable(Unavailable::ViewStale),
            denial => Self::Denied(denial),
        }
    }
}

impl From<Unavailable> for Fault {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl Refusal {
    /// A fault in one field.
    pub fn invalid(pointer: impl Into<String>, code: Code) -> Self {
        Self::Invalid(vec![(pointer.into(), code)])
    }
}

impl fmt::Display for Unavailable {
    /// For the operator's log, never for a stranger.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreBusy => f.write_str("the store's queue is full"),
            Self::StoreDown(why) => write!(f, "the store has failed: {why}"),
            Self::ViewStale => f.write_str("the view of revocations is too old"),
            Self::NoSigningKey => f.write_str("no key may sign now"),
            Self::KeyFolder(why) => write!(f, "the key folder has failed: {why}"),
            Self::AuditTrail(why) => write!(f, "the audit trail cannot be used: {why}"),
            Self::KeyRingBehind => f.write_str("a refresh token names a MAC key that is not loaded"),
        }
    }
}
