//! Judgements: is this token good for this audience now; what may a client ask; what becomes of a session that is refreshed.

mod access;
pub mod rotation;
mod session;

pub use access::{Audience, ClaimFault, DEFAULT_MAX_TTL, Expectation, MAX_LEEWAY, Sender};
pub use session::{Device, EndReason, Ended, Session, State, Upstream};
