//! Request and response bodies of the HTTP surface, and the closed list of codes: what our server and our own client both speak.
//!
//! Requests refuse members that they do not know; answers may grow, so who reads them must ignore what they do not know.

mod audit;
mod clients;
mod codes;
mod keys;
mod metadata;
mod problem;
mod revocations;
mod secret;
mod sessions;
mod tokens;

pub use audit::{AuditActor, AuditEvent, AuditList, AuditTarget};
pub use clients::{ClientBody, ClientCreated, ClientList, LifetimesBody, NewClient, ReplaceClient, SecretCreated};
pub use codes::{Code, codes_page};
pub use keys::{AnnounceKey, KeyBody, KeyList, MacKeyBody};
pub use metadata::{HealthBody, Metadata};
pub use problem::{FieldFault, OAuthError, Problem};
pub use revocations::{NewRevocation, Reason, RevocationBody, TargetBody};
pub use secret::Disclosed;
pub use sessions::{
    Cnf, DeviceBody, EndedBody, NewSession, PatchSession, PatchSubject, PatchedSubject, SessionBody, SessionList, SessionOpened,
    SessionState, UpstreamBody,
};
pub use tokens::{IntrospectionBody, TokenAnswer};
