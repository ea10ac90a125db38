//! The certificate that the door shows: read from two files, checked whole, and exchanged while connections go on.

mod certificate;
mod fault;
mod pair;

pub use certificate::{Certificate, Reload};
pub use fault::{TlsFault, TlsFile, TlsProblem};
pub use pair::{Pair, TlsFiles};

#[cfg(test)]
mod tests;
