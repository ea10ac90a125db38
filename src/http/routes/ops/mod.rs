//! What operators ask.

pub(in crate::http) mod health;
pub(in crate::http) mod metrics;
pub(in crate::http) mod openapi;
