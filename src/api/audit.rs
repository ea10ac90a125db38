//! `/v1/audit`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An effect, as the audit trail tells of it once it has ended. No text in it can be a token or a secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// The same in the file's two lines.
    #[schema(format = "uuid")]
    pub id: String,
    /// When it ended, by the node's clock.
    pub at: String,
    /// Which node wrote it.
    pub node: String,
    /// What was done.
    #[schema(example = "revoke")]
    pub action: String,
    /// `done`, `refused`, `unknown` (we failed on the way: it may have happened) or `interrupted` (the node ended meanwhile).
    pub result: String,
    /// Who did it.
    pub by: AuditActor,
    /// To what.
    pub target: AuditTarget,
    /// Whose session it was about, where that is known.
    pub subject: Option<String>,
    /// At which client.
    pub client_id: Option<String>,
    /// The reason given; of a key that turned, its new state.
    pub reason_code: Option<String>,
    /// With which request, as its answer and the log say it.
    pub request_id: Option<String>,
    /// The address of whoever sent it.
    pub from: Option<String>,
    /// The code of the refusal or fault.
    pub code: Option<String>,
    /// Up to when something is void, or since when something exists, in store time.
    pub stamp_ms: Option<u64>,
    /// How many sessions it touched, where that is counted.
    pub sessions: Option<u32>,
}

/// Who did something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditActor {
    /// A client; or `mintage` without a token, for what the node does by itself.
    pub client_id: String,
    /// The access token that it came with.
    #[schema(format = "uuid")]
    pub jti: Option<String>,
}

/// To what something was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditTarget {
    /// `token`, `session`, `subject`, `client`, `all`, `key` or `keys`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which, where there are several.
    pub id: Option<String>,
}

/// A page of events, the newest first. A page may be short, or empty, and still have a next one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// The events.
    pub items: Vec<AuditEvent>,
    /// For the next page; `null` on the last.
    pub next_page_token: Option<String>,
}
