//! `/v1`: what backends and administrators ask.

pub(in crate::http) mod audit;
pub(in crate::http) mod backup;
pub(in crate::http) mod claims;
pub(in crate::http) mod client_secrets;
pub(in crate::http) mod clients;
pub(in crate::http) mod keys;
pub(in crate::http) mod revocations;
pub(in crate::http) mod session;
pub(in crate::http) mod sessions;

use crate::api::Code;
use crate::web::{Params, Refused};

/// A parameter of a query in its own type, where it is there.
fn parsed<T>(params: &mut Params, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refused> {
    let Some(text) = params.text(name) else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| Refused::field(Code::InvalidQuery, format!("/{name}"), Code::Malformed))
}
