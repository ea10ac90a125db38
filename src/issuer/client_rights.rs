//! What one client may do to another: nothing that it could not do itself.

use super::{Bearer, Issuer};
use crate::registry::{Client, OpensFor, ScopeSet, management};

impl Issuer {
    /// The first member of a registration by which it may do more than whoever asks: a management scope that the asker's token lacks, a
    /// client that it may not open sessions for, or an audience that it has no tokens for. Who opens sessions for every client can have
    /// tokens for every audience; others have the audiences of their own registration, and those of the clients that they open for, each
    /// with the scopes registered there.
    pub(super) fn beyond(&self, by: &Bearer, client: &Client) -> Option<&'static str> {
        let registry = self.registry.load();
        let Some(own) = registry.client(&by.client_id) else { return Some("scopes") };
        let manages = |scope: &&str| scope.starts_with(management::PREFIX) && *scope != management::ME;
        if client.scopes.iter().filter(manages).any(|scope| !by.scope.contains(scope)) {
            return Some("scopes");
        }
        if !own.opens_for.covers(&client.opens_for) {
            return Some("opens_for");
        }
        if own.opens_for == OpensFor::Every {
            return None;
        }
        let scopes: ScopeSet = client.scopes.iter().filter(|scope| !manages(scope)).collect();
        let givers = || registry.clients.values().filter(|giver| giver.id == own.id || own.opens_for.allows(&giver.id));
        let has = |audience: &String| givers().any(|giver| giver.audiences.contains(audience) && scopes.is_within(&giver.scopes));
        (!client.audiences.iter().all(has)).then_some("audiences")
    }
}
