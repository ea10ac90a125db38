//! `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::issuer::Issuer;
use crate::telemetry::Metrics;

/// OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the node counts
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "operators",
    responses((status = 200, body = String, content_type = "application/openmetrics-text", description = "OpenMetrics"))
)]
pub(in crate::http) async fn metrics(State(issuer): State<Arc<Issuer>>, State(metrics): State<Arc<Metrics>>) -> Response {
    issuer.observe();
    ([(CONTENT_TYPE, OPEN_METRICS)], metrics.render()).into_response()
}
