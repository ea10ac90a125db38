//! What every backend says alike: places in a log, how a session that is over shows it, and merged claims.

use std::time::Duration;

use subtle::ConstantTimeEq;

use super::{Holder, Patch, Position};
use crate::claims::Custom;
use crate::id::{IdRandom, Stamp};
use crate::policy::rotation::StoreTime;
use crate::policy::{EndReason, Ended, Session, State};
use crate::revocation::{Epoch, Epochs};
use crate::time::Moment;

/// Who ends a session that nobody ended.
pub(super) const MINTAGE: &str = "mintage";

/// A place in the log of a store with one shard: which life of the store, and how many entries it had written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) incarnation: u64,
    pub(super) seq: u64,
}

impl Place {
    /// Reads a position that this kind of store gave; `None` for any other, the default one included.
    pub(super) fn parse(position: &Position) -> Option<Self> {
        let (incarnation, seq) = position.0.split_once('.')?;
        Some(Self { incarnation: u64::from_str_radix(incarnation, 16).ok()?, seq: u64::from_str_radix(seq, 16).ok()? })
    }
}

impl From<Place> for Position {
    fn from(place: Place) -> Self {
        Self(format!("{:016x}.{:x}", place.incarnation, place.seq))
    }
}

/// What a store keeps of one target: its maxima, and who ended its sessions last.
#[derive(Clone, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct EpochRow {
    pub(super) epoch: Epoch,
    pub(super) by: String,
    pub(super) at: Moment,
    /// The sum of confirmed heartbeats when it was last raised, in milliseconds.
    pub(super) written: u64,
}

/// The rows of the four targets that concern one subject at one client.
#[derive(Clone, Default, Debug)]
pub(super) struct EpochRows {
    pub(super) all: EpochRow,
    pub(super) client: EpochRow,
    pub(super) subject: EpochRow,
    pub(super) subject_at_client: EpochRow,
}

impl EpochRows {
    pub(super) fn epochs(&self) -> Epochs {
        Epochs {
            all: self.all.epoch,
            client: self.client.epoch,
            subject: self.subject.epoch,
            subject_at_client: self.subject_at_client.epoch,
        }
    }

    /// The row that voids a session opened at `opened`, in the order in which causes are told.
    fn voiding(&self, opened: Stamp) -> Option<&EpochRow> {
        [&self.all, &self.client, &self.subject, &self.subject_at_client].into_iter().find(|row| opened <= row.epoch.sessions)
    }

    /// How a session is over at `now`, given what the caller knows beside these rows; `None` while it lives.
    pub(super) fn over(&self, session: &Session, known: Epochs, now: Moment) -> Option<Ended> {
        let State::Ended(reason) = session.state(now, self.epochs().union(known)) else { return None };
        if let Some(ended) = &session.ended {
            return Some(ended.clone());
        }
        let (by, at) = match (reason, self.voiding(session.sid.stamp())) {
            (EndReason::Expired, _) => (MINTAGE, session.expires_at),
            (EndReason::Idle, _) => (MINTAGE, session.idle_expires_at()),
            (_, Some(row)) => (row.by.as_str(), row.at),
            (_, None) => (MINTAGE, now),
        };
        Some(Ended { reason, by: by.to_owned(), at })
    }
}

/// Whether a patch asks for a scope that the session does not have.
pub(super) fn widens(session: &Session, patch: &Patch) -> bool {
    patch.scope.as_ref().is_some_and(|scope| !scope.is_within(&session.scope))
}

/// The session with the patch carried out; `None` when its claims would grow beyond what custom claims may be.
pub(super) fn patched(session: &Session, patch: &Patch) -> Option<Session> {
    let mut session = session.clone();
    if let Some(claims) = &patch.claims {
        let held = if session.claims.is_empty() { Custom::default() } else { Custom::parse(&session.claims).ok()? };
        session.claims = held.merge(claims).ok()?.text().to_owned();
    }
    if let Some(scope) = &patch.scope {
        session.scope = session.scope.intersection(scope);
    }
    Some(session)
}

/// Whether whoever revokes a session holds it.
pub(super) fn holds(holder: &Holder, session: &Session) -> bool {
    let same_secret = bool::from(session.secret_hash[..].ct_eq(&holder.secret_hash[..]));
    same_secret && holder.client_id.as_ref().is_none_or(|client| session.client_id == *client)
}

/// How long a clock must have been steady before a session is forgotten by it (or for the grace, where that is shorter).
const BELIEVED_AFTER: Duration = Duration::from_secs(600);

/// Whether the grace of what ended at `at` is over, by a clock that has been steady for a while.
pub(super) fn is_past(time: StoreTime, at: Moment, grace: Duration) -> bool {
    time.now.since(at) > grace && time.age(at) >= grace.min(BELIEVED_AFTER)
}

/// Whether a session that is over without a word in its record may be given one: a clock that has been steady for a while says so, so
/// that one that jumps ends nobody whom it does not refuse.
pub(super) fn is_settled(time: StoreTime, session: &Session, ended: &Ended) -> bool {
    session.ended.is_none() && is_past(time, ended.at, BELIEVED_AFTER)
}

/// How long a row of epochs is kept after it was last raised, in confirmed heartbeats: as long as a session that it voids could live, or
/// is remembered with its reason, and a day more.
pub(super) fn epochs_kept(longest_session: Duration, keep_log: Duration, grace: Duration) -> Duration {
    longest_session.max(keep_log).max(grace) + Duration::from_secs(86_400)
}

/// The bits after these, for an id that is taken.
pub(super) fn next_random(random: IdRandom) -> IdRandom {
    let mut next = random;
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_kept_as_long_as_what_it_ended_lives_or_is_remembered() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!(epochs_kept(days(30), days(1), days(1)), days(31));
        assert_eq!(epochs_kept(days(1), days(7), days(1)), days(8));
        assert_eq!(epochs_kept(days(1), days(1), days(90)), days(91), "support asks why, long after the session could have lived");
    }
}
