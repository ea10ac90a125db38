//! `POST /oauth/revoke`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::api::Code;
use crate::http::client_auth::ClientForm;
use crate::http::openapi::{OAuthRefusals, TokenNamed};
use crate::issuer::Issuer;
use crate::web::{Refused, Visit};

/// Revoke a token
///
/// A refresh token ends its session; an access token is revoked alone. An unknown token is answered like a known one (RFC 7009 §2.2).
#[utoipa::path(
    post, path = "/oauth/revoke", operation_id = "revoke_token", tag = "oauth", security((), ("client" = [])),
    request_body(content = TokenNamed, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "It is not good any more; this is on disk"), OAuthRefusals)
)]
pub(in crate::http) async fn revoke(
    State(issuer): State<Arc<Issuer>>,
    visit: Visit,
    ClientForm { caller, mut form }: ClientForm,
) -> Result<StatusCode, Refused> {
    let token = form.take("token").ok_or_else(|| Refused::field(Code::InvalidRequest, "/token", Code::Required))?;
    if !issuer.revoke_token(&caller, &token).await? {
        visit.failed();
    }
    Ok(StatusCode::OK)
}
