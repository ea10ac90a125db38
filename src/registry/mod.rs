//! Who may ask for what: clients, resource servers, scopes and lifetimes.

pub mod check;
mod client;
mod lifetimes;
mod scope;
mod strength;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use check::{ClientFault, ClientProblem};
pub use client::{Client, ClientType, Grant, OpensFor, SecretHash, TokenFormat};
pub use lifetimes::{Lifetimes, Overrides};
pub use scope::{BadScope, ScopeSet, management};
pub use strength::{MIN_SECRET_BITS, is_strong_secret};

/// What to do where a view is older than the hard age.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenStale {
    /// Answer 503: nothing is accepted on old knowledge.
    #[default]
    Refuse,
    /// Accept, count it, and say so.
    Accept,
}

/// A registered audience (RFC 8707).
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ResourceServer {
    /// The value of `aud` and of the `resource` parameter.
    pub audience: String,
    /// What its edges do past the hard age.
    pub when_stale: WhenStale,
    /// The implicit assertion of its PASETO tokens, where it names one.
    pub implicit: Option<String>,
}

/// Everything registered, at one moment. Nodes replace it whole.
#[derive(Clone, Debug)]
pub struct Registry {
    /// What holds for a client that says nothing else.
    pub defaults: Lifetimes,
    /// By `client_id`. Shared, so that a request holds its client without a copy.
    pub clients: BTreeMap<String, Arc<Client>>,
    /// By audience.
    pub resource_servers: BTreeMap<String, ResourceServer>,
}

impl Registry {
    /// The client of this id, unless it is disabled.
    pub fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id).filter(|client| !client.disabled)
    }

    /// The lifetimes that hold for a client: its own, else the defaults.
    pub fn lifetimes(&self, client: &Client) -> Lifetimes {
        client.overrides.over(self.defaults)
    }

    /// The largest access-token lifetime of any client: revocations are kept at least that long.
    pub fn longest_access_ttl(&self) -> std::time::Duration {
        self.clients.values().map(|client| self.lifetimes(client).access_ttl).max().unwrap_or_default().max(self.defaults.access_ttl)
    }

    /// The longest that a session of any client may live.
    pub fn longest_session(&self) -> std::time::Duration {
        self.clients.values().map(|client| self.lifetimes(client).absolute).max().unwrap_or_default().max(self.defaults.absolute)
    }

    /// The implicit assertion that an audience's PASETO tokens carry, or nothing.
    pub fn implicit(&self, audience: &str) -> &str {
        self.resource_servers.get(audience).and_then(|server| server.implicit.as_deref()).unwrap_or_default()
    }
}
