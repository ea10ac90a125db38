//! `/healthz`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::api::HealthBody;
use crate::issuer::{Health, Issuer};
use crate::web::answer;

/// Whether the process answers at all
#[utoipa::path(
    get, path = "/healthz/live", operation_id = "live", tag = "operators",
    responses((status = 204, description = "It does"))
)]
pub(in crate::http) async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Whether the node can serve, and if not, for what reason
#[utoipa::path(
    get, path = "/healthz/ready", operation_id = "ready", tag = "operators",
    responses((status = 200, body = HealthBody, description = "It can"), (status = 503, body = HealthBody, description = "It cannot"))
)]
pub(in crate::http) async fn ready(State(issuer): State<Arc<Issuer>>) -> Response {
    let health = issuer.health();
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, answer(&body_of(health))).into_response()
}

fn body_of(health: Health) -> HealthBody {
    let Health { view, store, keys } = health;
    HealthBody { ready: health.is_ready(), view, store, keys }
}
