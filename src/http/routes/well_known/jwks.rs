//! `GET /.well-known/jwks.json`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::http::openapi::JwkSet;
use crate::issuer::Issuer;
use crate::web::document;

/// The public keys of our JWTs (RFC 7517 §5)
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "jwks", tag = "well-known",
    responses((status = 200, body = JwkSet, content_type = "application/jwk-set+json", description = "The key set"),
        (status = 304, description = "As it was (`If-None-Match`)"))
)]
pub(in crate::http) async fn jwks(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    let published = issuer.jwks();
    document(&headers, "application/jwk-set+json", published.body, published.max_age)
}
