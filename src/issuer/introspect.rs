//! Asking about a token (RFC 7662), and the answer as a JWT (RFC 9701).

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Asker, Caller, Fault, Issuer, Refusal};
use crate::claims::Claims;
use crate::policy::{Audience, Expectation, Sender, Session};
use crate::registry::management::INTROSPECT;
use crate::secret::Secret;
use crate::store::Store;
use crate::token::claims_json::{self, Dates};
use crate::token::refresh::{self, RefreshToken};

/// The `typ` of an introspection answer that is a JWT (RFC 9701 §5).
const INTROSPECTION_JWT: &str = "token-introspection+jwt";

/// What an active token says of itself (RFC 7662 §2.2). An inactive one says nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Introspection {
    /// `{"active":false}` and nothing else.
    Inactive,
    /// Active: the answer, as the text of a JSON object.
    Active(String),
}

impl Introspection {
    /// The answer, as the text of a JSON object.
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Self::Inactive => "{\"active\":false}".into(),
            Self::Active(text) => text.into(),
        }
    }
}

impl Issuer {
    /// Whether a token is active, and what it says. Of an access token: from this node's view, without a store call; of a refresh
    /// token: one read. Whatever is not active, or not the asker's to know, is `Inactive` and nothing more.
    pub async fn introspect(&self, asker: &Asker, token: &Secret<String>) -> Result<Introspection, Fault> {
        match asker {
            Asker::Client(caller) if !caller.authenticated => return Err(Refusal::ClientNotAuthenticated.into()),
            Asker::Client(_) => {}
            Asker::Bearer(bearer) => bearer.must_have(INTROSPECT)?,
        }
        self.fresh_view()?;
        if token.expose(|token| token.starts_with(refresh::PREFIX)) {
            return self.introspect_refresh_token(asker, token).await;
        }
        let verified = token.expose(|token| self.verifier.verify_as(token, self.judging(), &self.any_audience()));
        Ok(match verified {
            Ok(verified) if self.may_know(asker, &verified.claims().client_id, &verified.claims().audience) => {
                Introspection::Active(active(verified.claims()))
            }
            Ok(_) | Err(_) => Introspection::Inactive,
        })
    }

    /// The same answer, signed for whoever asked.
    pub async fn introspection_jwt(&self, asker_id: &str, introspection: Introspection) -> Result<String, Fault> {
        let inner: Value = serde_json::from_str(&introspection.text()).unwrap_or_default();
        let payload = json!({ "iss": self.policy.issuer, "aud": asker_id, "iat": self.now().seconds(), "token_introspection": inner });
        self.sign_typed(INTROSPECTION_JWT, &payload.to_string()).await
    }

    /// What is expected of a token whoever it is for and however it came: signature, lifetime and revocation, nothing less.
    pub(super) fn any_audience(&self) -> Expectation {
        Expectation::new(self.policy.issuer.clone(), Audience::Any).presented(Sender::Unchecked)
    }

    async fn introspect_refresh_token(&self, asker: &Asker, token: &Secret<String>) -> Result<Introspection, Fault> {
        let token = match self.read_refresh_token(token) {
            Ok(token) => token,
            Err(Fault::Refused(_)) => return Ok(Introspection::Inactive),
            Err(fault) => return Err(fault),
        };
        let session = self.store.session(token.sid).await?;
        Ok(match session {
            Some(session) if self.is_current(&session, &token) && self.may_know(asker, &session.client_id, &[]) => {
                Introspection::Active(refresh_members(&session, &self.policy.issuer).to_string())
            }
            _ => Introspection::Inactive,
        })
    }

    fn is_current(&self, session: &Session, token: &RefreshToken) -> bool {
        let same_secret = bool::from(subtle::ConstantTimeEq::ct_eq(&session.secret_hash[..], &token.secret_hash()[..]));
        let void = self.view.void_session(session.sid, &session.subject, &session.client_id);
        same_secret && session.ended.is_none() && void.is_none() && session.generation == token.generation
    }

    /// A client sees its own tokens and those meant for an audience that it is registered for; `mintage:introspect` sees all. Nobody sees
    /// those of a client that is disabled or gone.
    fn may_know(&self, asker: &Asker, client_id: &str, audience: &[String]) -> bool {
        let is_seen = match asker {
            Asker::Bearer(_) => true,
            Asker::Client(Caller { client, .. }) => {
                client.id == client_id
                    || client.scopes.contains(INTROSPECT)
                    || audience.iter().any(|audience| client.audiences.contains(audience))
            }
        };
        is_seen && self.registry.load().client(client_id).is_some()
    }
}

/// Its kind, and its claims as they stand in a token.
fn active(claims: &Claims) -> String {
    let opening = match claims.sender_key {
        Some(_) => "{\"active\":true,\"token_type\":\"DPoP\"",
        None => "{\"active\":true,\"token_type\":\"Bearer\"",
    };
    claims_json::write_after(opening, claims, Dates::Numeric)
}

fn refresh_members(session: &Session, issuer: &str) -> Value {
    json!({
        "active": true,
        "iss": issuer,
        "sub": session.subject,
        "client_id": session.client_id,
        "sid": session.sid.to_string(),
        "scope": session.scope.to_string(),
        "iat": session.opened_at.seconds(),
        "exp": session.idle_expires_at().seconds(),
        "token_type": "refresh_token",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inactive_token_says_nothing_else() {
        assert_eq!(Introspection::Inactive.text(), "{\"active\":false}");
        assert_eq!(Introspection::Active("{\"active\":true}".to_owned()).text(), "{\"active\":true}");
    }
}
