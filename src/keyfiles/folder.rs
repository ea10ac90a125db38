//! The folder: what is written stands there whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::format::{self, KeyFile};
use super::{KeyFileFault, KeyFileProblem};
use crate::keyring::{KeyRing, MacKey, RingKey};

/// More than any key file has.
const MAX_FILE: u64 = 64 * 1024;
const README: &str = include_str!("folder_readme.md");
/// What a file is called until it is whole. A leading dot and this ending together: no key file has such a name.
const UNFINISHED: &str = ".unfinished";

/// The folder of key files of one issuer. Only this process's user can read it.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    /// Opens the folder; makes it (mode 0700, with a README) where there is none. Nothing else is changed.
    ///
    /// # Errors
    /// When it is no folder, cannot be made, or others than its owner may write to it.
    pub fn open(path: &Path) -> Result<Self, KeyFileFault> {
        let folder = Self { path: path.to_owned() };
        let io = |error: io::Error| folder.fault(path, KeyFileProblem::Io(error.to_string()));
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(folder.fault(path, KeyFileProblem::NotAFolder)),
            Ok(found) if found.mode() & 0o022 != 0 => {
                return Err(folder.fault(path, KeyFileProblem::TooOpen { mode: found.mode() & 0o7777 }));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
            }
            Err(error) => return Err(io(error)),
        }
        if !path.join("README.md").exists() {
            // A folder that is mounted read-only serves as it is.
            let _ = fs::write(path.join("README.md"), README);
        }
        Ok(folder)
    }

    /// Every key in the folder. What a crash left unfinished is ignored: the file before it still stands.
    ///
    /// # Errors
    /// The first file, in the order of names, that cannot be read, is not whole, is open to others or holds another key than its name
    /// says. Nothing is skipped.
    pub fn load(&self) -> Result<KeyRing, KeyFileFault> {
        let mut ring = KeyRing::default();
        for path in self.key_files()? {
            match self.read(&path)? {
                KeyFile::Signing(key) => ring.signing.push(*key),
                KeyFile::Mac(key) => ring.macs.push(key),
            }
        }
        Ok(ring)
    }

    /// Whether there is no key file at all.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn is_empty(&self) -> Result<bool, KeyFileFault> {
        self.key_files().map(|files| files.is_empty())
    }

    /// Writes a signing key, over its file where there is one. When this returns, the new file survives a power cut; until then the
    /// old one stands.
    ///
    /// # Errors
    /// When the disk refuses; the old file still stands.
    pub fn save_signing(&self, key: &RingKey) -> Result<(), KeyFileFault> {
        self.save(&format::signing_name(key), format::write_signing(key))
    }

    /// Writes a MAC key, as [`KeyFolder::save_signing`] does.
    ///
    /// # Errors
    /// When the disk refuses; the old file still stands.
    pub fn save_mac(&self, key: &MacKey) -> Result<(), KeyFileFault> {
        self.save(&format::mac_name(key), format::write_mac(key))
    }

    /// Removes the file of a signing key that is over; one that is not there is no fault.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, kid: &str) -> Result<(), KeyFileFault> {
        self.remove_file(kid)
    }

    /// Removes the file of a MAC key that is over; one that is not there is no fault.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove_mac(&self, id: u8) -> Result<(), KeyFileFault> {
        self.remove_file(&format!("mac-{id}"))
    }

    /// Removes what a crash left unfinished. Only for whoever alone writes here.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sweep(&self) -> Result<(), KeyFileFault> {
        for path in self.entries()?.iter().filter(|path| path.extension() == Some(OsStr::new(&UNFINISHED[1..]))) {
            fs::remove_file(path).map_err(|error| self.fault(path, KeyFileProblem::Io(error.to_string())))?;
        }
        Ok(())
    }

    fn key_files(&self) -> Result<Vec<PathBuf>, KeyFileFault> {
        let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let mut files = self.entries()?;
        files.retain(|path| path.extension() == Some(OsStr::new("json")) && !is_hidden(path));
        files.sort();
        Ok(files)
    }

    fn entries(&self) -> Result<Vec<PathBuf>, KeyFileFault> {
        let list = || fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
        list().map_err(|error| self.fault(&self.path, KeyFileProblem::Io(error.to_string())))
    }

    fn read(&self, path: &Path) -> Result<KeyFile, KeyFileFault> {
        let fault = |problem| self.fault(path, problem);
        let io = |error: io::Error| fault(KeyFileProblem::Io(error.to_string()));
        let file = File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(fault(KeyFileProblem::TooOpen { mode }));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        file.take(MAX_FILE).read_to_end(&mut text).map_err(io)?;
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        format::read(name, &text).map_err(fault)
    }

    fn save(&self, name: &str, text: Result<Zeroizing<Vec<u8>>, KeyFileProblem>) -> Result<(), KeyFileFault> {
        let path = self.path.join(format!("{name}.json"));
        let text = text.map_err(|problem| self.fault(&path, problem))?;
        let unfinished = self.path.join(format!(".{name}{UNFINISHED}"));
        let written = write_whole(&unfinished, &path, &text).and_then(|()| File::open(&self.path)?.sync_all());
        written.map_err(|error| self.fault(&path, KeyFileProblem::Io(error.to_string())))
    }

    fn remove_file(&self, name: &str) -> Result<(), KeyFileFault> {
        let path = self.path.join(format!("{name}.json"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.fault(&path, KeyFileProblem::Io(error.to_string()))),
            _ => File::open(&self.path)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| self.fault(&self.path, KeyFileProblem::Io(error.to_string()))),
        }
    }

    fn fault(&self, path: &Path, problem: KeyFileProblem) -> KeyFileFault {
        KeyFileFault { path: path.to_owned(), problem }
    }
}

fn write_whole(unfinished: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(unfinished)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
