//! Opening, refreshing and patching sessions.

use super::super::common::{MINTAGE, next_random, patched, widens};
use super::super::{Granted, Known, LogEntry, Open, Opened, Patch, Patched, Refreshed, Revoke, SubjectPatched};
use super::life::{Life, Made, MadeWhat};
use crate::id::Sid;
use crate::policy::rotation::{Outcome, Request, apply, judge};
use crate::policy::{EndReason, Ended, Session};
use crate::revocation::{Epochs, Revocation};

impl Life {
    pub(super) fn open(&mut self, open: Open, known: Known) -> Opened {
        if let Some(again) = self.opened_before(&open, known) {
            return again;
        }
        let Open { mut session, lifetime, mut random, sessions_per_slot, idempotency } = open;
        let epochs = self.rows_of(&session).epochs().union(known.epochs);
        let stamp = self.stamp(epochs, known);
        let displaced = self.displace(&session, sessions_per_slot, known);
        while self.sessions.contains_key(&Sid::in_shard(stamp, 0, &random)) {
            random = next_random(random);
        }
        session.sid = Sid::in_shard(stamp, 0, &random);
        (session.opened_at, session.last_refreshed_at, session.rotated_at) = (self.now, self.now, self.now);
        session.expires_at = self.now.plus(lifetime);
        session.ended = None;
        self.sessions.insert(session.sid, session.clone());
        if let Some(key) = idempotency {
            let made = Made { request: key.request, sealed: key.sealed, what: MadeWhat::Session(session.sid) };
            self.made.insert(key.key, (made, self.confirmed + key.keep));
        }
        Opened::New { session: Box::new(session), stamp, displaced }
    }

    fn opened_before(&mut self, open: &Open, known: Known) -> Option<Opened> {
        let key = open.idempotency.as_ref()?;
        let (made, _) = self.made.get(&key.key)?.clone();
        let MadeWhat::Session(sid) = made.what else { return Some(Opened::KeyReused) };
        if made.request != key.request {
            return Some(Opened::KeyReused);
        }
        let mut session = self.sessions.get(&sid)?.clone();
        let rows = self.rows_of(&session);
        let stamp = self.stamp(rows.epochs().union(known.epochs), known);
        session.ended = rows.over(&session, known.epochs, self.now);
        Some(Opened::Again { session: Box::new(session), stamp, sealed: made.sealed })
    }

    fn displace(&mut self, new: &Session, per_slot: Option<u32>, known: Known) -> Vec<LogEntry> {
        let mut live = self.live_sessions(&new.subject, &new.client_id, known.epochs);
        live.sort_by_key(|session| (session.client_id != new.client_id, session.last_refreshed_at, session.sid));
        let mut displaced = Vec::new();
        if let (Some(slot), Some(limit)) = (&new.slot, per_slot) {
            let in_slot: Vec<Sid> = live
                .iter()
                .filter(|other| other.slot.as_ref() == Some(slot) && other.client_id == new.client_id)
                .map(|other| other.sid)
                .collect();
            displaced.extend(&in_slot[..too_many(in_slot.len(), limit)]);
        }
        live.retain(|session| !displaced.contains(&session.sid));
        let limit = self.settings.sessions_per_subject;
        displaced.extend(live.iter().take(too_many(live.len(), limit)).map(|session| session.sid));
        let ended = Ended { reason: EndReason::Displaced, by: MINTAGE.to_owned(), at: self.now };
        displaced.into_iter().map(|sid| self.end_logged(sid, ended.clone())).collect()
    }

    pub(super) fn refresh(&mut self, request: &Request, known: Known) -> Refreshed {
        let Some(mut session) = self.sessions.get(&request.sid).cloned() else { return Refreshed::Gone(None) };
        let mut heard = known.epochs;
        if session.client_id != request.client_id {
            (heard.client, heard.subject_at_client) = Default::default();
        }
        let epochs = self.rows_of(&session).epochs().union(heard);
        let outcome = judge(&session, request, epochs, self.time());
        apply(outcome, &mut session, request, self.now);
        if matches!(outcome, Outcome::Gone(_)) {
            session.ended = self.rows_of(&session).over(&session, heard, self.now);
        }
        self.sessions.insert(session.sid, session.clone());
        let how = match outcome {
            Outcome::Gone(reason) => return Refreshed::Gone(Some(reason)),
            Outcome::Foreign => return Refreshed::Foreign,
            Outcome::Refused(above) => return Refreshed::Refused(above),
            Outcome::Reused => {
                let entry = self.append(Revocation::Session(session.sid));
                return Refreshed::Reused { session: Box::new(session), entry };
            }
            Outcome::Kept => Granted::Kept,
            Outcome::Rotated => Granted::Rotated,
            Outcome::Retried => Granted::Retried,
            Outcome::Healed => Granted::Healed,
        };
        Refreshed::Granted { how, session: Box::new(session), stamp: self.stamp(epochs, known) }
    }

    pub(super) fn patch(&mut self, sid: Sid, patch: &Patch, known: Known) -> Patched {
        let Some(session) = self.sessions.get(&sid) else { return Patched::Gone(None) };
        if let Some(ended) = self.rows_of(session).over(session, known.epochs, self.now) {
            let reason = ended.reason;
            self.end(sid, ended);
            return Patched::Gone(Some(reason));
        }
        if widens(session, patch) {
            return Patched::Wider;
        }
        let Some(session) = patched(session, patch) else { return Patched::TooLarge };
        self.sessions.insert(sid, session.clone());
        Patched::Done(Box::new(session))
    }

    pub(super) fn patch_subject(&mut self, subject: &str, client: Option<&str>, patch: &Patch, void: Option<Revoke>) -> SubjectPatched {
        let mut live = self.live_sessions(subject, "", Epochs::default());
        live.retain(|session| client.is_none_or(|client| session.client_id == client));
        let Some(changed) = live.iter().map(|session| patched(session, patch)).collect::<Option<Vec<_>>>() else {
            return SubjectPatched::TooLarge;
        };
        let sessions = u32::try_from(changed.len()).unwrap_or(u32::MAX);
        self.sessions.extend(changed.into_iter().map(|session| (session.sid, session)));
        let voided = void.and_then(|revoke| self.carry_out(revoke, Known::default()).1.pop());
        SubjectPatched::Done { sessions, voided }
    }

    /// The live sessions of a subject. What is over without a word in its record gets one.
    pub(super) fn live_sessions(&mut self, subject: &str, client: &str, known: Epochs) -> Vec<Session> {
        let mut live = Vec::new();
        let unended: Vec<Session> =
            self.sessions.values().filter(|session| session.subject == subject && session.ended.is_none()).cloned().collect();
        for session in unended {
            let mut heard = known;
            if session.client_id != client {
                (heard.client, heard.subject_at_client) = Default::default();
            }
            match self.rows_of(&session).over(&session, heard, self.now) {
                None => live.push(session),
                Some(ended) => self.end(session.sid, ended),
            }
        }
        live
    }

    pub(super) fn end(&mut self, sid: Sid, ended: Ended) {
        if let Some(session) = self.sessions.get_mut(&sid) {
            session.ended = Some(ended);
        }
    }

    pub(super) fn end_logged(&mut self, sid: Sid, ended: Ended) -> LogEntry {
        self.end(sid, ended);
        self.append(Revocation::Session(sid))
    }
}

/// How many must go so that one more fits.
fn too_many(live: usize, limit: u32) -> usize {
    (live + 1).saturating_sub(limit.max(1) as usize)
}
