//! `GET /.well-known/paserk.json`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::http::openapi::PaserkSet;
use crate::issuer::Issuer;
use crate::web::document;

/// The public keys of our PASETO tokens
#[utoipa::path(
    get, path = "/.well-known/paserk.json", operation_id = "paserk", tag = "well-known",
    responses((status = 200, body = PaserkSet, description = "The key set"), (status = 304, description = "As it was (`If-None-Match`)"))
)]
pub(in crate::http) async fn paserk(State(issuer): State<Arc<Issuer>>, headers: HeaderMap) -> Response {
    let published = issuer.paserk_set();
    document(&headers, "application/json", published.body, published.max_age)
}
