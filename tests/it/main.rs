//! The server as its clients see it: every test speaks HTTP to a node of its own, on a free port, in a folder of its own.

mod app;
mod everything;
mod hand;
mod seek;
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
mod concurrency;
mod cors;
mod custody;
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
mod tls;
mod zero_calls;
