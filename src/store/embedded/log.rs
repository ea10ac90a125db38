//! The revocation log: appended in order, read in pages, trimmed by age in confirmed heartbeats.

use redb::{ReadTransaction, ReadableTable};

use super::super::common::Place;
use super::super::{LogEntry, LogPage, Position};
use super::tables::{self, Broken, Due, LOG, encode, logged_key, position};
use super::writer::Step;
use crate::revocation::Revocation;
use crate::time::whole_millis;

impl Step<'_> {
    /// Writes an entry. A token, session or key that stands in the log already keeps the entry that it has.
    pub(super) fn append(&mut self, revocation: Revocation) -> Result<LogEntry, Broken> {
        let logged = logged_key(&revocation);
        if let Some(key) = &logged
            && let Some(seq) = self.tables.logged.open()?.get(key.as_slice())?.map(|seq| seq.value())
        {
            return Ok(LogEntry { position: position(self.state.incarnation, seq), revocation });
        }
        self.state.last_seq += 1;
        let seq = self.state.last_seq;
        self.tables.log.open()?.insert(seq, encode(&revocation)?.as_slice())?;
        if let Some(key) = logged {
            self.tables.logged.open()?.insert(key.as_slice(), seq)?;
        }
        self.forget_after_log(Due::Log, &seq.to_be_bytes())?;
        Ok(LogEntry { position: self.end_of_log(), revocation })
    }

    /// The position of the last entry.
    pub(super) fn end_of_log(&self) -> Position {
        position(self.state.incarnation, self.state.last_seq)
    }

    /// Lets something be forgotten when a log entry written now would be.
    pub(super) fn forget_after_log(&mut self, kind: Due, key: &[u8]) -> Result<(), Broken> {
        self.forget_after(std::time::Duration::from_millis(self.state.keep_log), kind, key)
    }

    /// Lets something be forgotten after `keep` of confirmed heartbeats.
    pub(super) fn forget_after(&mut self, keep: std::time::Duration, kind: Due, key: &[u8]) -> Result<(), Broken> {
        let at = self.state.confirmed.saturating_add(whole_millis(keep));
        self.tables.due.open()?.insert(kind.key(at, key).as_slice(), ())?;
        Ok(())
    }
}

/// The entries after a position. One of another life, or ahead of this one, begins anew and says so.
pub(super) fn page(txn: &ReadTransaction, from: &Position, limit: u32) -> Result<LogPage, Broken> {
    let state = tables::state(txn)?;
    let (after, gap) = match Place::parse(from) {
        Some(place) if place.incarnation == state.incarnation && place.seq <= state.last_seq => (place.seq, place.seq < state.trimmed),
        Some(_) => (0, true),
        None => (0, *from != Position::default()),
    };
    let limit = limit.max(1) as usize;
    let log = txn.open_table(LOG)?;
    let mut entries = Vec::new();
    for row in log.range(after + 1..)?.take(limit + 1) {
        let (seq, revocation) = row?;
        entries.push((seq.value(), tables::decode::<Revocation>(revocation.value())?));
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    let end = if more { entries.last().map_or(after, |(seq, _)| *seq) } else { state.last_seq };
    let entry = |(seq, revocation)| LogEntry { position: position(state.incarnation, seq), revocation };
    Ok(LogPage { entries: entries.into_iter().map(entry).collect(), position: position(state.incarnation, end), more, gap })
}
