//! Registering clients over the API, over those of the configuration.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Bearer, ClientAdded, ClientInfo, Fault, Issuer, Refusal, keep_log};
use crate::ambient::Entropy;
use crate::api::Code;
use crate::policy::EndReason;
use crate::registry::{Client, ClientProblem, ClientType, Registry, SecretHash, management};
use crate::revocation::{Extent, Target};
use crate::secret::Secret;
use crate::store::{Keep, Revocable, Revoke, RevokeAnswer, Store};

impl Issuer {
    /// Every client.
    pub fn clients(&self, by: &Bearer) -> Result<Vec<ClientInfo>, Fault> {
        by.must_have(management::CLIENTS)?;
        let registry = self.registry.load();
        Ok(registry.clients.values().map(|client| self.info(&registry, client)).collect())
    }

    /// One client.
    pub fn client(&self, by: &Bearer, id: &str) -> Result<ClientInfo, Fault> {
        by.must_have(management::CLIENTS)?;
        let registry = self.registry.load();
        registry.clients.get(id).map(|client| self.info(&registry, client)).ok_or_else(|| Refusal::NotFound.into())
    }

    pub(super) async fn register(&self, by: &Bearer, mut client: Client) -> Result<ClientAdded, Fault> {
        by.must_have(management::CLIENTS)?;
        let _changing = self.changing.lock().await;
        if self.registry.load().clients.contains_key(&client.id) {
            return Err(Refusal::ClientExists.into());
        }
        self.check_client(by, &client)?;
        let secret = (client.kind == ClientType::Confidential && client.keys.is_empty()).then(|| new_secret(&*self.entropy));
        client.secrets = secret.iter().map(|secret| secret.expose(|secret| SecretHash::of(secret.as_bytes()))).collect();
        let info = self.put_client(client).await?;
        tracing::info!(client_id = info.client.id, by = by.client_id, "client registered");
        Ok(ClientAdded { info, secret })
    }

    pub(super) async fn register_anew(&self, by: &Bearer, mut client: Client) -> Result<ClientInfo, Fault> {
        by.must_have(management::CLIENTS)?;
        let _changing = self.changing.lock().await;
        let held = self.touchable(by, &client.id)?;
        self.check_client(by, &client)?;
        if held.kind != client.kind {
            return Err(Refusal::invalid("/type", Code::CannotChange).into());
        }
        client.secrets = held.secrets;
        let info = self.put_client(client).await?;
        // Also where it was disabled before: that may have failed half-way.
        if info.client.disabled {
            self.void_client(by, &info.client.id, Extent::AccessTokens, "client_disabled").await?;
        }
        tracing::info!(client_id = info.client.id, by = by.client_id, "client replaced");
        Ok(info)
    }

    /// It is disabled first: what it got while its tokens are voided would outlive it.
    pub(super) async fn unregister(&self, by: &Bearer, id: &str) -> Result<(), Fault> {
        by.must_have(management::CLIENTS)?;
        let _changing = self.changing.lock().await;
        let held = self.touchable(by, id)?;
        self.put_client(Client { disabled: true, ..held }).await?;
        self.void_client(by, id, Extent::Sessions, "client_removed").await?;
        self.store.remove_client(id.to_owned()).await?;
        let mut registry = Registry::clone(&self.registry.load());
        registry.clients.remove(id);
        self.registry.store(Arc::new(registry));
        tracing::info!(client_id = id, by = by.client_id, "client removed");
        Ok(())
    }

    async fn void_client(&self, by: &Bearer, id: &str, extent: Extent, reason_code: &str) -> Result<(), Fault> {
        let what = Revocable::Epoch { target: Target::Client(id.to_owned()), extent };
        let revoke = self.new_revoke(what, EndReason::ClientRevoked, &by.client_id);
        let revoke = Revoke { reason_code: Some(reason_code.to_owned()), ..revoke };
        if let RevokeAnswer::Done { entries, .. } = self.store.revoke(revoke, self.known("", id)).await? {
            self.merge(&entries);
        }
        Ok(())
    }

    /// Reads the clients of the store; those of the configuration stand above them.
    pub(super) async fn load_clients(&self) -> Result<(), Fault> {
        let mut registry = Registry::clone(&self.registry.load());
        for client in self.store.clients().await? {
            if !self.configured.contains(&client.id) {
                registry.clients.insert(client.id.clone(), Arc::new(client));
            }
        }
        self.registry.store(Arc::new(registry));
        Ok(())
    }

    /// Writes a client, then answers by it.
    pub(super) async fn put_client(&self, client: Client) -> Result<ClientInfo, Fault> {
        let mut registry = Registry::clone(&self.registry.load());
        let lifetimes = registry.lifetimes(&client);
        let keep = Keep { log: keep_log(lifetimes.access_ttl), session: lifetimes.absolute };
        self.store.put_client(client.clone(), keep).await?;
        let info = self.info(&registry, &client);
        registry.clients.insert(client.id.clone(), Arc::new(client));
        self.registry.store(Arc::new(registry));
        Ok(info)
    }

    /// A client that the API may change, and that may do nothing which the asker may not.
    pub(super) fn touchable(&self, by: &Bearer, id: &str) -> Result<Client, Fault> {
        if self.configured.contains(id) {
            return Err(Refusal::ClientReadOnly.into());
        }
        let registry = self.registry.load();
        let held = registry.clients.get(id).ok_or(Refusal::NotFound)?;
        if self.beyond(by, held).is_some() { Err(Refusal::ClientBeyond.into()) } else { Ok(Client::clone(held)) }
    }

    /// Nobody can register a client that may do more than he may himself.
    fn check_client(&self, by: &Bearer, client: &Client) -> Result<(), Fault> {
        let faults = self.registry.load().faults(client);
        if !faults.is_empty() {
            return Err(
                Refusal::Invalid(faults.iter().map(|fault| (format!("/{}", fault.field), code_of(&fault.problem))).collect()).into()
            );
        }
        match self.beyond(by, client) {
            Some(member) => Err(Refusal::invalid(format!("/{member}"), Code::BeyondYourOwn).into()),
            None => Ok(()),
        }
    }

    fn info(&self, registry: &Registry, client: &Client) -> ClientInfo {
        ClientInfo { client: client.clone(), lifetimes: registry.lifetimes(client), read_only: self.configured.contains(&client.id) }
    }
}

/// A client's new secret: 256 random bits, as text that HTTP Basic takes as it is.
pub fn new_secret(entropy: &dyn Entropy) -> Secret<String> {
    Secret::new(format!("mcs_{}", URL_SAFE_NO_PAD.encode(entropy.bytes::<32>())))
}

fn code_of(problem: &ClientProblem) -> Code {
    match problem {
        ClientProblem::BadId | ClientProblem::BadAudience(_) | ClientProblem::BadOrigin(_) => Code::Malformed,
        ClientProblem::Duplicate(_) => Code::Duplicate,
        ClientProblem::UnknownScope(_) => Code::UnknownScope,
        ClientProblem::UnknownClient(_) => Code::UnknownClient,
        ClientProblem::ScopeNeedsSecret(_)
        | ClientProblem::ScopeNeedsGrant(_)
        | ClientProblem::GrantNeedsSecret
        | ClientProblem::PublicWithSecret
        | ClientProblem::PublicWithKeys
        | ClientProblem::PublicOpens
        | ClientProblem::MustRotate => Code::NotForPublicClients,
        ClientProblem::TooManySecrets => Code::TooMany,
        ClientProblem::OutOfRange { .. } | ClientProblem::BadSlotLimit | ClientProblem::PauseBelowWindow => Code::OutOfRange,
    }
}
