//! `/v1/sessions`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::TokenAnswer;
use crate::id::Sid;
use crate::policy::{Device, EndReason, Session, Upstream};
use crate::registry::ScopeSet;
use crate::time::Moment;

/// `POST /v1/sessions`: a backend has authenticated a user and asks for a session.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// Who logs in: an opaque string of at most 255 bytes.
    pub subject: String,
    /// At which client.
    pub client_id: String,
    /// The ceiling of audiences, the first is the default; without it, all that the client may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<String>>,
    /// The scope, space-delimited; without it, all that the client may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub scope: Option<ScopeSet>,
    /// Custom claims for its access tokens: at most 2 KiB and 32 members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Map<String, Value>>,
    /// When the user authenticated, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// Authentication context (RFC 9470).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Authentication methods (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The sender's key (RFC 9449).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Cnf>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceBody>,
    /// The label that groups sessions for a limit, such as `phone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Shorter than the client's absolute lifetime, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u64>,
    /// The upstream session that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamBody>,
}

/// Confirmation (RFC 7800).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cnf {
    /// The thumbprint of the sender's key (RFC 9449 §6).
    pub jkt: String,
}

/// A device, as the backend describes it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceBody {
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// The User-Agent at login.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The address at login.
    #[serde(default)]
    pub ip: Option<String>,
}

/// A session at an upstream provider.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamBody {
    /// Its issuer.
    pub iss: String,
    /// Its session id there.
    #[serde(default)]
    pub sid: Option<String>,
}

/// A session. Neither its generation nor anything of its refresh token is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionBody {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub sid: Sid,
    /// Who.
    pub subject: String,
    /// At which client.
    pub client_id: String,
    /// Whether it is live.
    pub state: SessionState,
    /// How it ended, if it has.
    pub ended: Option<EndedBody>,
    /// When it was opened.
    pub opened_at: String,
    /// When it was last refreshed, to within a tenth of its idle time.
    pub last_refreshed_at: String,
    /// Its absolute end.
    pub expires_at: String,
    /// When it ends unless it is refreshed before.
    pub idle_expires_at: String,
    /// The audiences that its tokens may have; the first is the default.
    pub audience: Vec<String>,
    /// Its scope now.
    #[schema(value_type = String)]
    pub scope: ScopeSet,
    /// The device.
    pub device: Option<DeviceBody>,
    /// Its slot.
    pub slot: Option<String>,
    /// The upstream session.
    pub upstream: Option<UpstreamBody>,
}

/// Whether a session is live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It can be refreshed.
    Active,
    /// It is over.
    Ended,
}

/// How a session ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EndedBody {
    /// Why.
    #[schema(value_type = String, example = "logged_out")]
    pub reason: EndReason,
    /// Who or what did it: a client id, or `mintage`.
    pub by: String,
    /// When.
    pub at: String,
}

/// A page of sessions, in the order of their ids.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// The sessions.
    pub items: Vec<SessionBody>,
    /// For the next page; `null` on the last.
    pub next_page_token: Option<String>,
}

/// A session that was opened, with its first tokens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionOpened {
    /// As it is now.
    pub session: SessionBody,
    /// Its first pair.
    #[serde(flatten)]
    pub tokens: TokenAnswer,
}

/// `PATCH /v1/sessions/{sid}`. At least one of the two.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchSession {
    /// Merged into the custom claims (RFC 7396): `null` removes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Map<String, Value>>,
    /// The scope to keep: never wider than it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub scope: Option<ScopeSet>,
}

/// `POST /v1/sessions/claims`: changes every live session of a subject.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchSubject {
    /// Whose.
    pub subject: String,
    /// Only at this client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Merged into the custom claims (RFC 7396): `null` removes.
    #[schema(value_type = Object)]
    pub claims: Map<String, Value>,
    /// Whether their access tokens are voided, so that clients refresh and get the new claims at once.
    #[serde(default)]
    pub void_access_tokens: bool,
}

/// What `POST /v1/sessions/claims` did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PatchedSubject {
    /// How many live sessions changed.
    pub sessions: u32,
    /// The revocation that voids their access tokens, where that was asked.
    pub revocation_id: Option<String>,
    /// Up to when, in store time.
    pub stamp_ms: Option<u64>,
}

impl From<&Session> for SessionBody {
    /// `ended` is taken as it stands: whoever judges the session by time and epochs fills it in before.
    fn from(session: &Session) -> Self {
        Self {
            sid: session.sid,
            subject: session.subject.clone(),
            client_id: session.client_id.clone(),
            state: if session.ended.is_some() { SessionState::Ended } else { SessionState::Active },
            ended: session.ended.as_ref().map(|ended| EndedBody { reason: ended.reason, by: ended.by.clone(), at: ended.at.to_rfc3339() }),
            opened_at: session.opened_at.to_rfc3339(),
            last_refreshed_at: session.last_refreshed_at.to_rfc3339(),
            expires_at: session.expires_at.to_rfc3339(),
            idle_expires_at: Moment::to_rfc3339(session.idle_expires_at()),
            audience: session.audience.clone(),
            scope: session.scope.clone(),
            device: session.device.clone().map(DeviceBody::from),
            slot: session.slot.clone(),
            upstream: session.upstream.clone().map(UpstreamBody::from),
        }
    }
}

impl From<Device> for DeviceBody {
    fn from(Device { name, user_agent, ip }: Device) -> Self {
        Self { name, user_agent, ip }
    }
}

impl From<DeviceBody> for Device {
    fn from(DeviceBody { name, user_agent, ip }: DeviceBody) -> Self {
        Self { name, user_agent, ip }
    }
}

impl From<Upstream> for UpstreamBody {
    fn from(Upstream { iss, sid }: Upstream) -> Self {
        Self { iss, sid }
    }
}

impl From<UpstreamBody> for Upstream {
    fn from(UpstreamBody { iss, sid }: UpstreamBody) -> Self {
        Self { iss, sid }
    }
}
