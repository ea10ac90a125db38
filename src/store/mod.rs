//! What the issuer must be able to rely on: [`Store`], one promise a method, and its backends.
//!
//! "Not there" is an outcome; `Err` means that the store itself failed, and that the effect is unknown.

mod any;
mod common;
#[cfg(test)]
mod conformance;
pub mod embedded;
mod model;
mod types;

use std::fmt;
use std::future::Future;
use std::time::Duration;

pub use any::AnyStore;
pub use embedded::{Embedded, Snapshot};
pub use model::Model;
pub use types::{
    Filter, Granted, Heartbeat, Holder, Idempotency, Keep, Known, LogEntry, LogPage, Open, Opened, Owner, Patch, Patched, Position,
    Progress, Refreshed, Revocable, Revoke, RevokeAnswer, Revoked, SessionPage, SubjectPatched,
};

use crate::id::{RevocationId, Sid, Stamp};
use crate::policy::Session;
use crate::policy::rotation::Request;
use crate::registry::Client;

/// What a store is told once, when it is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How long a log entry is kept, in confirmed heartbeats. The greatest value ever given to a store holds, here or with a client.
    pub keep_log: Duration,
    /// How long an ended session is remembered, so that "why was I signed out?" has an answer.
    pub grace: Duration,
    /// Added to the reading when an epoch is set: what a failover may lose. One second on the embedded store.
    pub margin: Duration,
    /// How many live sessions a subject may have; one more displaces the one that has lain unused longest.
    pub sessions_per_subject: u32,
    /// The longest absolute lifetime of a session: epochs are kept that long and a day.
    pub longest_session: Duration,
}

/// The store failed; nothing is known of the effect, and it is safe to ask again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreFault {
    /// Its queue is full: nothing was done.
    Busy,
    /// It cannot be used any more; the text is for the operator's log.
    Down(String),
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the store's queue is full"),
            Self::Down(why) => write!(f, "the store has failed: {why}"),
        }
    }
}

impl std::error::Error for StoreFault {}

/// The promises. Every method is one atomic step, durable when it answers: one round trip on Redis, one transaction on disk.
///
/// Where a session is answered, `ended` is filled in as the step judged it: from the record, an epoch, or a lifetime that has passed.
pub trait Store: Send + Sync + 'static {
    /// Opens a session; with an `Idempotency-Key`, of any number of calls with the same key exactly one opens.
    /// Its stamp lies above every epoch that concerns it, above the reading and above what the caller knows.
    fn open(&self, open: Open, known: Known) -> impl Future<Output = Result<Opened, StoreFault>> + Send;

    /// Judges a refresh token by the rotation rule and moves the session. Of any number of callers on any number of machines that
    /// present generation `g` of a session, exactly one sees `Rotated`; the others see `Kept`, `Retried` or, with no window, `Reused`.
    /// The reason behind `Gone` outlives the session for the grace.
    fn refresh(&self, request: Request, known: Known) -> impl Future<Output = Result<Refreshed, StoreFault>> + Send;

    /// Merges claims into one live session, or narrows its scope. A patch that would widen it writes nothing.
    fn patch(&self, sid: Sid, patch: Patch, known: Known) -> impl Future<Output = Result<Patched, StoreFault>> + Send;

    /// Merges claims into every live session of a subject (at one client), and in the same step voids their access tokens where asked.
    fn patch_subject(
        &self,
        subject: String,
        client: Option<String>,
        patch: Patch,
        void: Option<Revoke>,
    ) -> impl Future<Output = Result<SubjectPatched, StoreFault>> + Send;

    /// Carries out a revocation; idempotent, and it merges: tokens and sessions form a growing set, an epoch is a maximum.
    /// A session that is unknown or over is written to the log all the same.
    fn revoke(&self, revoke: Revoke, known: Known) -> impl Future<Output = Result<RevokeAnswer, StoreFault>> + Send;

    /// A revocation made before, while it is remembered.
    fn revocation(&self, id: RevocationId) -> impl Future<Output = Result<Option<Revoked>, StoreFault>> + Send;

    /// One session, while it is remembered. Read-only.
    fn session(&self, sid: Sid) -> impl Future<Output = Result<Option<Session>, StoreFault>> + Send;

    /// Sessions in the order of their ids, from `from` on; at most `limit` (≤ 200), looking at no more than 1,000 records.
    fn sessions(&self, filter: Filter, from: Option<Sid>, limit: u32) -> impl Future<Output = Result<SessionPage, StoreFault>> + Send;

    /// A stamp above the reading, the epochs of this subject at this client, and what the caller knows: for a token without a session
    /// when the last confirmed reading is not above every epoch known for it.
    fn stamp(&self, subject: String, client: String, known: Known) -> impl Future<Output = Result<Stamp, StoreFault>> + Send;

    /// The log after `position` (from its beginning for the default one), at most `limit` entries.
    fn log(&self, position: Position, limit: u32) -> impl Future<Output = Result<LogPage, StoreFault>> + Send;

    /// Writes the store's time. It confirms the age of views, and begins a new steady time when the last one is too far away.
    fn heartbeat(&self) -> impl Future<Output = Result<Heartbeat, StoreFault>> + Send;

    /// Registers a client or replaces its registration whole; from now on, and for ever, what is called back is kept as long as it
    /// needs.
    fn put_client(&self, client: Client, keep: Keep) -> impl Future<Output = Result<(), StoreFault>> + Send;

    /// Removes a client; whether there was one.
    fn remove_client(&self, id: String) -> impl Future<Output = Result<bool, StoreFault>> + Send;

    /// Every client registered here.
    fn clients(&self) -> impl Future<Output = Result<Vec<Client>, StoreFault>> + Send;

    /// Remembers that a key of this id exists: a start without it is refused. `false` where it has been forgotten before: it is over, and
    /// an old copy of its file must not bring it back.
    fn remember_key(&self, kid: String) -> impl Future<Output = Result<bool, StoreFault>> + Send;

    /// Forgets a key that has been retired and deleted in order, for good.
    fn forget_key(&self, kid: String) -> impl Future<Output = Result<(), StoreFault>> + Send;

    /// The ids of every key that must exist. Empty in a new store.
    fn keys(&self) -> impl Future<Output = Result<Vec<String>, StoreFault>> + Send;

    /// Spends a single-use id (a client assertion's `jti`); `false` when it was spent before.
    fn spend(&self, id: [u8; 32], keep: Duration) -> impl Future<Output = Result<bool, StoreFault>> + Send;

    /// Removes at most `limit` things that may be forgotten, each judged in the step that removes it; and writes down the end of
    /// sessions that have run out, so that no later cause changes why.
    fn sweep(&self, limit: u32) -> impl Future<Output = Result<Swept, StoreFault>> + Send;
}

/// What a sweep did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Swept {
    /// Sessions forgotten: over, and their grace too.
    pub sessions: u32,
    /// Sessions that had run out: from now on their record says when and why.
    pub ended: u32,
    /// Log entries, revocation records and idempotency keys.
    pub entries: u32,
    /// Whether there is more to do at once.
    pub more: bool,
}
