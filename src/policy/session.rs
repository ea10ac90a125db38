//! A session: one login of one subject at one client on one device, from its opening to its end.

use std::fmt;
use std::time::Duration;

use crate::id::Sid;
use crate::registry::ScopeSet;
use crate::revocation::{Cause, Epochs};
use crate::time::Moment;

/// Everything a store keeps of a session. No token is in it, and no secret: the refresh token is computed.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Session {
    /// Its id; the time field is the stamp at which it was opened.
    pub sid: Sid,
    /// Who.
    pub subject: String,
    /// At which client.
    pub client_id: String,
    /// When it was opened, in raw store time.
    pub opened_at: Moment,
    /// When it was last refreshed; written at most every tenth of `idle`, but for rotations.
    pub last_refreshed_at: Moment,
    /// Its absolute end; nothing extends it.
    pub expires_at: Moment,
    /// How long it may lie unused.
    pub idle: Duration,
    /// How many times it has rotated; exactly one refresh token is current.
    pub generation: u32,
    /// When the current generation began, in raw store time.
    pub rotated_at: Moment,
    /// The id of the MAC key under which the current refresh token was made.
    pub mac_key: u8,
    /// SHA-256 of the session secret in its refresh tokens.
    pub secret_hash: [u8; 32],
    /// The audiences that it was opened with, in order; the first is the default.
    pub audience: Vec<String>,
    /// The scope that it was opened with: the ceiling, for ever.
    pub opened_scope: ScopeSet,
    /// The scope that it has now, within `opened_scope`.
    pub scope: ScopeSet,
    /// Custom claims: the text of a JSON object.
    pub claims: String,
    /// When the user authenticated, in seconds since the epoch (OpenID Connect Core §2).
    pub auth_time: Option<u64>,
    /// Authentication context (RFC 9470).
    pub acr: Option<String>,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// The thumbprint of the sender's key, where the session is bound to one (RFC 9449).
    pub sender_key: Option<String>,
    /// The device, as the backend described it.
    pub device: Option<Device>,
    /// The label that groups sessions for a limit.
    pub slot: Option<String>,
    /// The upstream session that it came from.
    pub upstream: Option<Upstream>,
    /// Set when it ended.
    pub ended: Option<Ended>,
}

/// What a backend knows of the device.
#[derive(Clone, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct Device {
    /// A name for people.
    pub name: Option<String>,
    /// The User-Agent at login.
    pub user_agent: Option<String>,
    /// The address at login.
    pub ip: Option<String>,
}

/// The upstream provider's session.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Upstream {
    /// Its issuer.
    pub iss: String,
    /// Its session id there.
    pub sid: Option<String>,
}

/// How a session ended.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// Who or what did it: a `client_id`, or `mintage` itself.
    pub by: String,
    /// When, in raw store time.
    pub at: Moment,
}

/// Why a session ended: a closed list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The client or the user signed out.
    LoggedOut,
    /// A revocation of this session.
    Revoked,
    /// An epoch at its subject.
    SubjectRevoked,
    /// An epoch at its client.
    ClientRevoked,
    /// An epoch at everything.
    AllRevoked,
    /// A superseded refresh token was presented: theft.
    RefreshTokenReused,
    /// Its absolute end came.
    Expired,
    /// It lay unused too long.
    Idle,
    /// A newer session took its place in a limit.
    Displaced,
}

impl EndReason {
    /// The reason that an epoch gives.
    pub const fn of(cause: Cause) -> Self {
        match cause {
            Cause::Subject => Self::SubjectRevoked,
            Cause::Client => Self::ClientRevoked,
            Cause::All => Self::AllRevoked,
            Cause::Token | Cause::Session | Cause::Key => Self::Revoked,
        }
    }

    /// The name on the wire and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Revoked => "revoked",
            Self::SubjectRevoked => "subject_revoked",
            Self::ClientRevoked => "client_revoked",
            Self::AllRevoked => "all_revoked",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Displaced => "displaced",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a session stands at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It can be refreshed.
    Active,
    /// It is over, for this reason.
    Ended(EndReason),
}

impl Session {
    /// When it ends unless it is refreshed before.
    pub fn idle_expires_at(&self) -> Moment {
        self.last_refreshed_at.plus(self.idle).min(self.expires_at)
    }

    /// Where it stands at `now` (raw store time), given every epoch that is known for it.
    pub fn state(&self, now: Moment, epochs: Epochs) -> State {
        if let Some(ended) = &self.ended {
            State::Ended(ended.reason)
        } else if let Some(cause) = epochs.void_session(self.sid.stamp()) {
            State::Ended(EndReason::of(cause))
        } else if now >= self.expires_at {
            State::Ended(EndReason::Expired)
        } else if now >= self.idle_expires_at() {
            State::Ended(EndReason::Idle)
        } else {
            State::Active
        }
    }
}
