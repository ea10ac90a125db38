//! What the verbs take and give.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::Asked;
use crate::id::{Jti, RevocationId, Sid, Stamp};
use crate::policy::{Device, EndReason, Session, Upstream};
use crate::registry::{Client, Lifetimes, ScopeSet};
use crate::revocation::Extent;
use crate::secret::Secret;
use crate::time::Moment;
use crate::token::dpop::Proof;

/// How a client presents itself at an OAuth endpoint; exactly one method, already taken apart.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// `client_secret_basic` or `client_secret_post`.
    Secret {
        /// `client_id`.
        client_id: String,
        /// The secret.
        secret: Secret<String>,
    },
    /// `private_key_jwt`.
    Assertion {
        /// `client_id`, where the request names it as well.
        client_id: Option<String>,
        /// The assertion.
        assertion: Secret<String>,
    },
    /// A public client names itself.
    Public {
        /// `client_id`.
        client_id: String,
    },
}

/// A client that has been recognised.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its registration, as it was when it was recognised.
    pub client: Arc<Client>,
    /// Whether it proved who it is.
    pub authenticated: bool,
    /// With which request it came, for the audit trail.
    pub asked: Asked,
}

/// The bearer of a good access token whose audience is the issuer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bearer {
    /// The client it was issued to.
    pub client_id: String,
    /// What it may do.
    pub scope: ScopeSet,
    /// The token.
    pub jti: Jti,
    /// With which request it came, for the audit trail.
    pub asked: Asked,
}

impl Bearer {
    /// Refuses unless the token has this scope.
    pub fn must_have(&self, scope: &'static str) -> Result<(), super::Refusal> {
        if self.scope.contains(scope) { Ok(()) } else { Err(super::Refusal::InsufficientScope(scope)) }
    }
}

/// `POST /v1/sessions`.
#[derive(Clone, PartialEq, Eq, Default, Debug, serde::Serialize)]
pub struct OpenRequest {
    /// Who logs in.
    pub subject: String,
    /// At which client.
    pub client_id: String,
    /// The ceiling of audiences; none takes all that the client may have.
    pub audience: Option<Vec<String>>,
    /// The scope; none takes all that the client may have.
    pub scope: Option<ScopeSet>,
    /// Custom claims: the text of a JSON object.
    pub claims: Option<String>,
    /// Seconds since the epoch.
    pub auth_time: Option<u64>,
    /// Authentication context.
    pub acr: Option<String>,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// Thumbprint of the sender's key.
    pub sender_key: Option<String>,
    /// The device.
    pub device: Option<Device>,
    /// The label that groups sessions for a limit.
    pub slot: Option<String>,
    /// Shorter than the client's absolute lifetime.
    pub lifetime: Option<Duration>,
    /// The upstream session.
    pub upstream: Option<Upstream>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
}

/// A session that was opened, with its first pair.
#[derive(Debug)]
pub struct OpenAnswer {
    /// As it is now.
    pub session: Session,
    /// The pair.
    pub tokens: Tokens,
}

/// What a token endpoint answers with (RFC 6749 §5.1).
#[derive(Debug)]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret<String>,
    /// Its lifetime from now.
    pub expires_in: Duration,
    /// A new refresh token, where there is one.
    pub refresh_token: Option<Secret<String>>,
    /// When the session ends at the latest, from now; with a refresh token.
    pub refresh_expires_in: Option<Duration>,
    /// What was granted.
    pub scope: ScopeSet,
    /// The kind of token: `Bearer`, or `DPoP` where it is bound to a key.
    pub token_type: &'static str,
    /// For the log.
    pub jti: Jti,
    /// For the log.
    pub sid: Option<Sid>,
}

/// `grant_type=refresh_token`.
#[derive(Debug)]
pub struct RefreshRequest {
    /// As presented.
    pub refresh_token: Secret<String>,
    /// The scope asked for.
    pub scope: Option<ScopeSet>,
    /// The `resource` parameters, in order (RFC 8707).
    pub resources: Vec<String>,
    /// The key that the sender proved to hold.
    pub proof: Option<Proof>,
}

/// `grant_type=client_credentials`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ClientCredentialsRequest {
    /// The scope asked for.
    pub scope: Option<ScopeSet>,
    /// The `resource` parameters, in order (RFC 8707).
    pub resources: Vec<String>,
    /// The key that the sender proved to hold: the token is bound to it.
    pub proof: Option<Proof>,
}

/// `POST /v1/revocations`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct RevokeRequest {
    /// What.
    pub target: RevokeTarget,
    /// How far; sessions where nothing is said.
    pub extent: Extent,
    /// A code for programs.
    pub reason_code: Option<String>,
    /// A note for people.
    pub reason_note: Option<String>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
}

/// What is to be called back (design §7).
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub enum RevokeTarget {
    /// One access token.
    Token(Jti),
    /// One session.
    Session(Sid),
    /// A subject, narrowed to one client where one is named; all its sessions but one where one is spared.
    Subject {
        /// Whose.
        subject: String,
        /// At which client.
        client_id: Option<String>,
        /// "Sign out my other devices".
        except_sid: Option<Sid>,
    },
    /// Every subject of a client.
    Client(String),
    /// Everything.
    All,
    /// A signing key.
    Key(String),
}

/// A revocation as it was carried out, or would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevocationAnswer {
    /// Its id; none on a dry run.
    pub id: Option<RevocationId>,
    /// What.
    pub target: RevokeTarget,
    /// How far.
    pub extent: Extent,
    /// Up to when, in store time; none on a dry run.
    pub stamp: Option<Stamp>,
    /// Where the log has it; none on a dry run.
    pub position: Option<String>,
    /// When.
    pub created_at: Option<Moment>,
    /// By when every edge has it or refuses: `created_at` and the hard age.
    pub enforced_by: Option<Moment>,
    /// The reason given.
    pub reason_code: Option<String>,
    /// The note given.
    pub reason_note: Option<String>,
    /// Who asked.
    pub by: String,
    /// How many live sessions it ends; known for a dry run, a session and `except_sid`.
    pub sessions: Option<u32>,
}

/// `PATCH /v1/sessions/{sid}`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PatchRequest {
    /// Custom claims to merge: the text of a JSON object (RFC 7396).
    pub claims: Option<String>,
    /// The scope to keep.
    pub scope: Option<ScopeSet>,
}

/// `POST /v1/sessions/claims`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatchSubjectRequest {
    /// Whose.
    pub subject: String,
    /// At which client.
    pub client_id: Option<String>,
    /// Custom claims to merge.
    pub claims: String,
    /// Whether their access tokens are voided, so that clients refresh and get the new claims at once.
    pub void_access_tokens: bool,
}

/// What `POST /v1/sessions/claims` did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatchSubjectAnswer {
    /// How many live sessions changed.
    pub sessions: u32,
    /// The revocation that voids their access tokens.
    pub revocation: Option<RevocationId>,
    /// Up to when, in store time.
    pub stamp: Option<Stamp>,
}

/// Which sessions to list.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ListRequest {
    /// Of this subject.
    pub subject: Option<String>,
    /// At this client.
    pub client_id: Option<String>,
    /// Only live (`true`) or only ended (`false`) ones.
    pub active: Option<bool>,
    /// At most this many, 1 to 200.
    pub limit: u32,
    /// From where: the token of the page before.
    pub from: Option<Sid>,
}

/// A page of sessions. Each has `ended` filled in where it is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListAnswer {
    /// In the order of their ids.
    pub sessions: Vec<Session>,
    /// Where the next page begins.
    pub next: Option<Sid>,
}

/// One signing key, as administrators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyInfo {
    /// Its id.
    pub kid: String,
    /// What it signs with.
    pub algorithm: &'static str,
    /// Where it stands now.
    pub state: &'static str,
    /// When it was published.
    pub announced_at: Moment,
    /// When it began, or begins, to sign.
    pub activates_at: Moment,
    /// When it stops signing.
    pub retires_at: Option<Moment>,
    /// When nothing that it signed is alive any more.
    pub ends_at: Option<Moment>,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
}

/// A MAC key as administrators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MacInfo {
    /// Its number in refresh tokens.
    pub id: u8,
    /// Where it stands now.
    pub state: &'static str,
    /// When the nodes could first read it.
    pub announced_at: Moment,
    /// When it began, or begins, to make refresh tokens.
    pub activates_at: Moment,
    /// When nothing that it made is good any more.
    pub ends_at: Option<Moment>,
}

/// The ring as administrators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RingInfo {
    /// Keys that sign.
    pub signing: Vec<KeyInfo>,
    /// Keys of refresh tokens.
    pub macs: Vec<MacInfo>,
    /// What the operator should see to.
    pub warnings: Vec<String>,
}

/// A client as administrators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientInfo {
    /// Its registration; the hashes of its secrets never leave.
    pub client: Client,
    /// The lifetimes that hold for it.
    pub lifetimes: Lifetimes,
    /// Whether it stands in the configuration file.
    pub read_only: bool,
}

/// A secret that a client was given; it is shown this once.
#[derive(Debug)]
pub struct SecretAdded {
    /// What it is called when it is removed.
    pub id: String,
    /// The secret.
    pub secret: Secret<String>,
}

/// A client that was registered; the secret is shown this once.
#[derive(Debug)]
pub struct ClientAdded {
    /// As registered.
    pub info: ClientInfo,
    /// The generated secret of a confidential client.
    pub secret: Option<Secret<String>>,
}

/// Whether the node can serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// The view is complete and younger than the hard age.
    pub view: bool,
    /// The store answers.
    pub store: bool,
    /// A key may sign.
    pub keys: bool,
}

impl Health {
    /// Whether all is well.
    pub fn is_ready(self) -> bool {
        self.view && self.store && self.keys
    }
}

/// Why a session ended, told to the log and the metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedSession {
    /// Which.
    pub sid: Sid,
    /// Why.
    pub reason: EndReason,
}
