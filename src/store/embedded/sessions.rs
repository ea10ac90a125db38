//! Opening, refreshing, patching and listing sessions.

use redb::{ReadTransaction, ReadableTable};

use super::super::common::{self, EpochRows, MINTAGE, patched, widens};
use super::super::{
    Filter, Granted, Idempotency, Known, LogEntry, Open, Opened, Patch, Patched, Refreshed, Revoke, SessionPage, SubjectPatched,
};
use super::tables::{
    self, BY_SUBJECT, Broken, EPOCHS, LIVE, Made, OVER, SESSIONS, SubjectKey, by_subject_key, encode, epoch_rows, indexed_sid,
};
use super::writer::Step;
use crate::id::{IdRandom, Sid, Stamp};
use crate::policy::rotation::{Outcome, Request, apply, judge};
use crate::policy::{EndReason, Ended, Session};
use crate::revocation::{Epochs, Revocation};
use crate::time::Moment;

/// How many records one page of a list looks at.
const LOOKED_AT: usize = 1000;
/// The most sessions on one page.
const PAGE: u32 = 200;

impl Step<'_> {
    pub(super) fn open(&mut self, open: Open, known: Known) -> Result<Opened, Broken> {
        if let Some(again) = self.opened_before(&open, known)? {
            return Ok(again);
        }
        let Open { mut session, lifetime, random, sessions_per_slot, idempotency } = open;
        let rows = self.epochs(&session.subject, &session.client_id)?;
        let stamp = self.stamp(rows.epochs().union(known.epochs), known);
        let displaced = self.displace(&session, sessions_per_slot, known)?;
        session.sid = self.free_sid(stamp, random)?;
        session.opened_at = self.now;
        session.last_refreshed_at = self.now;
        session.rotated_at = self.now;
        session.expires_at = self.now.plus(lifetime);
        session.ended = None;
        self.put(&session)?;
        self.tables.by_subject.open()?.insert(&by_subject_key(&session.subject, LIVE, session.sid.as_bytes()), ())?;
        if let Some(idempotency) = idempotency {
            self.remember(idempotency, Made::Session(session.sid))?;
        }
        Ok(Opened::New { session: Box::new(session), stamp, displaced })
    }

    /// What the same `Idempotency-Key` did; a session that is forgotten takes its key along.
    fn opened_before(&mut self, open: &Open, known: Known) -> Result<Option<Opened>, Broken> {
        let Some(idempotency) = &open.idempotency else { return Ok(None) };
        let Some(row) = self.made_before(idempotency)? else { return Ok(None) };
        let sid = match row.made {
            Made::Session(sid) if row.request == idempotency.request => sid,
            Made::Session(_) | Made::Revocation(_) => return Ok(Some(Opened::KeyReused)),
        };
        let Some(session) = tables::session(self.tables.sessions.open()?, sid)? else { return Ok(None) };
        let rows = self.epochs(&session.subject, &session.client_id)?;
        let stamp = self.stamp(rows.epochs().union(known.epochs), known);
        let session = self.shown(session, &rows, known.epochs);
        Ok(Some(Opened::Again { session: Box::new(session), stamp, sealed: row.sealed }))
    }

    /// An id that no session has: of this stamp, which must not grow, and the caller's random bits or the next free ones.
    fn free_sid(&mut self, stamp: Stamp, mut random: IdRandom) -> Result<Sid, Broken> {
        loop {
            let sid = Sid::in_shard(stamp, 0, &random);
            if self.tables.sessions.open()?.get(sid.as_bytes())?.is_none() {
                return Ok(sid);
            }
            random = common::next_random(random);
        }
    }

    /// Makes room for a new session within its slot and its subject: what has lain unused longest ends. Sessions at other clients go last:
    /// who opens at one client must not sign the subject out of the rest.
    fn displace(&mut self, new: &Session, per_slot: Option<u32>, known: Known) -> Result<Vec<LogEntry>, Broken> {
        let mut live = self.live_sessions(&new.subject, &new.client_id, known.epochs)?;
        live.sort_by_key(|session| (session.client_id != new.client_id, session.last_refreshed_at, session.sid));
        let shares_slot = |other: &Session| new.slot.is_some() && other.slot == new.slot && other.client_id == new.client_id;
        let in_slot = live.iter().filter(|other| shares_slot(other)).count();
        let mut slot_excess = per_slot.map_or(0, |limit| excess(in_slot, limit));
        let (mut displaced, mut kept) = (Vec::new(), Vec::new());
        for session in live {
            if slot_excess > 0 && shares_slot(&session) {
                slot_excess -= 1;
                displaced.push(session);
            } else {
                kept.push(session);
            }
        }
        let subject_excess = excess(kept.len(), self.settings.sessions_per_subject);
        displaced.extend(kept.into_iter().take(subject_excess));
        let ended = Ended { reason: EndReason::Displaced, by: MINTAGE.to_owned(), at: self.now };
        displaced.into_iter().map(|session| self.end_logged(session, ended.clone())).collect()
    }

    pub(super) fn refresh(&mut self, request: &Request, known: Known) -> Result<Refreshed, Broken> {
        let Some(mut session) = tables::session(self.tables.sessions.open()?, request.sid)? else { return Ok(Refreshed::Gone(None)) };
        let rows = self.epochs(&session.subject, &session.client_id)?;
        let known_here = concerning(known.epochs, &session, &request.client_id);
        let epochs = rows.epochs().union(known_here);
        let outcome = judge(&session, request, epochs, self.time());
        let changed = apply(outcome, &mut session, request, self.now);
        let how = match outcome {
            Outcome::Gone(reason) => {
                let ended = self.close_if_over(session, &rows, known_here)?.err();
                return Ok(Refreshed::Gone(Some(ended.map_or(reason, |ended| ended.reason))));
            }
            Outcome::Foreign => return Ok(Refreshed::Foreign),
            Outcome::Refused(above) => return Ok(Refreshed::Refused(above)),
            Outcome::Reused => {
                let entry = self.ended(&session)?;
                return Ok(Refreshed::Reused { session: Box::new(session), entry });
            }
            Outcome::Kept => Granted::Kept,
            Outcome::Rotated => Granted::Rotated,
            Outcome::Retried => Granted::Retried,
            Outcome::Healed => Granted::Healed,
        };
        if changed {
            self.put(&session)?;
        }
        Ok(Refreshed::Granted { how, stamp: self.stamp(epochs, known), session: Box::new(session) })
    }

    pub(super) fn patch(&mut self, sid: Sid, patch: &Patch, known: Known) -> Result<Patched, Broken> {
        let Some(session) = tables::session(self.tables.sessions.open()?, sid)? else { return Ok(Patched::Gone(None)) };
        let rows = self.epochs(&session.subject, &session.client_id)?;
        let session = match self.close_if_over(session, &rows, known.epochs)? {
            Ok(live) => live,
            Err(ended) => return Ok(Patched::Gone(Some(ended.reason))),
        };
        if widens(&session, patch) {
            return Ok(Patched::Wider);
        }
        let Some(session) = patched(&session, patch) else { return Ok(Patched::TooLarge) };
        self.put(&session)?;
        Ok(Patched::Done(Box::new(session)))
    }

    pub(super) fn patch_subject(
        &mut self,
        subject: &str,
        client: Option<&str>,
        patch: &Patch,
        void: Option<Revoke>,
    ) -> Result<SubjectPatched, Broken> {
        let live = self.live_sessions(subject, "", Epochs::default())?;
        let concerned = live.iter().filter(|session| client.is_none_or(|client| session.client_id == client));
        let Some(changed) = concerned.map(|session| patched(session, patch)).collect::<Option<Vec<_>>>() else {
            return Ok(SubjectPatched::TooLarge);
        };
        for session in &changed {
            self.put(session)?;
        }
        let voided = void.map(|revoke| self.carry_out(revoke, Known::default())).transpose()?;
        let voided = voided.and_then(|(_, entries)| entries.into_iter().last());
        Ok(SubjectPatched::Done { sessions: u32::try_from(changed.len()).unwrap_or(u32::MAX), voided })
    }

    /// The live sessions of a subject at every client.
    pub(super) fn live_sessions(&mut self, subject: &str, client: &str, known: Epochs) -> Result<Vec<Session>, Broken> {
        let mut live = Vec::new();
        for sid in indexed(self.tables.by_subject.open()?, subject, LIVE, None, usize::MAX)? {
            let Some(session) = tables::session(self.tables.sessions.open()?, sid)?.filter(|session| session.subject == subject) else {
                continue;
            };
            let rows = self.epochs(&session.subject, &session.client_id)?;
            let known = concerning(known, &session, client);
            live.extend(self.close_if_over(session, &rows, known)?.ok());
        }
        Ok(live)
    }

    /// Gives a live session back. One that is over gets a word in its record in this same step, if it has none: once it has been
    /// refused, no clock that goes back revives it, and no later cause changes why it ended.
    pub(super) fn close_if_over(&mut self, session: Session, rows: &EpochRows, known: Epochs) -> Result<Result<Session, Ended>, Broken> {
        let Some(ended) = rows.over(&session, known, self.now) else { return Ok(Ok(session)) };
        if session.ended.is_none() {
            self.end(session, ended.clone())?;
        }
        Ok(Err(ended))
    }

    /// Ends a live session, and tells the log.
    pub(super) fn end_logged(&mut self, mut session: Session, ended: Ended) -> Result<LogEntry, Broken> {
        session.ended = Some(ended);
        self.ended(&session)
    }

    fn ended(&mut self, session: &Session) -> Result<LogEntry, Broken> {
        self.close(session)?;
        self.append(Revocation::Session(session.sid))
    }

    /// Ends a session that can have no token to void any more, or whose tokens are void already.
    pub(super) fn end(&mut self, mut session: Session, ended: Ended) -> Result<(), Broken> {
        session.ended = Some(ended);
        self.close(&session)
    }

    fn close(&mut self, session: &Session) -> Result<(), Broken> {
        self.put(session)?;
        self.tables.by_subject.open()?.remove(&by_subject_key(&session.subject, LIVE, session.sid.as_bytes()))?;
        self.tables.by_subject.open()?.insert(&by_subject_key(&session.subject, OVER, session.sid.as_bytes()), ())?;
        Ok(())
    }

    fn put(&mut self, session: &Session) -> Result<(), Broken> {
        self.tables.sessions.open()?.insert(session.sid.as_bytes(), encode(session)?.as_slice())?;
        Ok(())
    }

    fn shown(&self, mut session: Session, rows: &EpochRows, known: Epochs) -> Session {
        session.ended = rows.over(&session, known, self.now);
        session
    }

    pub(super) fn made_before(&mut self, idempotency: &Idempotency) -> Result<Option<tables::IdempotencyRow>, Broken> {
        tables::row(self.tables.idempotency.open()?, &idempotency.key)
    }

    pub(super) fn remember(&mut self, idempotency: Idempotency, made: Made) -> Result<(), Broken> {
        let Idempotency { key, request, sealed, keep } = idempotency;
        let row = encode(&tables::IdempotencyRow { request, sealed, made })?;
        self.tables.idempotency.open()?.insert(&key, row.as_slice())?;
        self.forget_after(keep, tables::Due::Idempotency, &key)
    }
}

/// One session as a reader sees it.
pub(super) fn one(txn: &ReadTransaction, sid: Sid, now: Moment) -> Result<Option<Session>, Broken> {
    let Some(mut session) = tables::session(&txn.open_table(SESSIONS)?, sid)? else { return Ok(None) };
    let rows = epoch_rows(&txn.open_table(EPOCHS)?, &session.subject, &session.client_id)?;
    session.ended = rows.over(&session, Epochs::default(), now);
    Ok(Some(session))
}

/// One page of a list.
pub(super) fn page(txn: &ReadTransaction, filter: &Filter, from: Option<Sid>, limit: u32, now: Moment) -> Result<SessionPage, Broken> {
    let (sessions, epochs) = (txn.open_table(SESSIONS)?, txn.open_table(EPOCHS)?);
    let limit = limit.clamp(1, PAGE) as usize;
    let mut page = SessionPage { sessions: Vec::new(), next: None };
    for (looked_at, sid) in candidates(txn, filter, from)?.into_iter().enumerate() {
        if page.sessions.len() == limit || looked_at == LOOKED_AT {
            page.next = Some(sid);
            break;
        }
        let Some(mut session) = tables::session(&sessions, sid)? else { continue };
        let is_asked_for = filter.subject.as_ref().is_none_or(|subject| session.subject == *subject)
            && filter.client_id.as_ref().is_none_or(|client| session.client_id == *client);
        if !is_asked_for {
            continue;
        }
        session.ended = epoch_rows(&epochs, &session.subject, &session.client_id)?.over(&session, Epochs::default(), now);
        if filter.active.is_none_or(|active| active == session.ended.is_none()) {
            page.sessions.push(session);
        }
    }
    Ok(page)
}

/// The ids to look at, in order: one more than a page may look at, to know where the next one begins.
fn candidates(txn: &ReadTransaction, filter: &Filter, from: Option<Sid>) -> Result<Vec<Sid>, Broken> {
    let Some(subject) = &filter.subject else {
        let first = from.map_or([0; 16], |sid| *sid.as_bytes());
        let table = txn.open_table(SESSIONS)?;
        let keys = table.range::<&[u8; 16]>(&first..)?.take(LOOKED_AT + 1);
        return keys
            .map(|row| Sid::from_bytes(*row?.0.value()).ok_or_else(|| Broken::Damaged("a session has no sid".to_owned())))
            .collect();
    };
    let index = txn.open_table(BY_SUBJECT)?;
    let mut sids = indexed(&index, subject, LIVE, from, LOOKED_AT + 1)?;
    sids.extend(indexed(&index, subject, OVER, from, LOOKED_AT + 1)?);
    sids.sort_unstable();
    sids.truncate(LOOKED_AT + 1);
    Ok(sids)
}

/// The sessions in one part of the index, from `from` on.
fn indexed(
    index: &impl ReadableTable<&'static SubjectKey, ()>,
    subject: &str,
    part: u8,
    from: Option<Sid>,
    limit: usize,
) -> Result<Vec<Sid>, Broken> {
    let first = by_subject_key(subject, part, from.as_ref().map_or(&[0; 16], Sid::as_bytes));
    let last = by_subject_key(subject, part, &[0xff; 16]);
    index.range::<&SubjectKey>(&first..=&last)?.take(limit).map(|row| indexed_sid(row?.0.value())).collect()
}

/// What the caller's knowledge for one client says of a session: another client's epochs do not concern it.
fn concerning(known: Epochs, session: &Session, client: &str) -> Epochs {
    if session.client_id == client { known } else { Epochs { all: known.all, subject: known.subject, ..Epochs::default() } }
}

/// How many must go so that one more fits.
fn excess(live: usize, limit: u32) -> usize {
    (live + 1).saturating_sub(limit.max(1) as usize)
}
