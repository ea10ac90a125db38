//! What edge services embed: a verifier of access tokens, its key set, its cache, and the revocation view that it consults.

mod live_view;

pub use live_view::{Freshness, HARD_AGE, LiveView, SOFT_AGE};
