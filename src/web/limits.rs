//! How much of anything one client can take.

use std::time::Duration;

/// The largest body that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The limits of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections open at once. For a further one, whoever has been waited for the longest has to leave.
    pub connections: usize,
    /// Of those, from one IPv4 address or one IPv6 network of 64 bits; likewise, among its own.
    pub each_address: usize,
    /// TLS handshakes under way at once; likewise.
    pub handshakes: usize,
    /// From the first byte of a request's head to its last; for a TLS handshake; how long an idle HTTP/1.1 connection is kept, and how
    /// long a new connection may take to say anything, and which protocol it speaks.
    pub head: Duration,
    /// The largest head, in bytes (431).
    pub head_bytes: usize,
    /// For a request's body, from the end of the head (408).
    pub body: Duration,
    /// From the head of a request to its answer, reading the body included (503).
    pub answer: Duration,
    /// How long a connection may neither send nor take a byte; and within twice this, a request must come.
    pub idle: Duration,
    /// How old a connection may become; then it is told to go, and finishes what it has begun.
    pub age: Duration,
    /// How long a stop waits for what was accepted.
    pub stop: Duration,
}

/// Requests at once on one HTTP/2 connection (RFC 9113 §6.5.2 asks for no fewer).
pub(super) const STREAMS: u32 = 100;
/// Requests at work for one connection, those included that its client has cancelled and that are finished all the same.
pub(super) const AT_WORK: usize = 2 * STREAMS as usize;

/// What an HTTP/2 client may send on one stream, and on all of a connection, before somebody has read it.
pub(super) const STREAM_WINDOW: u32 = BODY_LIMIT as u32;
pub(super) const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;
/// What of an answer waits on one HTTP/2 stream for its client to take it.
pub(super) const SEND_BUFFER: usize = BODY_LIMIT;

/// What is left of [`Limits`] for whoever reads a request's body, and answers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) body: Duration,
    pub(super) answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            each_address: 1_000,
            handshakes: 1_000,
            head: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            body: Duration::from_secs(20),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            age: Duration::from_secs(3_600),
            stop: Duration::from_secs(25),
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

impl From<&Limits> for Deadlines {
    fn from(limits: &Limits) -> Self {
        Self { body: limits.body, answer: limits.answer }
    }
}
