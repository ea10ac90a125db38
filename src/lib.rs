//! Mintage issues short-lived JWT and PASETO access tokens that anyone can verify offline, and still revokes any of them, everywhere,
//! in milliseconds.
//!
//! With `default-features = false` this crate is the pure core that edge services embed: claims, keys, tokens, the revocation view and
//! the [`verify::Verifier`]. It has no async, no clock, no environment and no sockets; time and randomness are handed in.

// Floors of the house, top down; a module imports only from floors below its own (tests/architecture.rs).
#[cfg(feature = "service")]
pub mod ambient;
#[cfg(feature = "service")]
pub mod api;
#[cfg(feature = "service")]
pub mod audit;
#[cfg(feature = "service")]
pub mod cli;
#[cfg(feature = "service")]
pub mod config;
#[cfg(feature = "service")]
pub mod http;
#[cfg(feature = "service")]
pub mod issuer;
#[cfg(feature = "service")]
pub mod keyfiles;
#[cfg(feature = "service")]
pub mod outbound;
#[cfg(feature = "service")]
pub mod remote;
#[cfg(feature = "service")]
pub mod server;
#[cfg(feature = "service")]
pub mod store;
#[cfg(feature = "service")]
pub mod tasks;
#[cfg(feature = "service")]
pub mod telemetry;
#[cfg(feature = "service")]
pub mod tls;
#[cfg(feature = "service")]
pub mod web;

pub mod verify;

pub mod policy;
pub mod token;

pub mod claims;
pub mod keyring;
pub mod registry;
pub mod revocation;

pub mod id;
pub mod json;
pub mod secret;
pub mod time;
