//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use crate::secret::without_user;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// A place in the file; lines and columns count from 1.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nowhere: the default.
    Default,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// The key, such as `defaults.access_ttl` or `clients[2].scopes`; empty where the whole file is meant.
    pub key: String,
    /// What.
    pub problem: Problem,
    /// What to do.
    pub fix: String,
}

/// What can be wrong: a closed list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The file cannot be read.
    Unreadable(String),
    /// The text is no TOML.
    Syntax(String),
    /// There is no such key.
    UnknownKey,
    /// A value of another type.
    WrongType {
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A text that does not say what it should.
    Malformed(String),
    /// Outside what is allowed.
    OutOfRange(String),
    /// The key must be there.
    Missing,
    /// Something else has this name already.
    Duplicate(String),
    /// A secret that could be guessed. It is not shown.
    WeakSecret,
    /// A set of public keys that cannot be registered.
    BadKeys(String),
    /// A file with a secret that everybody on this machine can read.
    WorldReadable(String),
    /// This version cannot do it.
    Unsupported(String),
    /// Allowed, but not together with something else that is set.
    Conflict(String),
    /// A certificate or its key cannot be used.
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: crate::tls::TlsProblem,
    },
    /// A client's registration is wrong.
    Client(crate::registry::ClientProblem),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
            Self::Default => f.write_str("default"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::Syntax(why) => write!(f, "not TOML: {why}"),
            Self::UnknownKey => f.write_str("there is no such key"),
            Self::WrongType { wanted, found } => write!(f, "must be {wanted}, not {found}"),
            Self::Malformed(text) => write!(f, "{:?} cannot be understood", without_user(text)),
            Self::OutOfRange(text) => write!(f, "{text} is out of range"),
            Self::Missing => f.write_str("is missing"),
            Self::Duplicate(name) => write!(f, "{name:?} stands there twice"),
            Self::WeakSecret => f.write_str("the secret could be guessed"),
            Self::BadKeys(why) => f.write_str(why),
            Self::WorldReadable(path) => write!(f, "{path} can be read by everybody"),
            Self::Unsupported(what) => write!(f, "{what} is not supported in this version"),
            Self::Conflict(with) => f.write_str(with),
            Self::Tls { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::Client(problem) => problem.fmt(f),
        }
    }
}

impl fmt::Display for Fault {
    /// One line: `mintage.toml:12:14: defaults.access_ttl: "25h" is out of range: use at most "24h"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, problem, fix } = self;
        write!(f, "{place}: ")?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        write!(f, "{problem}: {fix}")
    }
}

impl std::error::Error for Fault {}
