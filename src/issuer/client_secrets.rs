//! A client's secrets change without a gap: the new one is added, both are good, the old one is removed.

use super::clients::new_secret;
use super::{Bearer, ClientInfo, Fault, Issuer, Refusal, SecretAdded};
use crate::api::Code;
use crate::registry::check::MAX_SECRETS;
use crate::registry::{Client, ClientType, SecretHash, management};

impl Issuer {
    pub(super) async fn one_more_secret(&self, by: &Bearer, id: &str) -> Result<SecretAdded, Fault> {
        by.must_have(management::CLIENTS)?;
        let _changing = self.changing.lock().await;
        let mut client = self.touchable(by, id)?;
        if client.kind == ClientType::Public {
            return Err(Refusal::invalid("/type", Code::NotForPublicClients).into());
        }
        if client.secrets.len() >= MAX_SECRETS {
            return Err(Refusal::TooManySecrets.into());
        }
        let secret = new_secret(&*self.entropy);
        let hash = secret.expose(|secret| SecretHash::of(secret.as_bytes()));
        let secret_id = hash.id();
        client.secrets.push(hash);
        self.put_client(client).await?;
        tracing::info!(client_id = id, by = by.client_id, secret_id, "client has one more secret");
        Ok(SecretAdded { id: secret_id, secret })
    }

    pub(super) async fn one_secret_less(&self, by: &Bearer, id: &str, secret_id: &str) -> Result<ClientInfo, Fault> {
        by.must_have(management::CLIENTS)?;
        let _changing = self.changing.lock().await;
        let held = self.touchable(by, id)?;
        let secrets: Vec<_> = held.secrets.iter().filter(|secret| secret.id() != secret_id).cloned().collect();
        if secrets.len() == held.secrets.len() {
            return Err(Refusal::NotFound.into());
        }
        if secrets.is_empty() && held.keys.is_empty() {
            return Err(Refusal::LastSecret.into());
        }
        let info = self.put_client(Client { secrets, ..held }).await?;
        tracing::info!(client_id = id, by = by.client_id, secret_id, "client has one secret less");
        Ok(info)
    }
}
