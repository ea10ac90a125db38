//! What edge services embed: a verifier of access tokens, its key set, its cache, and the revocation view that it consults.

mod cache;
mod denial;
mod key_set;
mod live_view;
#[cfg(test)]
mod test_tokens;
mod verified;
mod verifier;

pub use cache::CachedVerifier;
pub use denial::Denial;
pub use key_set::{HeldKey, KeySet, KeySetFault, MAX_SET_BYTES};
pub use live_view::{Freshness, HARD_AGE, LiveView, SOFT_AGE};
pub use verified::Verified;
pub use verifier::{Now, Verifier};
