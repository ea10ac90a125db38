//! `/v1/sessions/{sid}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::revocations::body_of;
use crate::api::{PatchSession, RevocationBody, SessionBody};
use crate::http::openapi::{ApiRefusals, BodyRefusals, Conflict, NotFound};
use crate::id::Sid;
use crate::issuer::{Issuer, PatchRequest, RevokeRequest, RevokeTarget};
use crate::revocation::Extent;
use crate::web::{Authorized, Id, MergePatch, Refused, answer, is_about};

/// Show a session
///
/// Scope `mintage:sessions.read`.
#[utoipa::path(
    get, path = "/v1/sessions/{sid}", operation_id = "show_session", tag = "sessions", security(("bearer" = [])),
    params(("sid" = String, Path, format = "uuid")),
    responses((status = 200, body = SessionBody, description = "The session"), NotFound, ApiRefusals)
)]
pub(in crate::http) async fn show(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(sid): Id<Sid>,
) -> Result<Response, Refused> {
    is_about(sid);
    let session = issuer.session(&by, sid).await?;
    Ok(answer(&SessionBody::from(&session)).into_response())
}

/// Merge claims into a session, or narrow its scope
///
/// Scope `mintage:sessions.update`. Shows in the next access token; the ones that are out keep what they say. A scope
/// that is not within the one that the session has is refused (403 `scope_not_allowed`).
#[utoipa::path(
    patch, path = "/v1/sessions/{sid}", operation_id = "patch_session", tag = "sessions", security(("bearer" = [])),
    params(("sid" = String, Path, format = "uuid")),
    request_body(content((PatchSession = "application/json"), (PatchSession = "application/merge-patch+json"))),
    responses((status = 200, body = SessionBody, description = "As it is now"), NotFound, Conflict, ApiRefusals, BodyRefusals)
)]
pub(in crate::http) async fn patch(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(sid): Id<Sid>,
    MergePatch(PatchSession { claims, scope }): MergePatch<PatchSession>,
) -> Result<Response, Refused> {
    is_about(sid);
    let request = PatchRequest { claims: claims.map(|claims| serde_json::Value::Object(claims).to_string()), scope };
    let session = issuer.patch(&by, sid, request).await?;
    Ok(answer(&SessionBody::from(&session)).into_response())
}

/// End a session
///
/// Scope `mintage:revoke`. The same as a revocation with this session as its target.
#[utoipa::path(
    delete, path = "/v1/sessions/{sid}", operation_id = "end_session", tag = "sessions", security(("bearer" = [])),
    params(("sid" = String, Path, format = "uuid")),
    responses((status = 200, body = RevocationBody, description = "The revocation; it is on disk"), NotFound, ApiRefusals)
)]
pub(in crate::http) async fn end(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(sid): Id<Sid>,
) -> Result<Response, Refused> {
    is_about(sid);
    let revoked = issuer.revoke(&by, of_session(sid)).await?;
    Ok(answer(&body_of(revoked, false)).into_response())
}

fn of_session(sid: Sid) -> RevokeRequest {
    RevokeRequest {
        target: RevokeTarget::Session(sid),
        extent: Extent::Sessions,
        reason_code: None,
        reason_note: None,
        dry_run: false,
        idempotency_key: None,
    }
}
