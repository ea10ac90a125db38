//! Who is asking.

use std::sync::Arc;
use std::time::Duration;

use super::{Bearer, Caller, Credentials, Fault, Issuer, Presented, Refusal};
use crate::audit::Asked;
use crate::claims::Claims;
use crate::policy::{Audience, Expectation, Sender};
use crate::registry::{Client, ClientType, SecretHash, management};
use crate::secret::Secret;
use crate::store::Store;
use crate::token::assertion::{self, AssertionFault, SingleUse};
use crate::token::dpop::ProofFault;

/// How much longer than it lives a used assertion is remembered: no clock forgets it while another still takes it.
const SPENT_SLACK: Duration = Duration::from_secs(60);

/// Who asks about a token (RFC 7662 §2.1).
#[derive(Clone, Debug)]
pub enum Asker {
    /// A client, with its own credentials.
    Client(Caller),
    /// The bearer of an access token with `mintage:introspect`.
    Bearer(Bearer),
}

impl Asker {
    /// The id of the client.
    pub fn id(&self) -> &str {
        match self {
            Self::Client(caller) => &caller.client.id,
            Self::Bearer(bearer) => &bearer.client_id,
        }
    }
}

impl Issuer {
    /// Recognises a client. An unknown client and a wrong secret or signature cost the same and are told apart by nothing. In memory, but
    /// for the one store call by which a good assertion is used up.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Caller, Fault> {
        match credentials {
            Credentials::Secret { client_id, secret } => Ok(self.by_secret(client_id, secret)?),
            Credentials::Assertion { client_id, assertion } => self.by_assertion(client_id.as_deref(), assertion).await,
            Credentials::Public { client_id } => {
                let registry = self.registry.load();
                let client = registry.client(client_id).filter(|client| client.kind == ClientType::Public);
                let caller = client.map(|client| Caller { client: client.clone(), authenticated: false, asked: Asked::default() });
                Ok(caller.ok_or(Refusal::ClientNotAuthenticated)?)
            }
        }
    }

    /// Which client credentials name, whether or not they prove it. In memory; nothing is hashed and no signature looked at.
    pub fn named_by(&self, credentials: &Credentials) -> Option<String> {
        match credentials {
            Credentials::Secret { client_id, .. } | Credentials::Public { client_id } => Some(client_id.clone()),
            Credentials::Assertion { assertion, .. } => assertion.expose(|text| {
                let read = assertion::read(text, &self.policy.issuer, self.judging().wall);
                read.ok().map(|assertion| assertion.client_id().to_owned())
            }),
        }
    }

    fn by_secret(&self, client_id: &str, secret: &Secret<String>) -> Result<Caller, Refusal> {
        let registry = self.registry.load();
        let client = registry.client(client_id).filter(|client| client.kind == ClientType::Confidential);
        let known = secret.expose(|secret| match client {
            Some(client) => client.knows_secret(secret.as_bytes()),
            None => {
                std::hint::black_box(SecretHash::of(secret.as_bytes()).matches(&SecretHash::of(b"")));
                false
            }
        });
        match client {
            Some(client) if known => Ok(Caller { client: client.clone(), authenticated: true, asked: Asked::default() }),
            _ => Err(Refusal::ClientNotAuthenticated),
        }
    }

    /// The one store call comes last: what is refused for any other reason costs none.
    async fn by_assertion(&self, named: Option<&str>, assertion: &Secret<String>) -> Result<Caller, Fault> {
        let proven = assertion.expose(|assertion| self.proven(named, assertion));
        let (client, once) = proven.map_err(|fault| Refusal::ClientAssertion(fault.to_string()))?;
        let keep = once.expires_at.since(self.clock.wall().min(self.now())) + SPENT_SLACK;
        if self.store.spend(once.id, keep).await? {
            Ok(Caller { client, authenticated: true, asked: Asked::default() })
        } else {
            Err(Refusal::ClientAssertion("assertion used before".to_owned()).into())
        }
    }

    fn proven(&self, named: Option<&str>, text: &str) -> Result<(Arc<Client>, SingleUse), AssertionFault> {
        let assertion = assertion::read(text, &self.policy.issuer, self.judging().wall)?;
        if named.is_some_and(|named| named != assertion.client_id()) {
            return Err(AssertionFault::OtherSubject);
        }
        let registry = self.registry.load();
        let client = registry.client(assertion.client_id());
        let once = assertion.prove(client.map(|client| client.keys.as_slice()).unwrap_or_default())?;
        client.map(|client| (client.clone(), once)).ok_or(AssertionFault::Signature)
    }

    /// Recognises the bearer of an access token for the management API. No store call.
    ///
    /// The token has what its client is registered for *now*: a scope taken from a client is gone at once. A token of a session has
    /// at most `mintage:me`, whatever it says.
    ///
    /// With a DPoP proof the token must be bound to the proven key; without one it must not be bound at all (RFC 9449 §7.1, §7.2).
    pub fn bearer(&self, token: &str, presented: Option<&Presented<'_>>) -> Result<Bearer, Fault> {
        self.fresh_view()?;
        let proof = presented.map(|presented| self.prove(presented)).transpose().map_err(Fault::Unproven)?;
        if proof.as_ref().is_some_and(|proof| !proof.covers(token)) {
            return Err(Fault::Unproven(ProofFault::OtherToken));
        }
        let sender = proof.as_ref().map_or(Sender::Bearer, |proof| Sender::Key(proof.thumbprint().to_owned()));
        let expectation = Expectation::new(self.policy.issuer.clone(), Audience::one(self.policy.issuer.clone())).presented(sender);
        let verified =
            self.verifier.verify_as(token, self.judging(), &expectation).inspect_err(|denial| self.metrics.denied(denial.name()))?;
        if let Some(proof) = &proof {
            self.first_use(proof).map_err(Fault::Unproven)?;
        }
        Ok(self.what_it_may(verified.claims()))
    }

    fn what_it_may(&self, claims: &Claims) -> Bearer {
        let registry = self.registry.load();
        let registered = registry.client(&claims.client_id).map(|client| client.scopes.clone()).unwrap_or_default();
        let granted = claims.scope.as_deref().and_then(|scope| scope.parse().ok()).unwrap_or_default();
        let scope = registered.intersection(&granted);
        let scope = if claims.sid.is_some() { scope.intersection(&[management::ME].into_iter().collect()) } else { scope };
        Bearer { client_id: claims.client_id.clone(), scope, jti: claims.jti, asked: Asked::default() }
    }
}
