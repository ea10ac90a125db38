//! `/healthz`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use tokio_util::sync::CancellationToken;

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
pub(in crate::http) async fn ready(State(issuer): State<Arc<Issuer>>, State(stopping): State<CancellationToken>) -> Response {
    let body = body_of(issuer.health(), stopping.is_cancelled());
    let status = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, answer(&body)).into_response()
}

fn body_of(health: Health, stopping: bool) -> HealthBody {
    let Health { view, store, keys } = health;
    HealthBody { ready: health.is_ready() && !stopping, view, store, keys, stopping }
}
