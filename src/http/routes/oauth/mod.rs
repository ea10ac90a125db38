//! `/oauth`: what clients ask.

pub(in crate::http) mod introspect;
pub(in crate::http) mod revoke;
pub(in crate::http) mod token;
