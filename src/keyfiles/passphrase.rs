//! The passphrase that seals key files.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::{KeyFileFault, KeyFileProblem, checked};
use crate::secret::Secret;

/// More than any passphrase file has.
const MAX_FILE: u64 = 1024;
/// Argon2id makes guessing dear, but not a short word safe.
const LEAST: usize = 16;

/// What key files are sealed with. It is read from a file, so that it stands in no configuration, environment or process list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passphrase(Secret<Vec<u8>>);

impl Passphrase {
    /// Reads the one line of a file that only its owner can read.
    ///
    /// # Errors
    /// When it is no such file, or holds fewer than 16 bytes, more than 1024, or more than one line.
    pub fn read(path: &Path) -> Result<Self, KeyFileFault> {
        let fault = |problem| KeyFileFault { path: path.to_owned(), problem };
        let io = |error: io::Error| fault(KeyFileProblem::Io(error.to_string()));
        checked::owner_only(path, MAX_FILE).map_err(fault)?;
        let mut text = Zeroizing::new(std::fs::read(path).map_err(io)?);
        while text.last().is_some_and(|last| b"\r\n".contains(last)) {
            text.pop();
        }
        Self::new(&text).map_err(fault)
    }

    /// These bytes, if they are good enough.
    ///
    /// # Errors
    /// [`KeyFileProblem::BadPassphrase`].
    pub fn new(text: &[u8]) -> Result<Self, KeyFileProblem> {
        if text.len() < LEAST {
            return Err(KeyFileProblem::BadPassphrase("fewer than 16 bytes"));
        }
        if text.iter().any(|byte| b"\r\n\0".contains(byte)) {
            return Err(KeyFileProblem::BadPassphrase("more than one line"));
        }
        Ok(Self(Secret::new(text.to_vec())))
    }

    pub(super) fn expose<R>(&self, use_it: impl FnOnce(&[u8]) -> R) -> R {
        self.0.expose(|bytes| use_it(bytes))
    }
}
