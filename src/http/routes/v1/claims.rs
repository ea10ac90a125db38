//! `/v1/sessions/claims`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::api::{PatchSubject, PatchedSubject};
use crate::http::openapi::{ApiRefusals, BodyRefusals};
use crate::issuer::{Issuer, PatchSubjectAnswer, PatchSubjectRequest};
use crate::web::{Authorized, Json, Refused, answer};

/// Merge claims into every live session of a subject
///
/// Scope `mintage:sessions.update`. With `void_access_tokens` clients refresh at once and get the new claims.
#[utoipa::path(
    post, path = "/v1/sessions/claims", operation_id = "patch_subject", tag = "sessions", security(("bearer" = [])),
    request_body = PatchSubject,
    responses((status = 200, body = PatchedSubject, description = "What was done; it is on disk"), ApiRefusals, BodyRefusals)
)]
pub(in crate::http) async fn patch_subject(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    Json(PatchSubject { subject, client_id, claims, void_access_tokens }): Json<PatchSubject>,
) -> Result<Response, Refused> {
    let claims = serde_json::Value::Object(claims).to_string();
    let request = PatchSubjectRequest { subject, client_id, claims, void_access_tokens };
    let PatchSubjectAnswer { sessions, revocation, stamp } = issuer.patch_subject(&by, request).await?;
    let body = PatchedSubject { sessions, revocation_id: revocation.map(|id| id.to_string()), stamp_ms: stamp.map(|stamp| stamp.millis()) };
    Ok(answer(&body).into_response())
}
