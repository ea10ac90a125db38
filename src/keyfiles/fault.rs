//! Why the ring on disk cannot be used.

use std::fmt;
use std::path::PathBuf;

/// Something is wrong with a key file or its folder. Nothing is repaired and nothing is made in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFileFault {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: KeyFileProblem,
}

/// What can be wrong: a closed list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyFileProblem {
    /// The system cannot read or write it.
    Io(String),
    /// Not a folder.
    NotAFolder,
    /// Others than its owner may read or write it.
    TooOpen {
        /// The permission bits that it has.
        mode: u32,
    },
    /// Cut off, or no key file at all.
    Corrupt(String),
    /// Written by a later version.
    UnknownVersion(u64),
    /// The key inside is not the one that the file's name says.
    WrongName {
        /// The id of the key inside.
        inside: String,
    },
    /// The private key inside is not one of its algorithm.
    BadKey(crate::keyring::BadKey),
    /// The times of its life are out of order.
    BadLife,
}

impl KeyFileFault {
    /// What to do about it.
    pub fn fix(&self) -> String {
        let path = self.path.display();
        match &self.problem {
            KeyFileProblem::Io(_) => "let this process's user read and write it".to_owned(),
            KeyFileProblem::NotAFolder => "move it away, or name another folder".to_owned(),
            KeyFileProblem::TooOpen { .. } if self.path.is_dir() => format!("run: chmod 700 {path}"),
            KeyFileProblem::TooOpen { .. } => format!("run: chmod 600 {path}"),
            KeyFileProblem::UnknownVersion(_) => "start the version of mintage that wrote it".to_owned(),
            KeyFileProblem::Corrupt(_) | KeyFileProblem::WrongName { .. } | KeyFileProblem::BadKey(_) | KeyFileProblem::BadLife => {
                "restore it from a backup; tokens that it signed verify under no other key".to_owned()
            }
        }
    }
}

impl fmt::Display for KeyFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(why) => f.write_str(why),
            Self::NotAFolder => f.write_str("not a folder"),
            Self::TooOpen { mode } => write!(f, "others than its owner may use it (mode {mode:04o})"),
            Self::Corrupt(why) => write!(f, "not a key file: {why}"),
            Self::UnknownVersion(version) => write!(f, "version {version} of key files is not known"),
            Self::WrongName { inside } => write!(f, "it holds the key {inside}, which its name does not say"),
            Self::BadKey(why) => write!(f, "the private key cannot be used: {why}"),
            Self::BadLife => f.write_str("the times of its life are out of order"),
        }
    }
}

impl fmt::Display for KeyFileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.problem, self.fix())
    }
}

impl std::error::Error for KeyFileFault {}
