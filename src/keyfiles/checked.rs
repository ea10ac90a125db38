//! Looking at a file before it is opened: opening a pipe would wait for whoever writes into it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::KeyFileProblem;

/// Passes for a file (or a link to one, as secret mounts have them) of at most `most` bytes that only its owner may use.
pub(super) fn owner_only(path: &Path, most: u64) -> Result<(), KeyFileProblem> {
    let found = small(path, most)?;
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 { Err(KeyFileProblem::TooOpen { mode }) } else { Ok(()) }
}

/// Passes for a file, or a link to one, of at most `most` bytes.
pub(super) fn small(path: &Path, most: u64) -> Result<fs::Metadata, KeyFileProblem> {
    let found = fs::metadata(path).map_err(|error| KeyFileProblem::Io(error.to_string()))?;
    if !found.is_file() {
        Err(KeyFileProblem::NotAFile)
    } else if found.len() > most {
        Err(KeyFileProblem::TooLarge(found.len()))
    } else {
        Ok(found)
    }
}
