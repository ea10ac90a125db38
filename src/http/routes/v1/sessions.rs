//! `/v1/sessions`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::parsed;
use crate::api::{NewSession, SessionBody, SessionList, SessionOpened, TokenAnswer};
use crate::http::openapi::{ApiRefusals, BodyRefusals};
use crate::http::routes::oauth::token::Told;
use crate::issuer::{Issuer, ListRequest, OpenRequest};
use crate::web::{Authorized, Json, Query, Refused, answer, idempotency_key};

/// How many sessions a page has when nothing is said.
const PAGE: u32 = 50;

/// Open a session for a user that the caller has authenticated
///
/// Scope `mintage:sessions.open`, and the client in the caller's `opens_for`. With an `Idempotency-Key` a repetition gets the same
/// session; a lost response leaves no orphan.
#[utoipa::path(
    post, path = "/v1/sessions", operation_id = "open_session", tag = "sessions", security(("bearer" = [])), request_body = NewSession,
    params(("Idempotency-Key" = Option<String>, Header, description = "Unique for this request")),
    responses(
        (status = 201, body = SessionOpened, description = "The session and its first tokens",
            headers(("Location" = String, description = "The session"))),
        (status = 422, body = crate::api::Problem, content_type = "application/problem+json", description = "The key came with another request"),
        ApiRefusals, BodyRefusals
    )
)]
pub(in crate::http) async fn open(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    headers: HeaderMap,
    Json(body): Json<NewSession>,
) -> Result<Response, Refused> {
    let opened = issuer.open(&by, open_request(body, idempotency_key(&headers)?)).await?;
    let at = format!("/v1/sessions/{}", opened.session.sid);
    let body = SessionOpened { session: SessionBody::from(&opened.session), tokens: TokenAnswer::from(Told(opened.tokens)) };
    Ok((StatusCode::CREATED, [(LOCATION, at)], answer(&body)).into_response())
}

/// List sessions
///
/// Scope `mintage:sessions.read`. Of a subject, of a client, or all; ended ones too, until they are forgotten.
#[utoipa::path(
    get, path = "/v1/sessions", operation_id = "list_sessions", tag = "sessions", security(("bearer" = [])),
    params(
        ("subject" = Option<String>, Query, description = "Of this subject"),
        ("client_id" = Option<String>, Query, description = "At this client"),
        ("state" = Option<crate::api::SessionState>, Query, description = "Only live, or only ended ones"),
        ("limit" = Option<u32>, Query, description = "At most this many", minimum = 1, maximum = 200),
        ("page_token" = Option<String>, Query, description = "`next_page_token` of the page before")
    ),
    responses((status = 200, body = SessionList, description = "A page"), ApiRefusals)
)]
pub(in crate::http) async fn list(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    query: Query,
) -> Result<Response, Refused> {
    let page = issuer.sessions(&by, list_request(query)?).await?;
    let items = page.sessions.iter().map(SessionBody::from).collect();
    Ok(answer(&SessionList { items, next_page_token: page.next.map(|sid| sid.to_string()) }).into_response())
}

fn open_request(body: NewSession, idempotency_key: Option<String>) -> OpenRequest {
    let NewSession { subject, client_id, audience, scope, claims, auth_time, acr, amr, cnf, device, slot, lifetime, upstream } = body;
    OpenRequest {
        subject,
        client_id,
        audience,
        scope,
        claims: claims.map(|claims| serde_json::Value::Object(claims).to_string()),
        auth_time,
        acr,
        amr,
        sender_key: cnf.map(|cnf| cnf.jkt),
        device: device.map(Into::into),
        slot,
        lifetime: lifetime.map(Duration::from_secs),
        upstream: upstream.map(Into::into),
        idempotency_key,
    }
}

fn list_request(query: Query) -> Result<ListRequest, Refused> {
    let mut params = query.only(&["subject", "client_id", "state", "limit", "page_token"])?;
    Ok(ListRequest {
        subject: params.text("subject"),
        client_id: params.text("client_id"),
        active: parsed(&mut params, "state", |state| match state {
            "active" => Some(true),
            "ended" => Some(false),
            _ => None,
        })?,
        limit: parsed(&mut params, "limit", |limit| limit.parse().ok())?.unwrap_or(PAGE),
        from: parsed(&mut params, "page_token", |token| token.parse().ok())?,
    })
}
