//! `/.well-known`: what everybody may know.

pub(in crate::http) mod jwks;
pub(in crate::http) mod metadata;
pub(in crate::http) mod paserk;
