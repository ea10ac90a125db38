//! What the issuer says of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Authorization server metadata (RFC 8414 §2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Metadata {
    /// The configured issuer, byte for byte.
    pub issuer: String,
    /// Where tokens are refreshed.
    pub token_endpoint: String,
    /// How clients authenticate there.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 7009.
    pub revocation_endpoint: String,
    /// How clients authenticate there.
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 7662.
    pub introspection_endpoint: String,
    /// How clients authenticate there.
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// What client assertions may be signed with, here and at the two below.
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// As at the token endpoint.
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// As at the token endpoint.
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// What signed introspection answers are signed with (RFC 9701 §7).
    pub introspection_signing_alg_values_supported: Vec<String>,
    /// What DPoP proofs may be signed with (RFC 9449 §5.1).
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// The JWT keys (RFC 7517).
    pub jwks_uri: String,
    /// The PASETO keys.
    pub mintage_paserk_uri: String,
    /// The scopes of the management API; those of resource servers are the deployment's own.
    pub scopes_supported: Vec<String>,
    /// What the token endpoint takes.
    pub grant_types_supported: Vec<String>,
    /// There is no authorization endpoint: always empty.
    pub response_types_supported: Vec<String>,
}

/// Whether the node can serve (`/healthz/ready`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct HealthBody {
    /// `view`, `store` and `keys`, and not `stopping`.
    pub ready: bool,
    /// The view of revocations is complete and young enough.
    pub view: bool,
    /// The store answers.
    pub store: bool,
    /// A key may sign.
    pub keys: bool,
    /// It was told to stop, and serves what still comes.
    pub stopping: bool,
}
