//! Published test vectors against the layers that they are about.

#![expect(clippy::unwrap_used, reason = "a test ends where a vector is not what it should be")]

#[path = "vectors/core.rs"]
mod core;
#[cfg(feature = "service")]
#[path = "vectors/corpus/mod.rs"]
mod corpus;
#[path = "vectors/verify.rs"]
mod verify;
