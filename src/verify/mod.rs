//! What edge services embed: a verifier of access tokens, its key set, its cache, and the revocation view that it consults.

mod key_set;
mod live_view;

pub use key_set::{HeldKey, KeySet, KeySetFault, MAX_SET_BYTES};
pub use live_view::{Freshness, HARD_AGE, LiveView, SOFT_AGE};
