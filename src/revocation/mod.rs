//! What has been called back: the rule that says which tokens and sessions a revocation voids, and the view that remembers.

mod epochs;
mod ids;
mod record;
mod shards;
mod table;
mod view;

use std::fmt;

pub use view::{Retention, View};

use crate::id::{Jti, Origin, Sid, Stamp};

/// How far an epoch reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Sessions, all their access tokens, and tokens without a session.
    Sessions,
    /// Access tokens only: sessions go on, and clients refresh silently.
    AccessTokens,
}

/// What an epoch is set at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Target {
    /// One subject, at every client.
    Subject(String),
    /// One subject at one client.
    SubjectAtClient {
        /// The subject.
        subject: String,
        /// The client.
        client: String,
    },
    /// Every subject of one client.
    Client(String),
    /// Everything.
    All,
}

/// One thing called back, as the log and the view hold it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Revocation {
    /// That token.
    Token(Jti),
    /// That session: its refresh token and all its access tokens.
    Session(Sid),
    /// Whatever originated in `target` at or before `stamp`.
    Epoch {
        /// In what.
        target: Target,
        /// How far it reaches.
        extent: Extent,
        /// Up to when, in store time.
        stamp: Stamp,
    },
    /// Everything that the key of this `kid` signed.
    Key(String),
}

/// Which revocation voids something: the closed list of answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The token itself was revoked.
    Token,
    /// Its session was ended.
    Session,
    /// An epoch at its subject, or at its subject at this client.
    Subject,
    /// An epoch at its client.
    Client,
    /// An epoch at everything.
    All,
    /// The key that signed it was revoked.
    Key,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token",
            Self::Session => "session",
            Self::Subject => "subject",
            Self::Client => "client",
            Self::All => "all",
            Self::Key => "key",
        })
    }
}

/// The greatest stamps set at one target, one for each extent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Void: sessions opened at or before, with all their tokens, and sessionless tokens minted at or before.
    pub sessions: Stamp,
    /// Void: access tokens minted at or before.
    pub access_tokens: Stamp,
}

impl Epoch {
    /// Raises the maximum of one extent.
    pub fn raise(&mut self, extent: Extent, stamp: Stamp) {
        let held = match extent {
            Extent::Sessions => &mut self.sessions,
            Extent::AccessTokens => &mut self.access_tokens,
        };
        *held = stamp.max(*held);
    }

    /// The greater of each maximum.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { sessions: self.sessions.max(other.sessions), access_tokens: self.access_tokens.max(other.access_tokens) }
    }

    /// The greatest stamp of either extent.
    pub fn highest(self) -> Stamp {
        self.sessions.max(self.access_tokens)
    }

    fn voids_token(self, opened: Option<Stamp>, minted: Stamp) -> bool {
        minted <= self.access_tokens || opened.unwrap_or(minted) <= self.sessions
    }
}

/// Every epoch that concerns one subject at one client. Any one that voids, voids (CVE-2026-8922).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct Epochs {
    /// At everything.
    pub all: Epoch,
    /// At the client.
    pub client: Epoch,
    /// At the subject, whatever the client.
    pub subject: Epoch,
    /// At the subject at this client.
    pub subject_at_client: Epoch,
}

impl Epochs {
    /// The greater of each maximum: what two observers know together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            all: self.all.union(other.all),
            client: self.client.union(other.client),
            subject: self.subject.union(other.subject),
            subject_at_client: self.subject_at_client.union(other.subject_at_client),
        }
    }

    /// The stamp that a new session or token must lie above.
    pub fn highest(self) -> Stamp {
        self.by_cause().into_iter().map(|(epoch, _)| epoch.highest()).max().unwrap_or_default()
    }

    /// Whether a session opened at `opened` is void, and by what.
    pub fn void_session(self, opened: Stamp) -> Option<Cause> {
        self.by_cause().into_iter().find(|(epoch, _)| opened <= epoch.sessions).map(|(_, cause)| cause)
    }

    /// Whether an access token minted at `minted`, in a session opened at `opened` where it has one, is void, and by what.
    pub fn void_token(self, opened: Option<Stamp>, minted: Stamp) -> Option<Cause> {
        self.by_cause().into_iter().find(|(epoch, _)| epoch.voids_token(opened, minted)).map(|(_, cause)| cause)
    }

    fn by_cause(self) -> [(Epoch, Cause); 4] {
        [(self.all, Cause::All), (self.client, Cause::Client), (self.subject, Cause::Subject), (self.subject_at_client, Cause::Subject)]
    }
}

/// What the holder of a view knows of revocation; the verifier asks nothing else.
pub trait Judge {
    /// Whether anything that is known voids this token.
    fn judge(&self, origin: &Origin<'_>) -> Option<Cause>;
}
