//! `GET /.well-known/oauth-authorization-server`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::Metadata;
use crate::issuer::Issuer;
use crate::registry::management;
use crate::token::FOREIGN_ALGORITHMS;
use crate::web::document;

/// How long the metadata may be cached: it changes with a release or a new configuration only.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// What this issuer offers (RFC 8414)
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", operation_id = "metadata", tag = "well-known",
    responses((status = 200, body = Metadata, description = "The metadata"), (status = 304, description = "As it was (`If-None-Match`)"))
)]
pub(in crate::http) async fn metadata(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    let body = serde_json::to_string(&of(issuer.issuer(), &issuer.jwt_algorithms())).unwrap_or_default();
    document(&headers, "application/json", body, MAX_AGE)
}

fn of(issuer: &str, signed_with: &[&str]) -> Metadata {
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let methods = words(&["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]);
    let algorithms = words(&FOREIGN_ALGORITHMS);
    Metadata {
        issuer: issuer.to_owned(),
        token_endpoint: at("/oauth/token"),
        token_endpoint_auth_methods_supported: methods.clone(),
        revocation_endpoint: at("/oauth/revoke"),
        revocation_endpoint_auth_methods_supported: methods,
        introspection_endpoint: at("/oauth/introspect"),
        introspection_endpoint_auth_methods_supported: words(&["client_secret_basic", "client_secret_post", "private_key_jwt", "bearer"]),
        token_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
        revocation_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
        introspection_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
        dpop_signing_alg_values_supported: algorithms,
        introspection_signing_alg_values_supported: words(signed_with),
        jwks_uri: at("/.well-known/jwks.json"),
        mintage_paserk_uri: at("/.well-known/paserk.json"),
        scopes_supported: words(&management::ALL),
        grant_types_supported: words(&["refresh_token", "client_credentials"]),
        response_types_supported: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_stands_there_byte_for_byte() {
        for issuer in ["https://id.example", "https://id.example/", "https://id.example/tenant"] {
            assert_eq!(of(issuer, &[]).issuer, issuer);
        }
        assert_eq!(of("https://id.example/", &[]).token_endpoint, "https://id.example/oauth/token");
    }
}
