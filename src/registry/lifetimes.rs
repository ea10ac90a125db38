//! How long things live, and the two windows of rotation.

use std::time::Duration;

/// The lifetimes and windows that hold for one client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Lifetimes {
    /// An access token's, before jitter.
    pub access_ttl: Duration,
    /// A session's, from its opening; rotation never extends it.
    pub absolute: Duration,
    /// How long a session may lie unused.
    pub idle: Duration,
    /// How long a superseded refresh token still gets the same successor (a lost response); zero is strict.
    pub retry_window: Duration,
    /// How long a new refresh token is kept before it rotates again; never below `retry_window`, except zero for tests.
    pub rotation_pause: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(5 * 60),
            absolute: Duration::from_secs(30 * 86_400),
            idle: Duration::from_secs(7 * 86_400),
            retry_window: Duration::from_secs(30),
            rotation_pause: Duration::from_secs(30),
        }
    }
}

/// What a client's registration says instead of the defaults.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct Overrides {
    /// Instead of [`Lifetimes::access_ttl`].
    pub access_ttl: Option<Duration>,
    /// Instead of [`Lifetimes::absolute`].
    pub absolute: Option<Duration>,
    /// Instead of [`Lifetimes::idle`].
    pub idle: Option<Duration>,
    /// Instead of [`Lifetimes::retry_window`].
    pub retry_window: Option<Duration>,
    /// Instead of [`Lifetimes::rotation_pause`].
    pub rotation_pause: Option<Duration>,
}

impl Overrides {
    /// These lifetimes where they are set, the defaults elsewhere.
    pub fn over(self, defaults: Lifetimes) -> Lifetimes {
        let Self { access_ttl, absolute, idle, retry_window, rotation_pause } = self;
        Lifetimes {
            access_ttl: access_ttl.unwrap_or(defaults.access_ttl),
            absolute: absolute.unwrap_or(defaults.absolute),
            idle: idle.unwrap_or(defaults.idle),
            retry_window: retry_window.unwrap_or(defaults.retry_window),
            rotation_pause: rotation_pause.unwrap_or(defaults.rotation_pause),
        }
    }
}
