//! The server as its clients see it: every test speaks HTTP to a node of its own, on a free port, in a folder of its own.

mod app;
mod everything;
mod hand;
mod seek;
#[path = "../../src/store/conformance/storage.rs"]
#[expect(dead_code, reason = "the store's own tests use all of it")]
mod storage;
mod talkative;
mod wire;

mod assertions;
mod attack;
mod audit;
mod bearer;
mod canaries;
mod claims;
mod client_secrets;
mod clients_api;
mod clock;
mod concurrency;
mod cors;
mod custody;
mod disk;
mod dpop;
mod hostile;
mod introspection;
mod json_bodies;
mod keys;
mod limits;
mod mac_keys;
mod metadata;
mod oauth_token;
mod rate_limits;
mod restart;
mod revocation;
mod rotation;
mod sealing;
mod sessions;
mod sweep;
mod tls;
mod zero_calls;
