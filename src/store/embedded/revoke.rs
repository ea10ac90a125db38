//! Revocations: carried out, written to the log and remembered in one step.

use std::time::Duration;

use super::super::common::{EpochRow, epochs_kept, holds};
use super::super::{Known, LogEntry, Owner, Revocable, Revoke, RevokeAnswer, Revoked};
use super::tables::{self, Broken, Due, Made, encode, target_key};
use super::writer::Step;
use crate::id::{Sid, Stamp};
use crate::policy::{Ended, Session};
use crate::revocation::{Epochs, Extent, Revocation, Target};
use crate::time::whole_millis;

impl Step<'_> {
    pub(super) fn revoke(&mut self, mut revoke: Revoke, known: Known) -> Result<RevokeAnswer, Broken> {
        let idempotency = revoke.idempotency.take();
        if let Some(row) = idempotency.as_ref().map(|key| self.made_before(key)).transpose()?.flatten() {
            let id = match row.made {
                Made::Revocation(id) if idempotency.as_ref().is_some_and(|key| key.request == row.request) => id,
                Made::Session(_) | Made::Revocation(_) => return Ok(RevokeAnswer::KeyReused),
            };
            if let Some(revoked) = tables::row(self.tables.revocations.open()?, id.as_bytes())? {
                return Ok(RevokeAnswer::Again(Box::new(revoked)));
            }
        }
        let session = match &revoke.what {
            Revocable::Session(sid) => tables::session(self.tables.sessions.open()?, *sid)?,
            _ => None,
        };
        if let (Revocable::Session(_), Some(holder)) = (&revoke.what, &revoke.only_if) {
            match &session {
                Some(session) if !holds(holder, session) => return Ok(RevokeAnswer::NotHeld),
                Some(_) => {}
                None => return Ok(RevokeAnswer::Done { revoked: Box::new(self.nothing(revoke, known)), entries: Vec::new(), owner: None }),
            }
        }
        let id = revoke.id;
        let (revoked, entries) = self.carry_out(revoke, known)?;
        if let Some(idempotency) = idempotency {
            self.remember(idempotency, Made::Revocation(id))?;
        }
        Ok(RevokeAnswer::Done { revoked: Box::new(revoked), entries, owner: session.map(Owner::from) })
    }

    /// Carries a revocation out, whatever was asked before.
    pub(super) fn carry_out(&mut self, revoke: Revoke, known: Known) -> Result<(Revoked, Vec<LogEntry>), Broken> {
        let mut stamp = self.reading(known);
        let mut sessions_ended = 0;
        let entries = match &revoke.what {
            Revocable::Token(jti) => vec![self.append(Revocation::Token(*jti))?],
            Revocable::Key(kid) => vec![self.append(Revocation::Key(kid.clone()))?],
            Revocable::Session(sid) => {
                sessions_ended = u32::from(self.end_session(*sid, &revoke, known)?);
                vec![self.append(Revocation::Session(*sid))?]
            }
            Revocable::Others { subject, client, except } => {
                let entries = self.end_others(subject, client.as_deref(), *except, &revoke, known)?;
                sessions_ended = u32::try_from(entries.len()).unwrap_or(u32::MAX);
                entries
            }
            Revocable::Epoch { target, extent } => {
                stamp = self.epoch_stamp(known);
                vec![self.raise(target, *extent, stamp, &revoke.by)?]
            }
        };
        let mut revoked = Revoked { stamp, sessions_ended, ..self.nothing(revoke, known) };
        if let Some(last) = entries.last() {
            revoked.position.clone_from(&last.position);
        }
        self.tables.revocations.open()?.insert(revoked.id.as_bytes(), encode(&revoked)?.as_slice())?;
        self.forget_after_log(Due::Revocation, revoked.id.as_bytes())?;
        Ok((revoked, entries))
    }

    /// A revocation that has ended nothing and written nothing yet.
    fn nothing(&mut self, revoke: Revoke, known: Known) -> Revoked {
        let Revoke { id, what, reason_code, reason_note, by, only_if: _, end_reason: _, idempotency: _ } = revoke;
        let (stamp, position) = (self.reading(known), self.end_of_log());
        Revoked { id, what, stamp, position, created_at: self.now, reason_code, reason_note, by, sessions_ended: 0 }
    }

    /// Ends the record of a session; whether it lived.
    fn end_session(&mut self, sid: Sid, revoke: &Revoke, known: Known) -> Result<bool, Broken> {
        let Some(session) = tables::session(self.tables.sessions.open()?, sid)?.filter(|session| session.ended.is_none()) else {
            return Ok(false);
        };
        let rows = self.epochs(&session.subject, &session.client_id)?;
        let over = rows.over(&session, known.epochs, self.now);
        let lived = over.is_none();
        self.end(session, over.unwrap_or_else(|| self.ending(revoke)))?;
        Ok(lived)
    }

    fn end_others(
        &mut self,
        subject: &str,
        client: Option<&str>,
        except: Sid,
        revoke: &Revoke,
        known: Known,
    ) -> Result<Vec<LogEntry>, Broken> {
        let live = self.live_sessions(subject, client.unwrap_or_default(), known.epochs)?;
        let is_other = |session: &Session| session.sid != except && client.is_none_or(|client| session.client_id == client);
        live.into_iter().filter(is_other).map(|session| self.end_logged(session, self.ending(revoke))).collect()
    }

    fn ending(&self, revoke: &Revoke) -> Ended {
        Ended { reason: revoke.end_reason, by: revoke.by.clone(), at: self.now }
    }

    fn raise(&mut self, target: &Target, extent: Extent, stamp: Stamp, by: &str) -> Result<LogEntry, Broken> {
        let key = target_key(target);
        if let (Extent::Sessions, Target::Subject(subject) | Target::SubjectAtClient { subject, .. }) = (extent, target) {
            // What is over already keeps its own reason.
            self.live_sessions(subject, "", Epochs::default())?;
        }
        let mut row: EpochRow = tables::row(self.tables.epochs.open()?, key.as_slice())?.unwrap_or_default();
        row.epoch.raise(extent, stamp);
        row.written = self.state.confirmed;
        if extent == Extent::Sessions {
            by.clone_into(&mut row.by);
            row.at = self.now;
        }
        self.tables.epochs.open()?.insert(key.as_slice(), encode(&row)?.as_slice())?;
        self.state.highest_epoch = self.state.highest_epoch.max(stamp);
        let due = Due::Epoch.key(self.epoch_due(&row), &key);
        self.tables.due.open()?.insert(due.as_slice(), ())?;
        self.append(Revocation::Epoch { target: target.clone(), extent, stamp })
    }

    /// When a row of epochs may be forgotten, in confirmed heartbeats.
    pub(super) fn epoch_due(&self, row: &EpochRow) -> u64 {
        let (longest_session, keep_log) = (Duration::from_millis(self.state.longest_session), Duration::from_millis(self.state.keep_log));
        row.written.saturating_add(whole_millis(epochs_kept(longest_session, keep_log, self.settings.grace)))
    }
}
