//! What every HTTP surface of ours shares: the listener and its limits, strict extractors, and the one map from refusals to the wire.

mod address;
mod answer;
mod auth;
mod body;
mod buckets;
mod connection;
mod cors;
mod dpop;
mod extract;
mod fields;
mod guests;
mod lent;
mod limits;
mod listener;
mod observe;
mod params;
mod pieces;
mod problem;
mod rate_limits;
mod request_id;
mod timed_io;

pub use address::{ClientAddress, Proxies, ProxyHeader, locate};
pub use answer::{answer, document, is_about};
pub use auth::{Authorized, BadHeader, Proven, asked, authorization, bearer, has_token};
pub use buckets::Rate;
pub use cors::{Origins, cors};
pub use dpop::tell_nonce;
pub use extract::{Form, Id, Ids, Json, MergePatch, Query, idempotency_key};
pub use limits::{BODY_LIMIT, Limits};
pub use listener::{Door, serve};
pub use observe::{Observer, observe, run_to_the_end};
pub use params::{BadParams, Params, decode};
pub use pieces::pieces;
pub use problem::{Refused, Surface, method_not_allowed, no_route, render};
pub use rate_limits::{RateLimits, Visit, limit};
pub use request_id::RequestId;
