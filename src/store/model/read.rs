//! Reading: sessions and the log.

use super::super::common::Place;
use super::super::{Filter, LogEntry, LogPage, Position, SessionPage};
use super::life::Life;
use crate::id::Sid;
use crate::policy::Session;
use crate::revocation::Epochs;

impl Life {
    pub(super) fn session(&self, sid: Sid) -> Option<Session> {
        let mut session = self.sessions.get(&sid)?.clone();
        session.ended = self.rows_of(&session).over(&session, Epochs::default(), self.now);
        Some(session)
    }

    pub(super) fn page(&self, filter: &Filter, from: Option<Sid>, limit: u32) -> SessionPage {
        let mut page = SessionPage { sessions: Vec::new(), next: None };
        let from_there = self.sessions.values().filter(|session| from.is_none_or(|from| session.sid >= from));
        let candidates = from_there.filter(|session| filter.subject.as_ref().is_none_or(|subject| session.subject == *subject));
        for (looked_at, session) in candidates.enumerate() {
            if page.sessions.len() == limit.clamp(1, 200) as usize || looked_at == 1000 {
                page.next = Some(session.sid);
                break;
            }
            let ended = self.rows_of(session).over(session, Epochs::default(), self.now);
            let is_client = filter.client_id.as_ref().is_none_or(|client| session.client_id == *client);
            if is_client && filter.active.is_none_or(|active| active == ended.is_none()) {
                page.sessions.push(Session { ended, ..session.clone() });
            }
        }
        page
    }

    pub(super) fn log_page(&self, from: &Position, limit: u32) -> LogPage {
        let place = Place::parse(from).filter(|place| place.incarnation == self.incarnation && place.seq <= self.last_seq);
        let after = place.map_or(0, |place| place.seq);
        let gap = place.map_or(*from != Position::default(), |place| place.seq < self.trimmed);
        let limit = limit.max(1) as usize;
        let rest: Vec<_> = self.log.range(after + 1..).collect();
        let more = rest.len() > limit;
        let entries: Vec<LogEntry> = rest
            .into_iter()
            .take(limit)
            .map(|(seq, (revocation, _))| LogEntry { position: self.position(*seq), revocation: revocation.clone() })
            .collect();
        let end = entries.last().filter(|_| more).map_or_else(|| self.position(self.last_seq), |last| last.position.clone());
        LogPage { entries, position: end, more, gap }
    }
}
