//! The first start of a deployment that names no clients: one that administers, one to try things with.

use std::collections::BTreeSet;

use super::clients::new_secret;
use super::{Fault, Issuer};
use crate::registry::{Client, ClientType, Grant, OpensFor, Overrides, SecretHash, TokenFormat, management};
use crate::secret::Secret;

/// The `client_id` of the administrator.
pub const ADMIN: &str = "admin";
/// The `client_id` of the public client to try things with, and its audience.
const APP: &str = "app";
const APP_AUDIENCE: &str = "https://api.example";

/// What the first start made.
#[derive(Debug)]
pub struct FirstRun {
    /// Whether this start made the first clients.
    pub made_clients: bool,
    /// The administrator's new secret, to be shown this once; none where it was given.
    pub admin_secret: Option<Secret<String>>,
}

impl Issuer {
    /// Makes `admin` and `app` where no client exists at all. A given secret becomes the administrator's, at any start.
    pub async fn first_run(&self, given: Option<&Secret<String>>) -> Result<FirstRun, Fault> {
        let _changing = self.changing.lock().await;
        let hash = |secret: &Secret<String>| secret.expose(|secret| SecretHash::of(secret.as_bytes()));
        let registry = self.registry.load_full();
        if registry.clients.is_empty() {
            let made = given.is_none().then(|| new_secret(&*self.entropy));
            let secret = made.as_ref().or(given).map(hash);
            self.put_client(admin(secret.into_iter().collect())).await?;
            self.put_client(app()).await?;
            if made.is_some() {
                tracing::info!("the secret of admin goes to standard output now; should it be lost: mintage clients reset-admin");
            }
            return Ok(FirstRun { made_clients: true, admin_secret: made });
        }
        let held = registry.clients.get(ADMIN).filter(|_| !self.configured.contains(ADMIN));
        if let (Some(given), Some(held)) = (given, held) {
            let known = given.expose(|given| held.knows_secret(given.as_bytes()));
            if !known {
                self.put_client(Client { secrets: vec![hash(given)], ..Client::clone(held) }).await?;
                tracing::warn!(client_id = ADMIN, "the administrator's secret has been replaced by the one given at this start");
            }
        }
        if given.is_some() && held.is_none() {
            tracing::warn!(
                "MINTAGE_ADMIN_SECRET (or …_FILE) is set and not used: there is no client admin but what the configuration file says"
            );
        }
        Ok(FirstRun { made_clients: false, admin_secret: None })
    }
}

/// The administrator with this secret, which is all that it proves itself with: as it is registered, though never disabled; or as a first
/// start makes it.
pub fn administrator(held: Option<Client>, secret: &Secret<String>) -> Client {
    let secrets = vec![secret.expose(|secret| SecretHash::of(secret.as_bytes()))];
    Client { secrets: secrets.clone(), keys: Vec::new(), disabled: false, ..held.unwrap_or_else(|| admin(secrets)) }
}

fn admin(secrets: Vec<SecretHash>) -> Client {
    Client {
        id: ADMIN.to_owned(),
        kind: ClientType::Confidential,
        secrets,
        keys: Vec::new(),
        grants: BTreeSet::from([Grant::ClientCredentials]),
        scopes: management::ALL.into_iter().collect(),
        audiences: Vec::new(),
        opens_for: OpensFor::Every,
        format: TokenFormat::Jwt,
        origins: Vec::new(),
        overrides: Overrides::default(),
        rotates: true,
        dpop_bound: false,
        sessions_per_slot: None,
        disabled: false,
    }
}

fn app() -> Client {
    Client {
        id: APP.to_owned(),
        kind: ClientType::Public,
        secrets: Vec::new(),
        grants: BTreeSet::from([Grant::RefreshToken]),
        scopes: ["read", "write"].into_iter().collect(),
        audiences: vec![APP_AUDIENCE.to_owned()],
        opens_for: OpensFor::These(BTreeSet::new()),
        ..admin(Vec::new())
    }
}
