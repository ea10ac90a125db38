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
    /// A folder, a pipe or the like where a file belongs.
    NotAFile,
    /// The key that the node read there before is there no more.
    Gone,
    /// More bytes than any file of its kind has.
    TooLarge(u64),
    /// Another process is at work in the folder.
    InUse,
    /// Another node serves with these keys.
    Serving,
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
    /// Sealed, and no passphrase file is configured.
    Sealed,
    /// The passphrase does not open it: it is another one, or the file was changed.
    WrongPassphrase,
    /// Its seal is weaker than any that is made here, or dearer than any that is worth opening.
    BadSeal,
    /// What is no passphrase, and why.
    BadPassphrase(&'static str),
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
            KeyFileProblem::NotAFile | KeyFileProblem::TooLarge(_) => "move it away: it is no file of ours".to_owned(),
            KeyFileProblem::Gone => "put it back from a backup: keys are never made anew in place of old ones".to_owned(),
            KeyFileProblem::InUse => "stop the node that runs with it first".to_owned(),
            KeyFileProblem::Serving => {
                "stop it first; a second deployment needs keys of its own (--keys), not only another --data".to_owned()
            }
            KeyFileProblem::Sealed => {
                "set passphrase_file (MINTAGE_PASSPHRASE_FILE) to the file with the passphrase that it was sealed with".to_owned()
            }
            KeyFileProblem::WrongPassphrase => {
                "name the passphrase file that it was sealed with; if a change of passphrase was cut off, run `mintage keys seal` again as before; \
                 else restore the key file from a backup"
                    .to_owned()
            }
            KeyFileProblem::BadPassphrase(_) => format!("write one line of 16 to 1024 bytes: openssl rand -base64 24 > {path}"),
            KeyFileProblem::UnknownVersion(_) => "start the version of mintage that wrote it".to_owned(),
            KeyFileProblem::Corrupt(_)
            | KeyFileProblem::WrongName { .. }
            | KeyFileProblem::BadKey(_)
            | KeyFileProblem::BadLife
            | KeyFileProblem::BadSeal => "restore it from a backup; tokens that it signed verify under no other key".to_owned(),
        }
    }
}

impl fmt::Display for KeyFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(why) => f.write_str(why),
            Self::NotAFolder => f.write_str("not a folder"),
            Self::NotAFile => f.write_str("not a file"),
            Self::Gone => f.write_str("the key that was there is gone"),
            Self::TooLarge(bytes) => write!(f, "too large ({bytes} bytes)"),
            Self::InUse => f.write_str("another process is at work in it"),
            Self::Serving => f.write_str("another mintage holds it, and serves with these keys"),
            Self::Sealed => f.write_str("it is sealed, and there is no passphrase"),
            Self::WrongPassphrase => f.write_str("the passphrase does not open it, or it was changed"),
            Self::BadSeal => f.write_str("its seal is not within the bounds of argon2id that are opened here"),
            Self::BadPassphrase(why) => write!(f, "no passphrase: {why}"),
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
