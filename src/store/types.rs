//! What a store is asked, and what it answers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::id::{IdRandom, Jti, RevocationId, Sid, Stamp};
use crate::policy::rotation::Above;
use crate::policy::{EndReason, Session};
use crate::registry::ScopeSet;
use crate::revocation::{Epochs, Extent, Revocation, Target};
use crate::time::Moment;

/// What the calling node knows already: a store that has gone back in time is told.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Known {
    /// The highest reading that it has seen.
    pub reading: Stamp,
    /// The epochs of its view for the subject, client and all that the call concerns.
    pub epochs: Epochs,
}

/// A session to open: everything but what the store decides (its id, its stamp and its times).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// The session. `sid`, `opened_at`, `last_refreshed_at`, `rotated_at` and `expires_at` are set by the store; `expires_at`
    /// comes in as `opened_at` plus the lifetime, so `lifetime` below says it.
    pub session: Session,
    /// From opening to the absolute end.
    pub lifetime: Duration,
    /// The random part of its id.
    pub random: IdRandom,
    /// How many live sessions may share its slot (with the same subject and client); none is no limit.
    pub sessions_per_slot: Option<u32>,
    /// Makes the call repeatable.
    pub idempotency: Option<Idempotency>,
}

/// An `Idempotency-Key`, as the store sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Idempotency {
    /// SHA-256 over the caller's id and the key.
    pub key: [u8; 32],
    /// SHA-256 over the request: the same key with another request is an error.
    pub request: [u8; 32],
    /// What the caller needs to give the same answer again, sealed by it.
    pub sealed: Vec<u8>,
    /// How long it is remembered.
    pub keep: Duration,
}

/// What opening did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opened {
    /// A new session, and the stamp for its first access token.
    New {
        /// As written.
        session: Box<Session>,
        /// For the `jti`.
        stamp: Stamp,
        /// The sessions that it displaced, and where the log tells of it.
        displaced: Vec<LogEntry>,
    },
    /// The session that the same `Idempotency-Key` opened before.
    Again {
        /// As it is now; it may have ended since.
        session: Box<Session>,
        /// For the `jti`.
        stamp: Stamp,
        /// What the first call gave to keep.
        sealed: Vec<u8>,
    },
    /// The same `Idempotency-Key` with another request.
    KeyReused,
}

/// What a refresh did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refreshed {
    /// Something is granted.
    Granted {
        /// Which row of the table.
        how: Granted,
        /// As it is now.
        session: Box<Session>,
        /// For the `jti` of the fresh access token.
        stamp: Stamp,
    },
    /// No such session, or it is over. `None`: unknown or forgotten.
    Gone(Option<EndReason>),
    /// Not this session's token, or not this client's.
    Foreign,
    /// More was asked than the session was opened with.
    Refused(Above),
    /// Theft: the session has ended, and the log tells.
    Reused {
        /// As it is now.
        session: Box<Session>,
        /// The entry that voids its access tokens.
        entry: LogEntry,
    },
}

/// The rows of the rotation table that grant something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Granted {
    /// Fresh access token; the client keeps its refresh token.
    Kept,
    /// New pair.
    Rotated,
    /// The same successor again.
    Retried,
    /// As `Kept`, after the store had gone back in time.
    Healed,
}

/// A change of claims or a narrowing of scope, to one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// Custom claims to merge, as the text of a JSON object; `null` removes one. Merged, they keep the limits of [`crate::claims::Custom`].
    pub claims: Option<String>,
    /// The scope to keep: what is not in it is dropped, nothing is added. For one session it must be within what that has.
    pub scope: Option<ScopeSet>,
}

/// What patching did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Patched {
    /// The session as it is now.
    Done(Box<Session>),
    /// No such session, or it is over.
    Gone(Option<EndReason>),
    /// The claims would grow beyond the limit; nothing is written.
    TooLarge,
    /// The scope is not within what the session has; nothing is written.
    Wider,
}

/// What patching all sessions of a subject did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SubjectPatched {
    /// How many sessions changed, and the epoch that voids their access tokens, where one was asked for.
    Done {
        /// How many live sessions changed.
        sessions: u32,
        /// The epoch over access tokens, set in the same step.
        voided: Option<LogEntry>,
    },
    /// One session's claims would grow beyond the limit; nothing is written.
    TooLarge,
}

/// A revocation to carry out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revoke {
    /// Under which its outcome can be read again.
    pub id: RevocationId,
    /// What to call back.
    pub what: Revocable,
    /// For a session: only when it has this secret and is this client's; anything else is `NotHeld` and writes nothing. A session that
    /// is unknown is nobody's: `Done`, and nothing is written.
    pub only_if: Option<Holder>,
    /// The reason that ended sessions show.
    pub end_reason: EndReason,
    /// A code for programs, chosen by the caller.
    pub reason_code: Option<String>,
    /// A note for people.
    pub reason_note: Option<String>,
    /// Who asks: a `client_id`.
    pub by: String,
    /// Makes the call repeatable.
    pub idempotency: Option<Idempotency>,
}

/// Who must hold a session for it to be revoked: whoever presents a genuine refresh token of it (RFC 7009).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The client that it must be of; none where the asker may revoke any.
    pub client_id: Option<String>,
    /// SHA-256 of the session secret in the token.
    pub secret_hash: [u8; 32],
}

/// What can be called back.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Revocable {
    /// One access token.
    Token(Jti),
    /// One session.
    Session(Sid),
    /// Every live session of a subject but one, each with a log entry of its own, in one atomic step.
    Others {
        /// Whose.
        subject: String,
        /// Narrowed to one client.
        client: Option<String>,
        /// The one that goes on.
        except: Sid,
    },
    /// All that originated in a target up to now.
    Epoch {
        /// In what.
        target: Target,
        /// How far it reaches.
        extent: Extent,
    },
    /// A signing key.
    Key(String),
}

/// A revocation as it was carried out; kept as long as its log entry.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Revoked {
    /// Its id.
    pub id: RevocationId,
    /// What was called back.
    pub what: Revocable,
    /// Up to when, in store time: the epoch's stamp, else the reading.
    pub stamp: Stamp,
    /// Where the log has its (last) entry.
    pub position: Position,
    /// When, in raw store time.
    pub created_at: Moment,
    /// See [`Revoke::reason_code`].
    pub reason_code: Option<String>,
    /// See [`Revoke::reason_note`].
    pub reason_note: Option<String>,
    /// Who asked.
    pub by: String,
    /// How many sessions it ended by an entry of their own (`session` and `Others`); epochs end theirs without counting.
    pub sessions_ended: u32,
}

/// What revoking did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RevokeAnswer {
    /// Durable, with the entries that it wrote, to be merged into the node's own view before it answers.
    Done {
        /// The record.
        revoked: Box<Revoked>,
        /// What the log got.
        entries: Vec<LogEntry>,
        /// Whose session it was, where one session was called back and is remembered.
        owner: Option<Owner>,
    },
    /// The revocation that the same `Idempotency-Key` made before.
    Again(Box<Revoked>),
    /// The same `Idempotency-Key` with another request.
    KeyReused,
    /// The session is not as [`Revoke::only_if`] demands.
    NotHeld,
}

/// Whose a session is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The user.
    pub subject: String,
    /// At which client.
    pub client_id: String,
}

impl From<Session> for Owner {
    fn from(Session { subject, client_id, .. }: Session) -> Self {
        Self { subject, client_id }
    }
}

/// An opaque place in the log. It compares for equality only; order is the store's to know.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Position(pub(super) String);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of the revocation log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// Its place.
    pub position: Position,
    /// What was called back.
    pub revocation: Revocation,
}

/// A stretch of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogPage {
    /// In order.
    pub entries: Vec<LogEntry>,
    /// From where to go on.
    pub position: Position,
    /// Whether there is more already.
    pub more: bool,
    /// Whether entries between the position asked for and the first one here may be missing: trimmed, or another incarnation.
    pub gap: bool,
}

/// How long what is called back can matter at a client: as long as its access tokens and its sessions live.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Keep {
    /// How long its access tokens need an entry of the log, in confirmed heartbeats.
    pub log: Duration,
    /// The absolute lifetime of its sessions.
    pub session: Duration,
}

/// A heartbeat that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    /// The highest store time seen, now persisted: the stamp for tokens without a session.
    pub reading: Stamp,
    /// Raw store time of this heartbeat.
    pub at: Moment,
    /// How long the store keeps an entry of the log: the greatest value ever given. Views keep theirs as long.
    pub keep_log: Duration,
    /// How far the store has come with it.
    pub progress: Progress,
}

/// How far a store has come, in which of its lives. It prints as one line, and reads from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    pub(super) incarnation: u64,
    /// Entries of the log ever written.
    pub(super) entries: u64,
    /// The sum of confirmed heartbeats, in milliseconds.
    pub(super) beats: u64,
}

impl Progress {
    /// Whether a store that is here has been at `earlier`: if not, it is another one, or an older copy.
    pub fn has_been_at(self, earlier: Self) -> bool {
        let Self { incarnation, entries, beats } = earlier;
        self.incarnation == incarnation && self.entries >= entries && self.beats >= beats
    }

    /// Whether the two are of one life of a store.
    pub fn is_same_life(self, other: Self) -> bool {
        self.incarnation == other.incarnation
    }

    /// Whether something has been called back since `earlier`, or this much time has passed.
    pub fn is_news_after(self, earlier: Self, time: Duration) -> bool {
        let passed = Duration::from_millis(self.beats.saturating_sub(earlier.beats));
        (self.incarnation, self.entries) != (earlier.incarnation, earlier.entries) || passed >= time
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { incarnation, entries, beats } = self;
        write!(f, "{incarnation:016x} {entries} {beats}")
    }
}

impl FromStr for Progress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split_ascii_whitespace();
        let mut word = || words.next().ok_or(());
        let incarnation = u64::from_str_radix(word()?, 16).map_err(drop)?;
        let [entries, beats] = [word()?, word()?].map(|number| number.parse().map_err(drop));
        if words.next().is_some() { Err(()) } else { Ok(Self { incarnation, entries: entries?, beats: beats? }) }
    }
}

/// Which sessions to list.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Filter {
    /// Of this subject.
    pub subject: Option<String>,
    /// At this client.
    pub client_id: Option<String>,
    /// Only live ones (`true`) or only ended ones (`false`).
    pub active: Option<bool>,
}

/// A page of sessions, each with where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionPage {
    /// At most as many as asked for.
    pub sessions: Vec<Session>,
    /// Where the next page begins; none at the end. A page may be short, or empty, and still have a next one.
    pub next: Option<Sid>,
}
