//! Judgements: is this token good for this audience now; what may a client ask; what becomes of a session that is refreshed.

pub mod rotation;
mod session;

pub use session::{Device, EndReason, Ended, Session, State, Upstream};
