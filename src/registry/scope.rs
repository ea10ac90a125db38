//! Sets of scope tokens (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The scopes of Mintage's own API, all beginning with `mintage:`.
pub mod management {
    /// What every management scope begins with; only the issuer grants them, never in a session (but [`ME`]).
    pub const PREFIX: &str = "mintage:";
    /// Open sessions.
    pub const SESSIONS_OPEN: &str = "mintage:sessions.open";
    /// Read sessions.
    pub const SESSIONS_READ: &str = "mintage:sessions.read";
    /// Merge claims and narrow scopes.
    pub const SESSIONS_UPDATE: &str = "mintage:sessions.update";
    /// Revoke a token, a session or a subject.
    pub const REVOKE: &str = "mintage:revoke";
    /// Revoke a client, everything or a key.
    pub const REVOKE_ALL: &str = "mintage:revoke.all";
    /// Manage signing keys.
    pub const KEYS: &str = "mintage:keys";
    /// Manage clients.
    pub const CLIENTS: &str = "mintage:clients";
    /// Introspect any token.
    pub const INTROSPECT: &str = "mintage:introspect";
    /// Follow the revocation feed.
    pub const FEED: &str = "mintage:feed";
    /// See the edges.
    pub const EDGES: &str = "mintage:edges";
    /// Read the audit trail.
    pub const AUDIT: &str = "mintage:audit";
    /// Take a backup of the store.
    pub const BACKUP: &str = "mintage:backup";
    /// Ask why a token was refused.
    pub const EXPLAIN: &str = "mintage:explain";
    /// A user's own devices: the one management scope that a session may have.
    pub const ME: &str = "mintage:me";

    /// Every scope that a client can be registered for to use the management API.
    pub const ALL: [&str; 13] =
        [SESSIONS_OPEN, SESSIONS_READ, SESSIONS_UPDATE, REVOKE, REVOKE_ALL, KEYS, CLIENTS, INTROSPECT, FEED, EDGES, AUDIT, BACKUP, EXPLAIN];
}

/// A set of scope tokens; it prints and reads as the space-delimited list of RFC 6749 §3.3.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeSet(BTreeSet<String>);

/// A text that is no scope: a character outside `%x21 / %x23-5B / %x5D-7E`, or two spaces in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadScope;

impl ScopeSet {
    /// Whether it holds no scope at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds this scope.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether every scope of it is in `ceiling`.
    pub fn is_within(&self, ceiling: &Self) -> bool {
        self.0.is_subset(&ceiling.0)
    }

    /// The scopes that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The first scope of Mintage's own API in it that no session may have: any but [`management::ME`].
    pub fn management_scope(&self) -> Option<&str> {
        self.iter().find(|scope| scope.starts_with(management::PREFIX) && *scope != management::ME)
    }
}

impl FromStr for ScopeSet {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(' ').map(|scope| is_scope_token(scope).then(|| scope.to_owned()).ok_or(BadScope)).collect::<Result<_, _>>().map(Self)
    }
}

impl<'a> FromIterator<&'a str> for ScopeSet {
    /// Takes scopes that are known to be well formed, such as constants.
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        Self(scopes.into_iter().filter(|scope| is_scope_token(scope)).map(str::to_owned).collect())
    }
}

impl TryFrom<String> for ScopeSet {
    type Error = BadScope;

    fn try_from(text: String) -> Result<Self, BadScope> {
        text.parse()
    }
}

impl From<ScopeSet> for String {
    fn from(scopes: ScopeSet) -> Self {
        scopes.to_string()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " " })?;
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Display for BadScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a space-delimited list of scopes (RFC 6749 §3.3)")
    }
}

impl std::error::Error for BadScope {}

fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_and_print_as_rfc_6749_has_them() {
        let scopes: ScopeSet = "write read".parse().unwrap();
        assert_eq!(scopes.to_string(), "read write");
        assert!("read".parse::<ScopeSet>().unwrap().is_within(&scopes));
        for wrong in ["a  b", " a", "a ", "a\"b", "a\\b", "é", "a\tb"] {
            assert_eq!(wrong.parse::<ScopeSet>(), Err(BadScope), "{wrong:?}");
        }
    }

    #[test]
    fn a_session_may_have_no_management_scope_but_me() {
        assert_eq!("mintage:me read".parse::<ScopeSet>().unwrap().management_scope(), None);
        assert_eq!("mintage:revoke".parse::<ScopeSet>().unwrap().management_scope(), Some("mintage:revoke"));
    }
}
