//! How much of anything one client can take.

use std::time::Duration;

/// The largest body that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The limits of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections open at once; further ones are closed as soon as they are accepted.
    pub connections: usize,
    /// From the first byte of a request's head to its last; also how long an idle HTTP/1.1 connection is kept, and how long a new
    /// connection may take to say which protocol it speaks.
    pub head: Duration,
    /// The largest head, in bytes (431).
    pub head_bytes: usize,
    /// How long a connection may neither send nor take a byte.
    pub idle: Duration,
    /// How old a connection may become; then it is told to go, and finishes what it has begun.
    pub age: Duration,
    /// How long a stop waits for what was accepted.
    pub stop: Duration,
}

/// From the head of a request to its answer, reading the body included.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// For the body alone.
pub(super) const BODY_WITHIN: Duration = Duration::from_secs(20);

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            idle: Duration::from_secs(60),
            age: Duration::from_secs(3_600),
            stop: Duration::from_secs(25),
        }
    }
}
