//! Taking back: one token, one session, a subject, a client, everything, or a key (design §4).

use super::{Bearer, Fault, Issuer, Refusal, RevocationAnswer, RevokeRequest, RevokeTarget};
use crate::api::Code;
use crate::audit::Text;
use crate::id::RevocationId;
use crate::policy::EndReason;
use crate::registry::management;
use crate::revocation::{Cause, Extent, Target};
use crate::store::{Filter, LogEntry, Owner, Revocable, Revoke, RevokeAnswer, Revoked, Store};
use crate::verify::HARD_AGE;

/// A dry run counts live sessions up to this many; beyond, it says nothing rather than scan on.
const COUNT_AT_MOST: u32 = 10_000;

impl Issuer {
    /// Carries out a revocation, and says whose session it was, where it was one. When this answers, it is durable and in this node's
    /// own view. One store call.
    pub(super) async fn take_back(&self, by: &Bearer, request: RevokeRequest) -> Result<(RevocationAnswer, Option<Owner>), Fault> {
        by.must_have(scope_for(&request.target))?;
        check(&request)?;
        let request = without_secrets(request);
        if request.dry_run {
            return self.would_revoke(by, request).await.map(|answer| (answer, None));
        }
        if let RevokeTarget::Key(kid) = &request.target {
            self.must_be_ours(kid)?;
        }
        let idempotency = self.idempotency_of_revoke(by, &request)?;
        let revoke = Revoke {
            reason_code: request.reason_code.clone(),
            reason_note: request.reason_note.clone(),
            idempotency,
            ..self.new_revoke(revocable(&request), end_reason(&request.target), &by.client_id)
        };
        let (subject, client) = concerned(&request.target);
        let known = self.known(subject, client);
        let (revoked, owner) = match self.store.revoke(revoke, known).await? {
            RevokeAnswer::Done { revoked, entries, owner } => {
                self.merge(&entries);
                self.metrics.revoked(target_name(&request.target));
                tracing::info!(id = %revoked.id, target = target_name(&request.target), by = by.client_id, stamp = revoked.stamp.millis(), "revoked");
                (*revoked, owner)
            }
            RevokeAnswer::Again(revoked) => (*revoked, None),
            RevokeAnswer::KeyReused => return Err(Refusal::IdempotencyKeyReused.into()),
            RevokeAnswer::NotHeld => return Err(Refusal::NotFound.into()),
        };
        if let RevokeTarget::Key(kid) = &request.target {
            self.key_was_revoked(kid).await;
        }
        Ok((answer(revoked), owner))
    }

    /// A revocation that begins now and says no more than it must.
    pub(super) fn new_revoke(&self, what: Revocable, end_reason: EndReason, by: &str) -> Revoke {
        Revoke {
            id: RevocationId::new(self.reading(), &self.random()),
            what,
            only_if: None,
            end_reason,
            reason_code: None,
            reason_note: None,
            by: by.to_owned(),
            idempotency: None,
        }
    }

    /// A revocation made before, as long as its log entry is kept.
    pub async fn revocation(&self, by: &Bearer, id: RevocationId) -> Result<RevocationAnswer, Fault> {
        by.must_have(management::REVOKE)?;
        self.store.revocation(id).await?.map(answer).ok_or_else(|| Refusal::NotFound.into())
    }

    /// Takes entries of the log into this node's own view.
    pub(super) fn merge(&self, entries: &[LogEntry]) {
        for entry in entries {
            self.view.merge(&entry.revocation);
        }
    }

    async fn would_revoke(&self, by: &Bearer, request: RevokeRequest) -> Result<RevocationAnswer, Fault> {
        let sessions = match &request.target {
            _ if request.extent == Extent::AccessTokens => Some(0),
            RevokeTarget::Token(_) | RevokeTarget::Key(_) => Some(0),
            RevokeTarget::Session(sid) => Some(u32::from(self.store.session(*sid).await?.is_some_and(|session| session.ended.is_none()))),
            RevokeTarget::Subject { subject, client_id, except_sid } => {
                let filter = Filter { subject: Some(subject.clone()), client_id: client_id.clone(), active: Some(true) };
                self.count(filter, except_sid.as_ref()).await?
            }
            RevokeTarget::Client(client) => {
                self.count(Filter { client_id: Some(client.clone()), active: Some(true), ..Filter::default() }, None).await?
            }
            RevokeTarget::All => self.count(Filter { active: Some(true), ..Filter::default() }, None).await?,
        };
        let RevokeRequest { target, extent, reason_code, reason_note, .. } = request;
        Ok(RevocationAnswer {
            id: None,
            target,
            extent,
            stamp: None,
            position: None,
            created_at: None,
            enforced_by: None,
            reason_code,
            reason_note,
            by: by.client_id.clone(),
            sessions,
        })
    }

    async fn count(&self, filter: Filter, spared: Option<&crate::id::Sid>) -> Result<Option<u32>, Fault> {
        let (mut counted, mut from) = (0_u32, None);
        loop {
            let page = self.store.sessions(filter.clone(), from, 200).await?;
            counted += u32::try_from(page.sessions.iter().filter(|session| Some(&session.sid) != spared).count()).unwrap_or(u32::MAX);
            match page.next {
                Some(_) if counted >= COUNT_AT_MOST => return Ok(None),
                Some(next) => from = Some(next),
                None => return Ok(Some(counted)),
            }
        }
    }
}

fn scope_for(target: &RevokeTarget) -> &'static str {
    match target {
        RevokeTarget::Token(_) | RevokeTarget::Session(_) | RevokeTarget::Subject { .. } => management::REVOKE,
        RevokeTarget::Client(_) | RevokeTarget::All | RevokeTarget::Key(_) => management::REVOKE_ALL,
    }
}

fn check(request: &RevokeRequest) -> Result<(), Refusal> {
    let is_epoch = match &request.target {
        RevokeTarget::Subject { subject, except_sid, .. } => {
            super::open::check_subject(subject).map_err(|_| Refusal::invalid("/target/subject", Code::OutOfRange))?;
            except_sid.is_none()
        }
        RevokeTarget::Client(_) | RevokeTarget::All => true,
        RevokeTarget::Token(_) | RevokeTarget::Session(_) | RevokeTarget::Key(_) => false,
    };
    if request.extent == Extent::AccessTokens && !is_epoch {
        return Err(Refusal::invalid("/extent", Code::OnlyForEpochs));
    }
    for (pointer, text, most) in [("/reason/code", &request.reason_code, 64), ("/reason/note", &request.reason_note, 500)] {
        if text.as_ref().is_some_and(|text| text.len() > most) {
            return Err(Refusal::invalid(pointer, Code::TooLong));
        }
    }
    Ok(())
}

/// Somebody in a hurry names the token as the reason: it would be kept as long as the log is.
fn without_secrets(request: RevokeRequest) -> RevokeRequest {
    let clean = |text: Option<String>| text.map(|text| Text::of(&text).as_str().to_owned());
    RevokeRequest { reason_code: clean(request.reason_code), reason_note: clean(request.reason_note), ..request }
}

fn revocable(request: &RevokeRequest) -> Revocable {
    let epoch = |target| Revocable::Epoch { target, extent: request.extent };
    match request.target.clone() {
        RevokeTarget::Token(jti) => Revocable::Token(jti),
        RevokeTarget::Session(sid) => Revocable::Session(sid),
        RevokeTarget::Subject { subject, client_id, except_sid: Some(except) } => Revocable::Others { subject, client: client_id, except },
        RevokeTarget::Subject { subject, client_id: Some(client), except_sid: None } => epoch(Target::SubjectAtClient { subject, client }),
        RevokeTarget::Subject { subject, client_id: None, except_sid: None } => epoch(Target::Subject(subject)),
        RevokeTarget::Client(client) => epoch(Target::Client(client)),
        RevokeTarget::All => epoch(Target::All),
        RevokeTarget::Key(kid) => Revocable::Key(kid),
    }
}

/// For whom the node's own epochs matter when the store sets a new one.
fn concerned(target: &RevokeTarget) -> (&str, &str) {
    match target {
        RevokeTarget::Subject { subject, client_id, .. } => (subject, client_id.as_deref().unwrap_or_default()),
        RevokeTarget::Client(client) => ("", client),
        RevokeTarget::Token(_) | RevokeTarget::Session(_) | RevokeTarget::All | RevokeTarget::Key(_) => ("", ""),
    }
}

fn end_reason(target: &RevokeTarget) -> EndReason {
    EndReason::of(match target {
        RevokeTarget::Token(_) => Cause::Token,
        RevokeTarget::Session(_) => Cause::Session,
        RevokeTarget::Subject { .. } => Cause::Subject,
        RevokeTarget::Client(_) => Cause::Client,
        RevokeTarget::All => Cause::All,
        RevokeTarget::Key(_) => Cause::Key,
    })
}

fn target_name(target: &RevokeTarget) -> &'static str {
    match target {
        RevokeTarget::Token(_) => "token",
        RevokeTarget::Session(_) => "session",
        RevokeTarget::Subject { .. } => "subject",
        RevokeTarget::Client(_) => "client",
        RevokeTarget::All => "all",
        RevokeTarget::Key(_) => "key",
    }
}

fn answer(revoked: Revoked) -> RevocationAnswer {
    let Revoked { id, what, stamp, position, created_at, reason_code, reason_note, by, sessions_ended } = revoked;
    let subject = |subject, client_id, except_sid| RevokeTarget::Subject { subject, client_id, except_sid };
    let (target, extent, sessions) = match what {
        Revocable::Token(jti) => (RevokeTarget::Token(jti), Extent::Sessions, None),
        Revocable::Session(sid) => (RevokeTarget::Session(sid), Extent::Sessions, Some(sessions_ended)),
        Revocable::Others { subject: whose, client, except } => {
            (subject(whose, client, Some(except)), Extent::Sessions, Some(sessions_ended))
        }
        Revocable::Key(kid) => (RevokeTarget::Key(kid), Extent::Sessions, None),
        Revocable::Epoch { target, extent } => {
            let target = match target {
                Target::Subject(whose) => subject(whose, None, None),
                Target::SubjectAtClient { subject: whose, client } => subject(whose, Some(client), None),
                Target::Client(client) => RevokeTarget::Client(client),
                Target::All => RevokeTarget::All,
            };
            (target, extent, None)
        }
    };
    RevocationAnswer {
        id: Some(id),
        target,
        extent,
        stamp: Some(stamp),
        position: Some(position.to_string()),
        created_at: Some(created_at),
        enforced_by: Some(created_at.plus(HARD_AGE)),
        reason_code,
        reason_note,
        by,
        sessions,
    }
}
