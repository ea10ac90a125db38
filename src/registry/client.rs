//! An OAuth client's registration (RFC 6749 §2).

use std::collections::BTreeSet;

use subtle::ConstantTimeEq;

use super::{Overrides, ScopeSet};

/// A client, as configured or registered over the API. Checked where it comes in; plain data from there on.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// Whether it can keep a secret (RFC 6749 §2.1).
    pub kind: ClientType,
    /// Its secrets, hashed; two while one replaces the other.
    pub secrets: Vec<SecretHash>,
    /// Its public keys, each the text of a JWK: what its assertions are checked with (RFC 7523), instead of a secret or beside it.
    pub keys: Vec<String>,
    /// What it may ask of the token endpoint.
    pub grants: BTreeSet<Grant>,
    /// The scopes that it, or a session at it, may have.
    pub scopes: ScopeSet,
    /// The audiences that it, or a session at it, may have; the first is the default.
    pub audiences: Vec<String>,
    /// For which clients it may open sessions.
    pub opens_for: OpensFor,
    /// The form of the access tokens that it gets.
    pub format: TokenFormat,
    /// Web origins that may call the token and revocation endpoints from a browser (CORS).
    pub origins: Vec<String>,
    /// Lifetimes of its own.
    pub overrides: Overrides,
    /// Whether its refresh tokens rotate; `false` only for clients that authenticate or are sender-bound.
    pub rotates: bool,
    /// Whether it gets only tokens that are bound to a key of its own (RFC 9449 §5.2).
    pub dpop_bound: bool,
    /// How many live sessions of one subject may share a slot at this client; none is no limit but the store's.
    pub sessions_per_slot: Option<u32>,
    /// A disabled client is answered as an unknown one.
    pub disabled: bool,
}

/// RFC 6749 §2.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    /// Authenticates: with a secret, or with assertions that it signs.
    Confidential,
    /// An SPA or mobile client: cannot keep a secret.
    Public,
}

/// A grant type that a client may use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
}

/// The form of an access token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFormat {
    /// A JWT after RFC 9068.
    #[default]
    Jwt,
    /// PASETO v4.public.
    Paseto,
}

impl TokenFormat {
    /// The name in registrations, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Paseto => "paseto",
        }
    }
}

/// For which clients a backend may open sessions.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum OpensFor {
    /// For every client (`["*"]`).
    Every,
    /// For these `client_id`s.
    These(BTreeSet<String>),
}

impl OpensFor {
    /// Whether sessions may be opened for `client_id`.
    pub fn allows(&self, client_id: &str) -> bool {
        match self {
            Self::Every => true,
            Self::These(ids) => ids.contains(client_id),
        }
    }

    /// Whether every session that `other` lets be opened may be opened by this too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every, _) => true,
            (Self::These(_), Self::Every) => false,
            (Self::These(ids), Self::These(others)) => others.is_subset(ids),
        }
    }
}

/// The SHA-256 of a client secret. Secrets have at least 128 bits of entropy, so a plain hash gives nothing to guess at.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a secret.
    pub fn of(secret: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, secret);
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        Self(hash)
    }

    /// A name for it, by which nobody learns anything of the secret or of the hash: 8 hexadecimal digits.
    pub fn id(&self) -> String {
        let named = ring::digest::digest(&ring::digest::SHA256, &[b"mintage client secret id", &self.0[..]].concat());
        named.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether `presented` is the same hash, in constant time.
    pub fn matches(&self, presented: &Self) -> bool {
        bool::from(self.0.ct_eq(&presented.0))
    }
}

impl Client {
    /// Whether `secret` is one of this client's. Looks at every one of them, so that time tells nothing.
    pub fn knows_secret(&self, secret: &[u8]) -> bool {
        let presented = SecretHash::of(secret);
        self.secrets.iter().fold(false, |known, held| held.matches(&presented) | known)
    }
}
