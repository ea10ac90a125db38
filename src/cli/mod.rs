//! The command line: one file a command; it prints, and never decides.

pub mod inspect;
mod lines;
pub mod verify;
