//! `/v1/clients`. Durations are whole seconds.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::registry::{ClientType, Grant, TokenFormat};

/// `POST /v1/clients`. What is left out is empty, or as the defaults have it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Its `client_id`.
    pub id: String,
    /// `confidential` or `public` (RFC 6749 §2.1). A confidential client without `jwks` is given a secret.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "public")]
    pub kind: ClientType,
    /// A JWK Set (RFC 7517 §5) of 1 to 8 public keys: the client proves itself with assertions that it signs (`private_key_jwt`, RFC 7523).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// What it may ask of the token endpoint: `refresh_token`, `client_credentials`; without it, `refresh_token`.
    #[serde(default = "refresh_token")]
    #[schema(value_type = Vec<String>)]
    pub grants: BTreeSet<Grant>,
    /// The scopes that it, or a session at it, may have.
    #[serde(default)]
    pub scopes: BTreeSet<String>,
    /// The audiences that it, or a session at it, may have; the first is the default.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// For which clients it may open sessions; `["*"]` is all.
    #[serde(default)]
    pub opens_for: BTreeSet<String>,
    /// The form of its access tokens: `jwt` or `paseto`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub format: TokenFormat,
    /// Web origins that may call the token and revocation endpoints.
    #[serde(default)]
    pub origins: Vec<String>,
    /// An access token's lifetime, in seconds; without it, or `null`, the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_ttl: Option<u64>,
    /// A session's lifetime, from its opening, in seconds; without it, or `null`, the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<u64>,
    /// How long a session may lie unused, in seconds; without it, or `null`, the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<u64>,
    /// How long a superseded refresh token still gets the same successor, in seconds; without it, or `null`, the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_window: Option<u64>,
    /// How long a new refresh token is kept before it rotates again, in seconds; without it, or `null`, the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_pause: Option<u64>,
    /// Whether its refresh tokens rotate.
    #[serde(default = "yes")]
    pub rotates: bool,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2).
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// How many live sessions of one subject may share a slot.
    #[serde(default)]
    pub sessions_per_slot: Option<u32>,
    /// A disabled client is answered as an unknown one.
    #[serde(default)]
    pub disabled: bool,
}

/// `PUT /v1/clients/{id}`: the whole registration. A member that is left out is an error, never a reset. Secrets stay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceClient {
    /// As it is: a client's type does not change.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "public")]
    pub kind: ClientType,
    /// A JWK Set of its public keys; `null` is none.
    #[serde(deserialize_with = "present")]
    #[schema(required = true, value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// What it may ask of the token endpoint.
    #[schema(value_type = Vec<String>)]
    pub grants: BTreeSet<Grant>,
    /// The scopes that it, or a session at it, may have.
    pub scopes: BTreeSet<String>,
    /// The audiences that it, or a session at it, may have; the first is the default.
    pub audiences: Vec<String>,
    /// For which clients it may open sessions; `["*"]` is all.
    pub opens_for: BTreeSet<String>,
    /// The form of its access tokens.
    #[schema(value_type = String)]
    pub format: TokenFormat,
    /// Web origins that may call the token and revocation endpoints.
    pub origins: Vec<String>,
    /// An access token's lifetime, in seconds; `null` is the default.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    pub access_ttl: Option<u64>,
    /// A session's lifetime, from its opening, in seconds; `null` is the default.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    pub absolute: Option<u64>,
    /// How long a session may lie unused, in seconds; `null` is the default.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    pub idle: Option<u64>,
    /// How long a superseded refresh token still gets the same successor, in seconds; `null` is the default.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    pub retry_window: Option<u64>,
    /// How long a new refresh token is kept before it rotates again, in seconds; `null` is the default.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    pub rotation_pause: Option<u64>,
    /// Whether its refresh tokens rotate.
    pub rotates: bool,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// How many live sessions of one subject may share a slot; `null` is no limit.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    pub sessions_per_slot: Option<u32>,
    /// A disabled client is answered as an unknown one.
    pub disabled: bool,
}

/// A client. No secret is in it, nor the hash of one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientBody {
    /// Its `client_id`.
    pub id: String,
    /// `confidential` or `public`.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "public")]
    pub kind: ClientType,
    /// Its public keys (RFC 7517 §5); `null` where it has none.
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
    /// What it may ask of the token endpoint.
    #[schema(value_type = Vec<String>)]
    pub grants: BTreeSet<Grant>,
    /// The scopes that it, or a session at it, may have.
    pub scopes: BTreeSet<String>,
    /// The audiences that it, or a session at it, may have.
    pub audiences: Vec<String>,
    /// For which clients it may open sessions; `["*"]` is all.
    pub opens_for: BTreeSet<String>,
    /// The form of its access tokens.
    #[schema(value_type = String)]
    pub format: TokenFormat,
    /// Web origins that may call the token and revocation endpoints.
    pub origins: Vec<String>,
    /// An access token's lifetime, in seconds; `null` is the default.
    pub access_ttl: Option<u64>,
    /// A session's lifetime, from its opening, in seconds; `null` is the default.
    pub absolute: Option<u64>,
    /// How long a session may lie unused, in seconds; `null` is the default.
    pub idle: Option<u64>,
    /// How long a superseded refresh token still gets the same successor, in seconds; `null` is the default.
    pub retry_window: Option<u64>,
    /// How long a new refresh token is kept before it rotates again, in seconds; `null` is the default.
    pub rotation_pause: Option<u64>,
    /// The lifetimes that hold for it.
    pub lifetimes: LifetimesBody,
    /// Whether its refresh tokens rotate.
    pub rotates: bool,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// How many live sessions of one subject may share a slot.
    pub sessions_per_slot: Option<u32>,
    /// Whether it is answered as an unknown one.
    pub disabled: bool,
    /// Whether it stands in the configuration file, where alone it can be changed.
    pub read_only: bool,
    /// What its secrets are called, the oldest first. They tell nothing of the secrets.
    #[serde(default)]
    pub secret_ids: Vec<String>,
}

/// Lifetimes in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LifetimesBody {
    /// An access token's.
    pub access_ttl: u64,
    /// A session's, from its opening.
    pub absolute: u64,
    /// How long a session may lie unused.
    pub idle: u64,
    /// How long a superseded refresh token still gets the same successor.
    pub retry_window: u64,
    /// How long a new refresh token is kept before it rotates again.
    pub rotation_pause: u64,
}

/// Every client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientList {
    /// In the order of their ids.
    pub items: Vec<ClientBody>,
}

/// A secret that a client was given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SecretCreated {
    /// What it is called when it is removed.
    pub id: String,
    /// The secret, shown this once.
    #[schema(value_type = String)]
    pub client_secret: super::Disclosed,
}

/// A client that was registered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientCreated {
    /// As registered.
    pub client: ClientBody,
    /// The secret of a confidential client that has no keys, shown this once.
    #[schema(value_type = Option<String>)]
    pub client_secret: Option<super::Disclosed>,
}

fn refresh_token() -> BTreeSet<Grant> {
    BTreeSet::from([Grant::RefreshToken])
}

fn yes() -> bool {
    true
}

/// Reads an optional value whose member must be there: serde takes a plain `Option` that is missing for `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
