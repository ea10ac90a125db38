//! `/v1/keys`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/keys`: announce a new signing key.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceKey {
    /// `EdDSA`, `Ed25519`, `ES256` or `v4.public`; without it, the configured one. RS256 keys are imported instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
}

/// One signing key. The private part never leaves the node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyBody {
    /// Its id.
    pub kid: String,
    /// What it signs with.
    pub algorithm: String,
    /// `announced`, `active`, `retiring`, `retired` or `revoked`.
    pub state: String,
    /// When it was published.
    pub announced_at: String,
    /// When it began, or begins, to sign.
    pub activates_at: String,
    /// When it stops signing.
    pub retires_at: Option<String>,
    /// When nothing that it signed is alive any more.
    pub ends_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
}

/// Every key that is still published or remembered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// The signing keys.
    pub items: Vec<KeyBody>,
    /// The keys that refresh tokens are made under.
    #[serde(default)]
    pub macs: Vec<MacKeyBody>,
    /// What the operator should see to.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One MAC key of refresh tokens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MacKeyBody {
    /// Its number in refresh tokens.
    pub id: u8,
    /// `announced`, `active`, `retiring` (kept for the sessions made under it) or `retired`.
    pub state: String,
    /// When the nodes could first read it.
    pub announced_at: String,
    /// When it began, or begins, to make refresh tokens.
    pub activates_at: String,
    /// When nothing that it made is good any more.
    pub ends_at: Option<String>,
}
