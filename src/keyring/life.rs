//! A key's life as a function of `now`.

use crate::time::Moment;

/// Where a key is in its life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, so that others know it before it signs.
    Announced,
    /// Signs and verifies.
    Active,
    /// Verifies until what it signed has expired.
    Retiring,
    /// Over.
    Retired,
    /// Called back: nothing it ever signed counts.
    Revoked,
}

impl KeyState {
    /// The name in answers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }

    /// Whether others must know the key: what it signs, or will sign, is good.
    pub const fn is_published(self) -> bool {
        matches!(self, Self::Announced | Self::Active | Self::Retiring)
    }
}

/// When a key passes from one state to the next. A moment that has come counts: at `retires_at` it no longer signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeyLife {
    /// When it was published.
    pub announced_at: Moment,
    /// When it begins to sign.
    pub activates_at: Moment,
    /// When it stops signing, where that is known.
    pub retires_at: Option<Moment>,
    /// When it stops verifying, where that is known.
    pub ends_at: Option<Moment>,
    /// When it was called back, if it was.
    pub revoked_at: Option<Moment>,
}

impl KeyLife {
    /// Of a key that was imported, until a node takes it up and says when it signs.
    pub const fn imported(at: Moment) -> Self {
        Self { announced_at: at, activates_at: Moment::MAX, retires_at: None, ends_at: None, revoked_at: None }
    }

    /// Whether it was imported and no node has taken it up yet.
    pub fn is_to_be_taken_up(&self) -> bool {
        self.activates_at == Moment::MAX && self.retires_at.is_none() && self.revoked_at.is_none()
    }

    /// Ends it before it has signed; not before it was announced, where the clock has gone back behind that.
    pub fn give_up(&mut self, now: Moment) {
        let now = now.max(self.announced_at);
        (self.activates_at, self.retires_at, self.ends_at) = (now, Some(now), Some(now));
    }

    /// Calls it back: from `now` on it neither signs nor verifies, whatever was planned.
    pub fn revoke(&mut self, now: Moment) {
        let now = now.max(self.announced_at);
        self.activates_at = self.activates_at.min(now);
        self.retires_at = Some(self.retires_at.map_or(now, |at| at.min(now)));
        (self.ends_at, self.revoked_at) = (Some(now), Some(now));
    }

    /// The state at `now`. The latest transition that has come decides, and revocation above all: it holds whatever the clock says.
    pub fn state(&self, now: Moment) -> KeyState {
        let come = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if come(self.ends_at) {
            KeyState::Retired
        } else if come(self.retires_at) {
            KeyState::Retiring
        } else if self.activates_at <= now {
            KeyState::Active
        } else {
            KeyState::Announced
        }
    }
}
