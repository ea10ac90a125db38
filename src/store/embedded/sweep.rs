//! Forgetting: sessions whose grace is over, and what has been kept long enough. Every step is bounded.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redb::{ReadTransaction, ReadableTable};

use super::super::Swept;
use super::super::common::{EpochRow, is_past, is_settled};
use super::tables::{self, Broken, DUE, Due, EPOCHS, LIVE, OVER, SESSIONS, by_subject_key, epoch_rows, logged_key};
use super::writer::Step;
use crate::id::Sid;
use crate::policy::Session;
use crate::policy::rotation::StoreTime;
use crate::revocation::{Epochs, Revocation};
use crate::time::Moment;

/// How many records one sweep looks at.
const LOOKED_AT: usize = 2000;

/// Sessions that a reader found to be forgettable, or over without a word in their record.
pub(super) struct Found {
    sids: Vec<Sid>,
    /// Whether something else may have been kept long enough.
    due: bool,
    /// Whether there are records that it has not looked at.
    pub(super) more: bool,
}

impl Found {
    /// Whether there is nothing to write.
    pub(super) fn is_nothing(&self) -> bool {
        self.sids.is_empty() && !self.due
    }
}

/// Looks for sessions to forget beside the writer, from where the last sweep stopped.
pub(super) fn find(txn: &ReadTransaction, cursor: &Mutex<Option<Sid>>, limit: u32, now: Moment, grace: Duration) -> Result<Found, Broken> {
    let state = tables::state(txn)?;
    let time = StoreTime { now, last_heartbeat: state.last_heartbeat, steady_since: state.steady_since };
    let (sessions, epochs) = (txn.open_table(SESSIONS)?, txn.open_table(EPOCHS)?);
    let mut cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner);
    let first = cursor.take().map_or([0; 16], |sid| *sid.as_bytes());
    let due = first_due(&txn.open_table(DUE)?, state.confirmed)?.is_some();
    let mut found = Found { sids: Vec::new(), due, more: false };
    for (looked_at, row) in sessions.range::<&[u8; 16]>(&first..)?.enumerate() {
        let session: Session = tables::decode(row?.1.value())?;
        if looked_at == LOOKED_AT || found.sids.len() == limit as usize {
            *cursor = Some(session.sid);
            found.more = true;
            break;
        }
        let over = epoch_rows(&epochs, &session.subject, &session.client_id)?.over(&session, Epochs::default(), now);
        if over.is_some_and(|ended| is_past(time, ended.at, grace) || is_settled(time, &session, &ended)) {
            found.sids.push(session.sid);
        }
    }
    Ok(found)
}

impl Step<'_> {
    pub(super) fn sweep(&mut self, found: &Found, limit: u32) -> Result<Swept, Broken> {
        let mut swept = Swept { more: found.more, ..Swept::default() };
        for sid in &found.sids {
            self.sweep_session(*sid, &mut swept)?;
        }
        for _ in swept.sessions + swept.ended..limit.max(1) {
            let Some(due) = first_due(self.tables.due.open()?, self.state.confirmed)? else { return Ok(swept) };
            swept.entries += u32::from(self.forget(&due)?);
        }
        swept.more |= first_due(self.tables.due.open()?, self.state.confirmed)?.is_some();
        Ok(swept)
    }

    /// Judged again: it may have changed since it was found.
    fn sweep_session(&mut self, sid: Sid, swept: &mut Swept) -> Result<(), Broken> {
        let Some(session) = tables::session(self.tables.sessions.open()?, sid)? else { return Ok(()) };
        let rows = self.epochs(&session.subject, &session.client_id)?;
        let Some(ended) = rows.over(&session, Epochs::default(), self.now) else { return Ok(()) };
        if is_past(self.time(), ended.at, self.settings.grace) {
            let part = if session.ended.is_some() { OVER } else { LIVE };
            self.tables.by_subject.open()?.remove(&by_subject_key(&session.subject, part, sid.as_bytes()))?;
            self.tables.sessions.open()?.remove(sid.as_bytes())?;
            swept.sessions += 1;
        } else if is_settled(self.time(), &session, &ended) {
            self.end(session, ended)?;
            swept.ended += 1;
        }
        Ok(())
    }

    /// Forgets what a row names, unless something newer keeps it; whether anything went.
    fn forget(&mut self, due: &[u8]) -> Result<bool, Broken> {
        self.tables.due.open()?.remove(due)?;
        let Some((_, kind, key)) = Due::parse(due) else { return Ok(false) };
        match kind {
            Due::Log => self.trim(key),
            Due::Epoch => self.forget_epoch(key),
            Due::Revocation => Ok(self.tables.revocations.open()?.remove(&fixed::<16>(key)?)?.is_some()),
            Due::Idempotency => Ok(self.tables.idempotency.open()?.remove(&fixed::<32>(key)?)?.is_some()),
            Due::Spent => Ok(self.tables.spent.open()?.remove(&fixed::<32>(key)?)?.is_some()),
        }
    }

    /// Trims one entry of the log; a key's stays as long as the key must exist.
    fn trim(&mut self, key: &[u8]) -> Result<bool, Broken> {
        let seq = u64::from_be_bytes(fixed(key)?);
        let Some(revocation) = tables::row::<_, Revocation>(self.tables.log.open()?, seq)? else { return Ok(false) };
        if let Revocation::Key(kid) = &revocation
            && self.tables.keys.open()?.get(kid.as_str())?.is_some()
        {
            self.forget_after_log(Due::Log, key)?;
            return Ok(false);
        }
        if let Some(logged) = logged_key(&revocation) {
            self.tables.logged.open()?.remove(logged.as_slice())?;
        }
        self.tables.log.open()?.remove(seq)?;
        self.state.trimmed = self.state.trimmed.max(seq);
        Ok(true)
    }

    fn forget_epoch(&mut self, key: &[u8]) -> Result<bool, Broken> {
        let Some(row) = tables::row::<_, EpochRow>(self.tables.epochs.open()?, key)? else { return Ok(false) };
        let due = self.epoch_due(&row);
        if due >= self.state.confirmed {
            // Raised since, or to be kept longer since.
            self.tables.due.open()?.insert(Due::Epoch.key(due, key).as_slice(), ())?;
            return Ok(false);
        }
        self.tables.epochs.open()?.remove(key)?;
        Ok(true)
    }
}

/// The first row of what has been kept long enough.
fn first_due(due: &impl ReadableTable<&'static [u8], ()>, confirmed: u64) -> Result<Option<Vec<u8>>, Broken> {
    let Some((row, _)) = due.first()? else { return Ok(None) };
    let (at, ..) = Due::parse(row.value()).ok_or_else(|| Broken::Damaged("a row of what is due cannot be read".to_owned()))?;
    Ok((at < confirmed).then(|| row.value().to_vec()))
}

fn fixed<const N: usize>(key: &[u8]) -> Result<[u8; N], Broken> {
    key.try_into().map_err(|_| Broken::Damaged("a row of what is due names no such key".to_owned()))
}
