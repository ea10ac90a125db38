//! All that a store remembers, and its time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::common::{EpochRow, EpochRows, Place, epochs_kept, is_past, is_settled};
use super::super::{Heartbeat, Known, LogEntry, Position, Progress, Revoked, Settings, Swept};
use crate::id::{RevocationId, Sid, Stamp};
use crate::policy::rotation::StoreTime;
use crate::policy::{Ended, Session};
use crate::registry::Client;
use crate::revocation::{Epochs, Retention, Revocation, Target};
use crate::time::{Moment, whole_millis};

/// Until when something is kept, in confirmed heartbeats.
type Until = Duration;

pub(super) struct Life {
    pub(super) settings: Settings,
    pub(super) incarnation: u64,
    /// Raw store time of the operation at hand.
    pub(super) now: Moment,
    pub(super) reading: Stamp,
    pub(super) highest_epoch: Stamp,
    pub(super) confirmed: Duration,
    last_heartbeat: Moment,
    steady_since: Moment,
    pub(super) sessions: BTreeMap<Sid, Session>,
    pub(super) epochs: BTreeMap<Target, EpochRow>,
    pub(super) log: BTreeMap<u64, (Revocation, Until)>,
    pub(super) last_seq: u64,
    pub(super) trimmed: u64,
    pub(super) revocations: BTreeMap<RevocationId, (Revoked, Until)>,
    pub(super) made: BTreeMap<[u8; 32], (Made, Until)>,
    pub(super) clients: BTreeMap<String, Client>,
    pub(super) keys: BTreeSet<String>,
    pub(super) keys_over: BTreeSet<String>,
    pub(super) spent: BTreeMap<[u8; 32], Until>,
}

/// What a call with an `Idempotency-Key` made.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) request: [u8; 32],
    pub(super) sealed: Vec<u8>,
    pub(super) what: MadeWhat,
}

#[derive(Clone, Copy)]
pub(super) enum MadeWhat {
    Session(Sid),
    Revocation(RevocationId),
}

impl Life {
    pub(super) fn new(now: Moment, incarnation: u64, settings: Settings) -> Self {
        Self {
            settings,
            incarnation,
            now,
            reading: Stamp::ZERO,
            highest_epoch: Stamp::ZERO,
            confirmed: Duration::ZERO,
            last_heartbeat: now,
            steady_since: now,
            sessions: BTreeMap::new(),
            epochs: BTreeMap::new(),
            log: BTreeMap::new(),
            last_seq: 0,
            trimmed: 0,
            revocations: BTreeMap::new(),
            made: BTreeMap::new(),
            clients: BTreeMap::new(),
            keys: BTreeSet::new(),
            keys_over: BTreeSet::new(),
            spent: BTreeMap::new(),
        }
    }

    pub(super) fn time(&self) -> StoreTime {
        StoreTime { now: self.now, last_heartbeat: self.last_heartbeat, steady_since: self.steady_since }
    }

    pub(super) fn reading(&mut self, known: Known) -> Stamp {
        self.reading = self.reading.max(known.reading).max(Stamp::from_millis(self.now.millis()));
        self.reading
    }

    pub(super) fn stamp(&mut self, epochs: Epochs, known: Known) -> Stamp {
        self.highest_epoch = self.highest_epoch.max(known.epochs.highest());
        self.reading(known).max(epochs.highest().next())
    }

    pub(super) fn rows(&self, subject: &str, client: &str) -> EpochRows {
        let (subject, client) = (subject.to_owned(), client.to_owned());
        let row = |target: Target| self.epochs.get(&target).cloned().unwrap_or_default();
        EpochRows {
            all: row(Target::All),
            client: row(Target::Client(client.clone())),
            subject: row(Target::Subject(subject.clone())),
            subject_at_client: row(Target::SubjectAtClient { subject, client }),
        }
    }

    pub(super) fn rows_of(&self, session: &Session) -> EpochRows {
        self.rows(&session.subject, &session.client_id)
    }

    pub(super) fn heartbeat(&mut self) -> Heartbeat {
        let is_unsteady = self.time().is_unsteady();
        self.confirmed += self.now.since(self.last_heartbeat).min(Retention::MAX_STEP);
        self.last_heartbeat = self.now;
        if is_unsteady {
            self.steady_since = self.now;
        }
        let beats = whole_millis(self.confirmed);
        let progress = Progress { incarnation: self.incarnation, entries: self.last_seq, beats };
        Heartbeat { reading: self.reading(Known::default()), at: self.now, keep_log: self.settings.keep_log, progress }
    }

    pub(super) fn position(&self, seq: u64) -> Position {
        Place { incarnation: self.incarnation, seq }.into()
    }

    /// Writes an entry; a token, session or key that stands in the log already keeps the entry that it has.
    pub(super) fn append(&mut self, revocation: Revocation) -> LogEntry {
        let is_epoch = matches!(revocation, Revocation::Epoch { .. });
        let standing = self.log.iter().find(|(_, (held, _))| !is_epoch && *held == revocation).map(|(seq, _)| *seq);
        let seq = standing.unwrap_or(self.last_seq + 1);
        if standing.is_none() {
            self.last_seq = seq;
            self.log.insert(seq, (revocation.clone(), self.confirmed + self.settings.keep_log));
        }
        LogEntry { position: self.position(seq), revocation }
    }

    pub(super) fn sweep(&mut self, limit: u32) -> Swept {
        let mut swept = Swept::default();
        let time = self.time();
        let over: Vec<(Sid, Ended)> = self.sessions.values().filter_map(|session| Some((session.sid, self.over(session)?))).collect();
        for (sid, ended) in over {
            let is_forgettable = is_past(time, ended.at, self.settings.grace);
            let Some(session) = self.sessions.get_mut(&sid).filter(|session| is_forgettable || is_settled(time, session, &ended)) else {
                continue;
            };
            if swept.sessions + swept.ended == limit {
                swept.more = true;
                break;
            } else if is_forgettable {
                self.sessions.remove(&sid);
                swept.sessions += 1;
            } else {
                session.ended = Some(ended);
                swept.ended += 1;
            }
        }
        let (entries, more) = self.forget_what_is_due(limit.max(1).saturating_sub(swept.sessions + swept.ended));
        Swept { entries, more: swept.more || more, ..swept }
    }

    fn over(&self, session: &Session) -> Option<Ended> {
        self.rows_of(session).over(session, Epochs::default(), self.now)
    }

    /// At most `limit` of what has been kept long enough, and whether there is more; a key's log entry stays as long as the key must
    /// exist.
    fn forget_what_is_due(&mut self, limit: u32) -> (u32, bool) {
        let confirmed = self.confirmed;
        let kept = epochs_kept(self.settings.longest_session, self.settings.keep_log, self.settings.grace);
        for (revocation, until) in self.log.values_mut() {
            if *until < confirmed && matches!(revocation, Revocation::Key(kid) if self.keys.contains(kid)) {
                *until = confirmed + self.settings.keep_log;
            }
        }
        let (mut gone, mut more) = (0, false);
        let mut stays = |until: Until| {
            let (is_due, fits) = (until < confirmed, gone < limit);
            gone += u32::from(is_due && fits);
            more |= is_due && !fits;
            !(is_due && fits)
        };
        let trimmed = &mut self.trimmed;
        self.log.retain(|seq, (_, until)| {
            let stays = stays(*until);
            *trimmed = if stays { *trimmed } else { (*trimmed).max(*seq) };
            stays
        });
        self.revocations.retain(|_, (_, until)| stays(*until));
        self.made.retain(|_, (_, until)| stays(*until));
        self.spent.retain(|_, until| stays(*until));
        self.epochs.retain(|_, row| stays(Duration::from_millis(row.written) + kept));
        (gone, more)
    }
}
