//! Looking at sessions, and changing what their next tokens say.

use super::open::{check_subject, claims_refusal};
use super::{Bearer, Fault, Issuer, ListAnswer, ListRequest, PatchRequest, PatchSubjectAnswer, PatchSubjectRequest, Refusal};
use crate::api::Code;
use crate::claims::Custom;
use crate::id::Sid;
use crate::policy::{EndReason, Session};
use crate::registry::{OpensFor, management};
use crate::revocation::{Extent, Revocation, Target};
use crate::store::{Filter, Patch, Patched, Revocable, Revoke, Store, SubjectPatched};

const MOST_IN_A_PAGE: u32 = 200;

impl Issuer {
    /// One session, also one that has ended, while it is remembered.
    pub async fn session(&self, by: &Bearer, sid: Sid) -> Result<Session, Fault> {
        by.must_have(management::SESSIONS_READ)?;
        self.store.session(sid).await?.ok_or_else(|| Refusal::NotFound.into())
    }

    /// A page of sessions.
    pub async fn sessions(&self, by: &Bearer, request: ListRequest) -> Result<ListAnswer, Fault> {
        by.must_have(management::SESSIONS_READ)?;
        if !(1..=MOST_IN_A_PAGE).contains(&request.limit) {
            return Err(Refusal::invalid("/limit", Code::OutOfRange).into());
        }
        let ListRequest { subject, client_id, active, limit, from } = request;
        let page = self.store.sessions(Filter { subject, client_id, active }, from, limit).await?;
        Ok(ListAnswer { sessions: page.sessions, next: page.next })
    }

    pub(super) async fn patch_session(&self, by: &Bearer, sid: Sid, request: PatchRequest) -> Result<Session, Fault> {
        by.must_have(management::SESSIONS_UPDATE)?;
        if let Some(claims) = &request.claims {
            check_patch(claims)?;
        }
        let reach = self.reach(by)?;
        if reach != OpensFor::Every {
            let session = self.store.session(sid).await?.ok_or(Refusal::NotFound)?;
            is_within(&reach, &session.client_id)?;
        }
        let patch = Patch { claims: request.claims, scope: request.scope };
        match self.store.patch(sid, patch, self.known("", "")).await? {
            Patched::Done(session) => Ok(*session),
            Patched::Gone(None) => Err(Refusal::NotFound.into()),
            Patched::Gone(reason) => Err(Refusal::SessionEnded(reason).into()),
            Patched::TooLarge => Err(Refusal::ClaimsTooLarge.into()),
            Patched::Wider => Err(Refusal::ScopeNotAllowed.into()),
        }
    }

    pub(super) async fn patch_sessions(&self, by: &Bearer, request: PatchSubjectRequest) -> Result<PatchSubjectAnswer, Fault> {
        by.must_have(management::SESSIONS_UPDATE)?;
        check_subject(&request.subject)?;
        check_patch(&request.claims)?;
        if request.void_access_tokens {
            by.must_have(management::REVOKE)?;
        }
        match (self.reach(by)?, &request.client_id) {
            (OpensFor::Every, _) => {}
            (reach, Some(client_id)) => is_within(&reach, client_id)?,
            (OpensFor::These(_), None) => return Err(Refusal::ClientNotOpenable.into()),
        }
        let PatchSubjectRequest { subject, client_id, claims, void_access_tokens } = request;
        let void = void_access_tokens.then(|| self.void_tokens(by, &subject, client_id.as_deref()));
        let id = void.as_ref().map(|revoke| revoke.id);
        let patch = Patch { claims: Some(claims), scope: None };
        match self.store.patch_subject(subject, client_id, patch, void).await? {
            SubjectPatched::Done { sessions, voided } => {
                let stamp = voided.as_ref().and_then(|entry| match entry.revocation {
                    Revocation::Epoch { stamp, .. } => Some(stamp),
                    _ => None,
                });
                self.merge(voided.as_slice());
                Ok(PatchSubjectAnswer { sessions, revocation: id, stamp })
            }
            SubjectPatched::TooLarge => Err(Refusal::ClaimsTooLarge.into()),
        }
    }

    /// The clients whose sessions the asker may open, and so may change: what a session says goes into its client's tokens.
    fn reach(&self, by: &Bearer) -> Result<OpensFor, Refusal> {
        self.registry.load().client(&by.client_id).map(|own| own.opens_for.clone()).ok_or(Refusal::ClientNotOpenable)
    }

    fn void_tokens(&self, by: &Bearer, subject: &str, client: Option<&str>) -> Revoke {
        let subject = subject.to_owned();
        let target = match client {
            Some(client) => Target::SubjectAtClient { subject, client: client.to_owned() },
            None => Target::Subject(subject),
        };
        let what = Revocable::Epoch { target, extent: Extent::AccessTokens };
        let revoke = self.new_revoke(what, EndReason::SubjectRevoked, &by.client_id);
        Revoke { reason_code: Some("claims_changed".to_owned()), ..revoke }
    }
}

fn is_within(reach: &OpensFor, client_id: &str) -> Result<(), Refusal> {
    if reach.allows(client_id) { Ok(()) } else { Err(Refusal::ClientNotOpenable) }
}

/// What can be wrong with a patch whatever it is merged into.
fn check_patch(patch: &str) -> Result<(), Fault> {
    Custom::default().merge(patch).map(drop).map_err(|fault| claims_refusal(&fault))
}
