//! `/v1`: what backends and administrators ask.

pub(in crate::http) mod backup;
pub(in crate::http) mod claims;
pub(in crate::http) mod client_secrets;
pub(in crate::http) mod clients;
pub(in crate::http) mod keys;
pub(in crate::http) mod revocations;
pub(in crate::http) mod session;
pub(in crate::http) mod sessions;
