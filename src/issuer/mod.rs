//! The verbs: what Mintage does, one file each, for whoever asks through whichever door.
//!
//! Everything that is refused here is refused before anything is written.

mod fault;
mod requests;

pub use fault::{Fault, Refusal, Unavailable};
pub use requests::*;
