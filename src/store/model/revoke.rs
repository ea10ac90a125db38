//! Revocations.

use super::super::common::{EpochRow, holds};
use super::super::{Known, LogEntry, Owner, Revocable, Revoke, RevokeAnswer, Revoked};
use super::life::{Life, Made, MadeWhat};
use crate::id::{Sid, Stamp};
use crate::policy::Ended;
use crate::revocation::{Epochs, Extent, Revocation, Target};
use crate::time::whole_millis;

impl Life {
    pub(super) fn revoke(&mut self, revoke: Revoke, known: Known) -> RevokeAnswer {
        if let Some(key) = &revoke.idempotency
            && let Some((made, _)) = self.made.get(&key.key)
        {
            let MadeWhat::Revocation(id) = made.what else { return RevokeAnswer::KeyReused };
            if made.request != key.request {
                return RevokeAnswer::KeyReused;
            }
            if let Some((revoked, _)) = self.revocations.get(&id) {
                return RevokeAnswer::Again(Box::new(revoked.clone()));
            }
        }
        let session = match &revoke.what {
            Revocable::Session(sid) => self.sessions.get(sid).cloned(),
            _ => None,
        };
        if let (Revocable::Session(_), Some(holder)) = (&revoke.what, &revoke.only_if) {
            match &session {
                Some(session) if !holds(holder, session) => return RevokeAnswer::NotHeld,
                Some(_) => {}
                None => return RevokeAnswer::Done { revoked: Box::new(self.nothing(revoke, known)), entries: Vec::new(), owner: None },
            }
        }
        if let Some(key) = &revoke.idempotency {
            let made = Made { request: key.request, sealed: key.sealed.clone(), what: MadeWhat::Revocation(revoke.id) };
            self.made.insert(key.key, (made, self.confirmed + key.keep));
        }
        let (revoked, entries) = self.carry_out(revoke, known);
        RevokeAnswer::Done { revoked: Box::new(revoked), entries, owner: session.map(Owner::from) }
    }

    pub(super) fn carry_out(&mut self, revoke: Revoke, known: Known) -> (Revoked, Vec<LogEntry>) {
        let mut stamp = self.reading(known);
        let mut sessions_ended = 0;
        let ending = Ended { reason: revoke.end_reason, by: revoke.by.clone(), at: self.now };
        let entries = match &revoke.what {
            Revocable::Token(jti) => vec![self.append(Revocation::Token(*jti))],
            Revocable::Key(kid) => vec![self.append(Revocation::Key(kid.clone()))],
            Revocable::Session(sid) => {
                sessions_ended = u32::from(self.end_session(*sid, ending, known));
                vec![self.append(Revocation::Session(*sid))]
            }
            Revocable::Others { subject, client, except } => {
                let mut others = self.live_sessions(subject, client.as_deref().unwrap_or_default(), known.epochs);
                others.retain(|other| other.sid != *except && client.as_ref().is_none_or(|client| other.client_id == *client));
                sessions_ended = u32::try_from(others.len()).unwrap_or(u32::MAX);
                others.into_iter().map(|other| self.end_logged(other.sid, ending.clone())).collect()
            }
            Revocable::Epoch { target, extent } => {
                let margin = whole_millis(self.settings.margin);
                stamp = stamp.plus(margin).max(self.highest_epoch.max(known.epochs.highest()).next());
                vec![self.raise(target, *extent, stamp, &revoke.by)]
            }
        };
        let mut revoked = Revoked { stamp, sessions_ended, ..self.nothing(revoke, known) };
        if let Some(last) = entries.last() {
            revoked.position = last.position.clone();
        }
        self.revocations.insert(revoked.id, (revoked.clone(), self.confirmed + self.settings.keep_log));
        (revoked, entries)
    }

    fn nothing(&mut self, revoke: Revoke, known: Known) -> Revoked {
        Revoked {
            id: revoke.id,
            what: revoke.what,
            stamp: self.reading(known),
            position: self.position(self.last_seq),
            created_at: self.now,
            reason_code: revoke.reason_code,
            reason_note: revoke.reason_note,
            by: revoke.by,
            sessions_ended: 0,
        }
    }

    fn end_session(&mut self, sid: Sid, ending: Ended, known: Known) -> bool {
        let Some(session) = self.sessions.get(&sid).filter(|session| session.ended.is_none()) else { return false };
        let over = self.rows_of(session).over(session, known.epochs, self.now);
        let lived = over.is_none();
        self.end(sid, over.unwrap_or(ending));
        lived
    }

    fn raise(&mut self, target: &Target, extent: Extent, stamp: Stamp, by: &str) -> LogEntry {
        if let (Extent::Sessions, Target::Subject(subject) | Target::SubjectAtClient { subject, .. }) = (extent, target) {
            self.live_sessions(subject, "", Epochs::default());
        }
        let row: &mut EpochRow = self.epochs.entry(target.clone()).or_default();
        row.epoch.raise(extent, stamp);
        row.written = whole_millis(self.confirmed);
        if extent == Extent::Sessions {
            (row.by, row.at) = (by.to_owned(), self.now);
        }
        self.highest_epoch = self.highest_epoch.max(stamp);
        self.append(Revocation::Epoch { target: target.clone(), extent, stamp })
    }
}
