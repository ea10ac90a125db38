//! How refusals look on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A refusal of an OAuth endpoint (RFC 6749 §5.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct OAuthError {
    /// A word of RFC 6749 §5.2 or RFC 8707 §2.
    pub error: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error_description: Option<String>,
    /// A code of the closed list, for programs that want to know more than `error` says.
    pub mintage_code: String,
}

/// A refusal of everything else (RFC 9457), `application/problem+json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's title.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What to do next.
    pub detail: String,
    /// A code of the closed list.
    pub code: String,
    /// To find the request in the log.
    pub request_id: String,
    /// What is wrong with which field, where fields are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
}

/// One fault in one field of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FieldFault {
    /// JSON pointer into the request (RFC 6901); of a query, the parameter's name as a pointer.
    pub pointer: String,
    /// A code of the closed list.
    pub code: String,
}
