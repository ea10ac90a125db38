//! Who is asking.

use super::{Bearer, Caller, Credentials, Fault, Issuer, Refusal};
use crate::policy::{Audience, Expectation};
use crate::registry::{ClientType, SecretHash, management};

/// Who asks about a token (RFC 7662 §2.1).
#[expect(clippy::large_enum_variant, reason = "one lives for as long as a request")]
#[derive(Clone, Debug)]
pub enum Asker {
    /// A client, with its own credentials.
    Client(Caller),
    /// The bearer of an access token with `mintage:introspect`.
    Bearer(Bearer),
}

impl Issuer {
    /// Recognises a client. In memory; an unknown client and a wrong secret cost the same and are told apart by nothing.
    pub fn authenticate(&self, credentials: &Credentials) -> Result<Caller, Refusal> {
        let registry = self.registry.load();
        match credentials {
            Credentials::Secret { client_id, secret } => {
                let client = registry.client(client_id).filter(|client| client.kind == ClientType::Confidential);
                let known = secret.expose(|secret| match client {
                    Some(client) => client.knows_secret(secret.as_bytes()),
                    None => {
                        std::hint::black_box(SecretHash::of(secret.as_bytes()).matches(&SecretHash::of(b"")));
                        false
                    }
                });
                match client {
                    Some(client) if known => Ok(Caller { client: client.clone(), authenticated: true }),
                    _ => Err(Refusal::ClientNotAuthenticated),
                }
            }
            Credentials::Public { client_id } => registry
                .client(client_id)
                .filter(|client| client.kind == ClientType::Public)
                .map(|client| Caller { client: client.clone(), authenticated: false })
                .ok_or(Refusal::ClientNotAuthenticated),
        }
    }

    /// Recognises the bearer of an access token for the management API. No store call.
    ///
    /// The token has what its client is registered for *now*: a scope taken from a client is gone at once. A token of a session has
    /// at most `mintage:me`, whatever it says.
    pub fn bearer(&self, token: &str) -> Result<Bearer, Fault> {
        self.fresh_view()?;
        let expectation = Expectation::new(self.policy.issuer.clone(), Audience::one(self.policy.issuer.clone()));
        let verified =
            self.verifier.verify_as(token, self.judging(), &expectation).inspect_err(|denial| self.metrics.denied(denial.name()))?;
        let claims = verified.claims();
        let registry = self.registry.load();
        let registered = registry.client(&claims.client_id).map(|client| client.scopes.clone()).unwrap_or_default();
        let granted = claims.scope.as_deref().and_then(|scope| scope.parse().ok()).unwrap_or_default();
        let scope = registered.intersection(&granted);
        let scope = if claims.sid.is_some() { scope.intersection(&[management::ME].into_iter().collect()) } else { scope };
        Ok(Bearer { client_id: claims.client_id.clone(), scope, jti: claims.jti })
    }
}
