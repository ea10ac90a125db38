//! The HTTP surface: every URL, who may ask there, and handlers that take, ask a verb of the issuer, and answer.

mod client_auth;
mod openapi;
mod router;
mod routes;

pub use openapi::document;
pub use router::{Doors, ops, service, service_and_ops};
