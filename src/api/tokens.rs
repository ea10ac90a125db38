//! Answers of the OAuth endpoints.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Disclosed;
use crate::registry::ScopeSet;

/// A successful answer of the token endpoint (RFC 6749 §5.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenAnswer {
    /// The access token: opaque to the client.
    #[schema(value_type = String)]
    pub access_token: Disclosed,
    /// `Bearer`, or `DPoP` for a token that is bound to a key (RFC 9449 §5).
    pub token_type: String,
    /// Lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// The new refresh token; absent where the client keeps the one it has (RFC 6749 §6), or has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub refresh_token: Option<Disclosed>,
    /// When the session ends at the latest, in seconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refresh_expires_in: Option<u64>,
    /// What was granted: it may be less than what was asked.
    #[schema(value_type = String)]
    pub scope: ScopeSet,
}

/// What the introspection endpoint answers (RFC 7662 §2.2). Of an inactive token it says `{"active":false}` and nothing else;
/// of an active one also the session's custom claims.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct IntrospectionBody {
    /// Whether the token is good now.
    pub active: bool,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iss: Option<String>,
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sub: Option<String>,
    /// The audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub aud: Option<String>,
    /// The client it was issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_id: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub jti: Option<String>,
    /// Its session, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sid: Option<String>,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scope: Option<String>,
    /// Its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token_type: Option<String>,
    /// When it expires, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exp: Option<u64>,
    /// When it was issued, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iat: Option<u64>,
}
