//! A client gives a token back (RFC 7009).

use super::audited::whose;
use super::{Caller, Fault, Issuer, Refusal};
use crate::audit::{Action, Deed, Target, Text};
use crate::id::Jti;
use crate::policy::EndReason;
use crate::registry::management;
use crate::secret::Secret;
use crate::store::{Holder, Owner, Revocable, Revoke, RevokeAnswer, Store};
use crate::token::refresh;
use crate::verify::Denial;

impl Issuer {
    /// Any genuine refresh token, also a superseded one, ends its session; an access token is voided alone. `Ok` for what is unknown,
    /// expired or not ours at all (RFC 7009 §2.2), and only when the effect is durable: whether it was a token of ours, good or not.
    /// At most one store call.
    pub async fn revoke_token(&self, caller: &Caller, token: &Secret<String>) -> Result<bool, Fault> {
        let may_revoke_any = caller.authenticated && caller.client.scopes.contains(management::REVOKE);
        if token.expose(|token| token.starts_with(refresh::PREFIX)) {
            let token = match self.read_refresh_token(token) {
                Ok(token) => token,
                Err(Fault::Refused(_)) => return Ok(false),
                Err(fault) => return Err(fault),
            };
            let client_id = (!may_revoke_any).then(|| caller.client.id.clone());
            let holder = Holder { client_id, secret_hash: token.secret_hash() };
            let deed = caller.deed(Action::GiveBack, Target::Session(token.sid));
            let ending = self.give_back(caller, Revocable::Session(token.sid), Some(holder));
            return self.audited(deed, ending, |owner| whose(owner.as_ref())).await.map(|_| true);
        }
        let (jti, subject, client_id) = match self.access_token_to_revoke(token) {
            Ok(named) => named,
            // It may be good, and would stay so.
            Err(Denial::Stale) => return Err(Denial::Stale.into()),
            Err(denial) => return Ok(matches!(denial, Denial::Expired | Denial::Revoked(_))),
        };
        if !may_revoke_any && client_id != caller.client.id {
            return Err(Refusal::RefreshTokenForeign.into());
        }
        let (subject, client_id) = (Some(Text::of(&subject)), Some(Text::of(&client_id)));
        let deed = Deed { subject, client_id, ..caller.deed(Action::GiveBack, Target::Token(jti)) };
        self.audited(deed, self.give_back(caller, Revocable::Token(jti), None), |owner| whose(owner.as_ref())).await.map(|_| true)
    }

    async fn give_back(&self, caller: &Caller, what: Revocable, only_if: Option<Holder>) -> Result<Option<Owner>, Fault> {
        let target = if only_if.is_some() { "session" } else { "token" };
        let revoke = Revoke { only_if, ..self.new_revoke(what, EndReason::LoggedOut, &caller.client.id) };
        match self.store.revoke(revoke, self.known("", &caller.client.id)).await? {
            RevokeAnswer::Done { entries, owner, .. } => {
                self.merge(&entries);
                self.metrics.revoked(target);
                Ok(owner)
            }
            RevokeAnswer::NotHeld => Err(Refusal::RefreshTokenForeign.into()),
            RevokeAnswer::Again(_) | RevokeAnswer::KeyReused => Ok(None),
        }
    }

    /// A token that is still good for somebody: there is nothing to take back of any other.
    fn access_token_to_revoke(&self, token: &Secret<String>) -> Result<(Jti, String, String), Denial> {
        let verified = token.expose(|token| self.verifier.verify_as(token, self.judging(), &self.any_audience()))?;
        let claims = verified.claims();
        Ok((claims.jti, claims.subject.clone(), claims.client_id.clone()))
    }
}
