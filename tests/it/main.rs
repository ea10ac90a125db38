//! The server as its clients see it: every test speaks HTTP to a node of its own, on a free port, in a folder of its own.

mod app;

mod claims;
mod concurrency;
mod keys;
mod restart;
mod revocation;
mod rotation;
mod sessions;
mod zero_calls;
