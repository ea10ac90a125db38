//! The only files that read the clock or the system's randomness.

mod clock;
mod entropy;

pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{Drawn, Entropy, SystemEntropy};
