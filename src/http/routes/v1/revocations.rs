//! `/v1/revocations`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::api::{NewRevocation, Reason, RevocationBody, TargetBody};
use crate::http::openapi::{ApiRefusals, BodyRefusals, NotFound};
use crate::id::RevocationId;
use crate::issuer::{Issuer, Refusal, RevocationAnswer, RevokeRequest, RevokeTarget};
use crate::revocation::Extent;
use crate::time::Moment;
use crate::web::{Authorized, Id, Json, Query, Refused, answer, idempotency_key};

/// Call something back
///
/// Scope `mintage:revoke` for tokens, sessions and subjects, `mintage:revoke.all` for clients, everything and keys. Answered when it
/// is on disk and this node refuses what it voids; safe to repeat.
#[utoipa::path(
    post, path = "/v1/revocations", operation_id = "revoke", tag = "revocations", security(("bearer" = [])),
    request_body = NewRevocation,
    params(("Idempotency-Key" = Option<String>, Header, description = "Unique for this request")),
    responses(
        (status = 200, body = RevocationBody, description = "What would happen (`dry_run`)"),
        (status = 201, body = RevocationBody, description = "The revocation", headers(("Location" = String, description = "The revocation"))),
        (status = 422, body = crate::api::Problem, content_type = "application/problem+json", description = "The key came with another request"),
        NotFound, ApiRefusals, BodyRefusals
    )
)]
pub(in crate::http) async fn revoke(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    headers: HeaderMap,
    query: Query,
    Json(body): Json<NewRevocation>,
) -> Result<Response, Refused> {
    no_receipt(query)?;
    let dry_run = body.dry_run;
    let revoked = issuer.revoke(&by, revoke_request(body, idempotency_key(&headers)?)).await?;
    let at = revoked.id.map(|id| format!("/v1/revocations/{id}"));
    let status = if at.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, at.map(|at| [(LOCATION, at)]), answer(&body_of(revoked, dry_run))).into_response())
}

/// Show a revocation
///
/// Scope `mintage:revoke`.
#[utoipa::path(
    get, path = "/v1/revocations/{id}", operation_id = "show_revocation", tag = "revocations", security(("bearer" = [])),
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = RevocationBody, description = "The revocation"), NotFound, ApiRefusals)
)]
pub(in crate::http) async fn show(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Id(id): Id<RevocationId>,
) -> Result<Response, Refused> {
    let revocation = issuer.revocation(&by, id).await?;
    Ok(answer(&body_of(revocation, false)).into_response())
}

fn no_receipt(query: Query) -> Result<(), Refused> {
    match query.only(&["wait", "timeout_ms"])? {
        params if params.has("wait") => Err(Refusal::Unsupported("wait").into()),
        params if params.has("timeout_ms") => Err(Refusal::Unsupported("timeout_ms").into()),
        _ => Ok(()),
    }
}

fn revoke_request(body: NewRevocation, idempotency_key: Option<String>) -> RevokeRequest {
    let NewRevocation { target, extent, reason, dry_run } = body;
    let Reason { code, note } = reason.unwrap_or_default();
    RevokeRequest {
        target: target_of(target),
        extent: extent.unwrap_or(Extent::Sessions),
        reason_code: code,
        reason_note: note,
        dry_run,
        idempotency_key,
    }
}

pub(super) fn body_of(revoked: RevocationAnswer, dry_run: bool) -> RevocationBody {
    let RevocationAnswer { id, target, extent, stamp, position, created_at, enforced_by, reason_code, reason_note, by, sessions } = revoked;
    let reason = Some(Reason { code: reason_code, note: reason_note }).filter(|reason| *reason != Reason::default());
    RevocationBody {
        id: id.map(|id| id.to_string()),
        target: shown(target),
        extent,
        stamp_ms: stamp.map(|stamp| stamp.millis()),
        position,
        created_at: created_at.map(Moment::to_rfc3339),
        enforced_by: enforced_by.map(Moment::to_rfc3339),
        receipt: None,
        reason,
        by,
        sessions,
        dry_run,
    }
}

fn target_of(body: TargetBody) -> RevokeTarget {
    match body {
        TargetBody::Token { jti } => RevokeTarget::Token(jti),
        TargetBody::Session { sid } => RevokeTarget::Session(sid),
        TargetBody::Subject { subject, client_id, except_sid } => RevokeTarget::Subject { subject, client_id, except_sid },
        TargetBody::Client { client_id } => RevokeTarget::Client(client_id),
        TargetBody::All {} => RevokeTarget::All,
        TargetBody::Key { kid } => RevokeTarget::Key(kid),
    }
}

fn shown(target: RevokeTarget) -> TargetBody {
    match target {
        RevokeTarget::Token(jti) => TargetBody::Token { jti },
        RevokeTarget::Session(sid) => TargetBody::Session { sid },
        RevokeTarget::Subject { subject, client_id, except_sid } => TargetBody::Subject { subject, client_id, except_sid },
        RevokeTarget::Client(client_id) => TargetBody::Client { client_id },
        RevokeTarget::All => TargetBody::All {},
        RevokeTarget::Key(kid) => TargetBody::Key { kid },
    }
}
