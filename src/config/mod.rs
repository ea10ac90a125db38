//! File, environment and flags, parsed once into settings that cannot be wrong. Whatever is wrong is reported at once, each fault with
//! its place and its fix.

mod clients;
mod doors;
mod duration;
mod environment;
mod fault;
mod files;
mod keys;
mod load;
mod proxies;
mod rates;
mod section;
mod settings;
mod tree;

pub use environment::{Remote, variables};
pub use fault::{Fault, Place, Problem};
pub use keys::page;
pub use load::{Flags, Loaded, Shown, load};
pub use settings::{
    Audit, Connections, JwtAlgorithm, Log, LogLevel, ProxyHeader, Rate, RateLimits, SessionLimits, Settings, Signing, StoreChoice,
};

#[cfg(test)]
mod tests;
