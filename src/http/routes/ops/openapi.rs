//! `/openapi.json`.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::http::openapi::document;

/// This description
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "operators",
    responses((status = 200, content_type = "application/json", description = "OpenAPI 3.1"))
)]
pub(in crate::http) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], document()).into_response()
}
