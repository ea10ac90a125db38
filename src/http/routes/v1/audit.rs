//! `/v1/audit`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::parsed;
use crate::api::{AuditActor, AuditEvent, AuditList, AuditTarget};
use crate::audit;
use crate::http::openapi::{ApiRefusals, NotFound};
use crate::issuer::Issuer;
use crate::time::Moment;
use crate::web::{Authorized, Query, Refused, answer};

/// How many events a page has when nothing is said.
const PAGE: usize = 50;
const FILTERS: [&str; 12] =
    ["subject", "client_id", "by", "sid", "target", "action", "result", "request_id", "since", "until", "limit", "page_token"];

/// Read the audit trail
///
/// Scope `mintage:audit`. Of the node that answers, the newest first; several filters must all fit. One request looks through 8 MiB of
/// the trail at most: a page may be short, or empty, and still have a next one. `result=interrupted` finds what a crash left unfinished.
#[utoipa::path(
    get, path = "/v1/audit", operation_id = "read_audit_trail", tag = "audit", security(("bearer" = [])),
    params(
        ("subject" = Option<String>, Query, description = "Whose"),
        ("client_id" = Option<String>, Query, description = "At, or about, this client"),
        ("by" = Option<String>, Query, description = "Done by this client; `mintage` is the node itself"),
        ("sid" = Option<String>, Query, description = "To this session"),
        ("target" = Option<String>, Query, description = "To the token, session, subject, client or key of this id"),
        ("action" = Option<String>, Query, description = "What was done, such as `revoke`: docs/api.md lists the words"),
        ("result" = Option<String>, Query, description = "`done`, `refused`, `unknown` or `interrupted`"),
        ("request_id" = Option<String>, Query, description = "With this request"),
        ("since" = Option<String>, Query, description = "At or after this time (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Before this time (RFC 3339)"),
        ("limit" = Option<u32>, Query, description = "At most this many", minimum = 1, maximum = 200),
        ("page_token" = Option<String>, Query, description = "`next_page_token` of the page before")
    ),
    responses((status = 200, body = AuditList, description = "A page"), NotFound, ApiRefusals)
)]
pub(in crate::http) async fn list(
    State(issuer): State<Arc<Issuer>>,
    Authorized(by): Authorized,
    query: Query,
) -> Result<Response, Refused> {
    let page = issuer.audit(&by, wanted(query)?).await?;
    let items = page.events.into_iter().map(body_of).collect();
    Ok(answer(&AuditList { items, next_page_token: page.next.map(|place| place.to_string()) }).into_response())
}

fn wanted(query: Query) -> Result<audit::Query, Refused> {
    let mut params = query.only(&FILTERS)?;
    Ok(audit::Query {
        subject: params.text("subject"),
        client_id: params.text("client_id"),
        by: params.text("by"),
        target: params.text("target"),
        request_id: params.text("request_id"),
        sid: parsed(&mut params, "sid", |sid| sid.parse().ok())?,
        action: parsed(&mut params, "action", |action| action.parse().ok())?,
        ending: parsed(&mut params, "result", |result| result.parse().ok())?,
        since: parsed(&mut params, "since", Moment::parse_rfc3339)?,
        until: parsed(&mut params, "until", Moment::parse_rfc3339)?,
        limit: parsed(&mut params, "limit", |limit| limit.parse().ok())?.unwrap_or(PAGE),
        place: parsed(&mut params, "page_token", |place| place.parse().ok())?,
    })
}

fn body_of(event: audit::Event) -> AuditEvent {
    let audit::Event { id, at, node, deed, ending, code, stamp, sessions } = event;
    let audit::Deed { action, target, by, asked, subject, client_id, reason_code } = deed;
    let (kind, target) = target.parts();
    let text = |text: audit::Text| text.to_string();
    AuditEvent {
        id: id.to_string(),
        at: at.to_rfc3339(),
        node: node.to_string(),
        action: action.name().to_owned(),
        result: ending.name().to_owned(),
        by: AuditActor { client_id: by.client_id.to_string(), jti: by.jti.map(|jti| jti.to_string()) },
        target: AuditTarget { kind: kind.to_owned(), id: target },
        subject: subject.map(text),
        client_id: client_id.map(text),
        reason_code: reason_code.map(text),
        request_id: asked.request_id.map(text),
        from: asked.from.map(|from| from.to_string()),
        code: code.map(text),
        stamp_ms: stamp.map(|stamp| stamp.millis()),
        sessions,
    }
}
