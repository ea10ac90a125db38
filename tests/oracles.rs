//! Other people's libraries as oracles: `jsonwebtoken` for JWT, `pasetors` for PASETO v4.public and PASERK.
//!
//! What we mint they read, what they sign we read, and whatever we accept they accept. Where one side is stricter, a table in the test
//! says so with the reason; a difference that no table names is red.

#![expect(clippy::unwrap_used, reason = "a test ends where an oracle is not what it should be")]

#[path = "oracles/common.rs"]
mod common;
#[path = "oracles/jwt.rs"]
mod jwt;
#[path = "oracles/jwt_table.rs"]
mod jwt_table;
#[path = "oracles/keys.rs"]
mod keys;
#[path = "oracles/paseto.rs"]
mod paseto;
#[path = "oracles/paseto_table.rs"]
mod paseto_table;
#[path = "oracles/provider.rs"]
mod provider;
