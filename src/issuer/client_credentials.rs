//! `client_credentials` (RFC 6749 §4.4): a token without a session, minted without a store call.

use super::mint::Minting;
use super::open::check_scope;
use super::proof::check_bound;
use super::refresh::only_one;
use super::{Caller, ClientCredentialsRequest, Fault, Issuer, Refusal, Tokens};
use crate::id::Stamp;
use crate::registry::{Client, Grant, ScopeSet, management};
use crate::store::Store;
use crate::token::dpop::Proof;

impl Issuer {
    /// A token for the client itself (`sub` is its `client_id`, RFC 9068 §2.2). With only `mintage:*` scopes its audience is the issuer.
    pub async fn client_credentials(&self, caller: &Caller, request: ClientCredentialsRequest) -> Result<Tokens, Fault> {
        let client = &caller.client;
        if !caller.authenticated || !client.grants.contains(&Grant::ClientCredentials) {
            return Err(Refusal::GrantNotAllowed.into());
        }
        check_bound(client, request.proof.as_ref())?;
        let resource = only_one(&request.resources)?;
        let (audience, scope) = self.audience_and_scope(client, request.scope, resource)?;
        let signer = self.signer(client.format)?;
        if let Some(proof) = &request.proof {
            self.first_use(proof).map_err(Refusal::Unproven)?;
        }
        let stamp = self.sessionless_stamp(&client.id).await?;
        let sender_key = request.proof.as_ref().map(Proof::thumbprint);
        let minting = Minting { subject: &client.id, client, audience: &audience, scope: &scope, stamp, session: None, sender_key };
        let minted = self.mint(&minting, &signer).await?;
        self.metrics.minted("client_credentials", client.format.name());
        Ok(Tokens::access_only(minted, scope))
    }

    fn audience_and_scope(&self, client: &Client, asked: Option<ScopeSet>, resource: Option<&str>) -> Result<(String, ScopeSet), Refusal> {
        let issuer = self.policy.issuer.as_str();
        let wants_issuer = match &asked {
            _ if resource.is_some() => resource == Some(issuer),
            Some(asked) => asked.management_scope().is_some(),
            None => client.audiences.is_empty(),
        };
        let is_management = |scope: &&str| scope.starts_with(management::PREFIX);
        let ceiling: ScopeSet = client.scopes.iter().filter(|scope| is_management(scope) == wants_issuer).collect();
        let scope = asked.unwrap_or_else(|| ceiling.clone());
        check_scope(&scope)?;
        if !scope.is_within(&ceiling) {
            return Err(Refusal::ScopeNotAllowed);
        }
        let audience = if wants_issuer { Some(issuer) } else { resource.or(client.audiences.first().map(String::as_str)) };
        let registered = |audience: &str| wants_issuer || client.audiences.iter().any(|held| held == audience);
        audience.filter(|audience| registered(audience)).map(|audience| (audience.to_owned(), scope)).ok_or(Refusal::AudienceNotAllowed)
    }

    /// The last confirmed reading, not extrapolated; where that is not above every epoch known for the client, the store is asked.
    /// On a view past the hard age nothing is minted.
    async fn sessionless_stamp(&self, client_id: &str) -> Result<Stamp, Fault> {
        self.fresh_view()?;
        let known = self.known(client_id, client_id);
        if known.reading > known.epochs.highest() {
            return Ok(known.reading);
        }
        Ok(self.store.stamp(client_id.to_owned(), client_id.to_owned(), known).await?)
    }
}
