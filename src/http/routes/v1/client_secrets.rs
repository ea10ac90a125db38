//! `/v1/clients/{id}/secrets`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};

use crate::api::{Disclosed, SecretCreated};
use crate::http::openapi::{ApiRefusals, Conflict, NotFound};
use crate::issuer::Issuer;
use crate::web::{Authorized, Id, Ids, Refused, answer};

/// Give a client one more secret
///
/// Scope `mintage:clients`, and every right that the client has. The secret is shown in this answer and never again; the old one stays
/// good until it is removed. There are at most two.
#[utoipa::path(
    post, path = "/v1/clients/{id}/secrets", operation_id = "add_client_secret", tag = "clients", security(("bearer" = [])),
    params(("id" = String, Path)),
    responses(
        (status = 201, body = SecretCreated, description = "The secret", headers(("Location" = String, description = "Where it can be removed"))),
        NotFound, Conflict, ApiRefusals
    )
)]
pub(in crate::http) async fn add(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(id): Id<String>,
) -> Result<Response, Refused> {
    let added = issuer.add_secret(&by, &id).await?;
    let at = format!("/v1/clients/{id}/secrets/{}", added.id);
    let body = SecretCreated { id: added.id, client_secret: Disclosed::new(added.secret) };
    Ok((StatusCode::CREATED, [(LOCATION, at)], answer(&body)).into_response())
}

/// Remove a secret of a client
///
/// It is refused from then on. The only secret of a client without keys stays.
#[utoipa::path(
    delete, path = "/v1/clients/{id}/secrets/{secret_id}", operation_id = "remove_client_secret", tag = "clients",
    security(("bearer" = [])), params(("id" = String, Path), ("secret_id" = String, Path)),
    responses((status = 204, description = "It is gone"), NotFound, Conflict, ApiRefusals)
)]
pub(in crate::http) async fn remove(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Ids(id, secret_id): Ids,
) -> Result<StatusCode, Refused> {
    issuer.remove_secret(&by, &id, &secret_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
