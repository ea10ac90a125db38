//! The folder: what is written stands there whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::format::{self, KeyFile};
use super::seal::{Seal, random};
use super::{KeyFileFault, KeyFileProblem, Passphrase, checked};
use crate::keyring::{KeyRing, MacKey, RingKey};
use crate::time::Moment;

/// More than any key file has; an RSA key of 4096 bits, sealed, needs some 5 KiB.
const MAX_FILE: u64 = 64 * 1024;
const README: &str = include_str!("folder_readme.md");
/// Which store the keys were used with, and how far it had come.
const MARK: &str = "store.mark";
/// Locked by the node that serves with these keys.
const NODE: &str = "node.lock";
/// What a file is called until it is whole. A leading dot and this ending together: no key file has such a name.
const UNFINISHED: &str = ".unfinished";

/// The folder of key files of one issuer. Only this process's user can read it.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    path: PathBuf,
    /// What new files are sealed under.
    seal: Option<Arc<Seal>>,
    /// What files may still be sealed under, while they are sealed anew.
    former: Option<Arc<Seal>>,
    /// Says that a process is at work here; `None` where the file system has no locks.
    presence: Arc<Option<File>>,
    /// Held for its lock: a node serves with these keys.
    _node: Option<Arc<File>>,
}

impl KeyFolder {
    /// As [`KeyFolder::open`], with the passphrase that stands in this file, where one is named.
    ///
    /// # Errors
    /// As there, and as [`Passphrase::read`].
    pub fn open_with(path: &Path, passphrase_file: Option<&Path>) -> Result<Self, KeyFileFault> {
        Self::open(path, passphrase_file.map(Passphrase::read).transpose()?)
    }

    /// Opens the folder; makes it (with a README) where there is none, and closes it to others (mode 0700). Nothing else is changed. With a
    /// passphrase, what is written here is sealed, and what is sealed can be read. Several may have it open, but none while [`KeyFolder::alone`] holds.
    ///
    /// # Errors
    /// When it is no folder, cannot be made, others than its owner may write to it, or an offline command is at work in it.
    pub fn open(path: &Path, passphrase: Option<Passphrase>) -> Result<Self, KeyFileFault> {
        let fault = |problem| KeyFileFault { path: path.to_owned(), problem };
        let io = |error: io::Error| fault(KeyFileProblem::Io(error.to_string()));
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(fault(KeyFileProblem::NotAFolder)),
            Ok(found) if found.mode() & 0o022 != 0 => return Err(fault(KeyFileProblem::TooOpen { mode: found.mode() & 0o7777 })),
            Ok(found) if found.mode() & 0o055 != 0 => {
                // As a checkout makes it. A mount that belongs to somebody else stays as it is: the files are closed in any case.
                let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
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
        let presence = File::open(path).map_err(io)?;
        let presence = match presence.try_lock_shared() {
            Ok(()) => Some(presence),
            Err(TryLockError::WouldBlock) => return Err(fault(KeyFileProblem::InUse)),
            Err(TryLockError::Error(_)) => None,
        };
        let seal = passphrase.map(|passphrase| Arc::new(Seal::new(passphrase)));
        Ok(Self { path: path.to_owned(), seal, former: None, presence: Arc::new(presence), _node: None })
    }

    /// Keeps every other process out, for as long as this value or a clone of it lives: for commands that change files under a node's feet.
    ///
    /// # Errors
    /// When another process has the folder open.
    pub fn alone(self) -> Result<Self, KeyFileFault> {
        match self.presence.as_ref().as_ref().map(File::try_lock) {
            Some(Err(TryLockError::WouldBlock)) => Err(self.fault(&self.path, KeyFileProblem::InUse)),
            Some(Err(TryLockError::Error(error))) => Err(self.fault(&self.path, KeyFileProblem::Io(error.to_string()))),
            Some(Ok(())) | None => Ok(self),
        }
    }

    /// Keeps every other node out, for as long as this value or a clone of it lives; commands still come in. Two nodes, each with a store of
    /// its own, would each call what the other signs forged, and the later mark would make the other's store look old.
    ///
    /// A folder in which nothing can be written, or whose file system has no locks, lets several in: in the first, no mark changes.
    ///
    /// # Errors
    /// When another node has it.
    pub fn for_a_node(self) -> Result<Self, KeyFileFault> {
        let path = self.path.join(NODE);
        let io = |error: io::Error| self.fault(&path, KeyFileProblem::Io(error.to_string()));
        if path.try_exists().map_err(io)? {
            checked::owner_only(&path, MAX_FILE).map_err(|problem| self.fault(&path, problem))?;
        }
        let lock = match OpenOptions::new().append(true).create(true).mode(0o600).open(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied) => return Ok(self),
            opened => opened.map_err(io)?,
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { _node: Some(Arc::new(lock)), ..self }),
            Err(TryLockError::WouldBlock) => Err(self.fault(&self.path, KeyFileProblem::Serving)),
            Err(TryLockError::Error(_)) => Ok(self),
        }
    }

    /// The same folder, whose files are sealed under another passphrase from now on, or under none. What is there can still be read.
    #[must_use]
    pub fn resealed(self, passphrase: Option<Passphrase>) -> Self {
        let seal = passphrase.map(|passphrase| Arc::new(Seal::new(passphrase)));
        Self { former: self.seal, seal, ..self }
    }

    /// Brings every file under the present seal, or from under any where there is none; how many were not. Each is replaced whole: when this
    /// is cut off, every key is still there, and doing it again goes on.
    ///
    /// # Errors
    /// As [`KeyFolder::load`], before anything is changed; and when the disk refuses.
    pub fn reseal(&self) -> Result<usize, KeyFileFault> {
        self.load()?;
        let mut changed = 0;
        for path in self.key_files()? {
            let name = stem(&path);
            let text = self.text(&path)?;
            let plain = self.opened(name, &text).map_err(|problem| self.fault(&path, problem))?;
            if !plain.is_current {
                self.save(name, Ok(plain.text))?;
                changed += 1;
            }
        }
        Ok(changed)
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

    /// Holds what is read now against what was read before: no key that is not over may be gone, or have another in its place.
    ///
    /// # Errors
    /// [`KeyFileProblem::Gone`], of the first one.
    pub fn must_still_hold(&self, now: &KeyRing, before: &KeyRing, at: Moment) -> Result<(), KeyFileFault> {
        let lives = |ends_at: Option<Moment>| ends_at.is_none_or(|end| end > at);
        let gone = |name: String| Err(self.fault(&self.path.join(format!("{name}.json")), KeyFileProblem::Gone));
        for key in before.signing.iter().filter(|key| lives(key.life.ends_at)) {
            if !now.holds(key.key.verifying().kid()) {
                return gone(format::signing_name(key));
            }
        }
        match before.macs.iter().find(|mac| lives(mac.ends_at) && !now.holds(&mac.name())) {
            Some(mac) => gone(format::mac_name(mac)),
            None => Ok(()),
        }
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

    /// Removes what a crash left unfinished, which may hold a key that is not sealed. Only for whoever alone writes here.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sweep(&self) -> Result<(), KeyFileFault> {
        for path in self.entries()?.iter().filter(|path| path.extension() == Some(OsStr::new(&UNFINISHED[1..]))) {
            fs::remove_file(path).map_err(|error| self.fault(path, KeyFileProblem::Io(error.to_string())))?;
        }
        Ok(())
    }

    /// What [`KeyFolder::save_mark`] wrote last; `None` where there is no file.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or others may use it.
    pub fn mark(&self) -> Result<Option<String>, KeyFileFault> {
        let path = self.path.join(MARK);
        if !path.try_exists().map_err(|error| self.fault(&path, KeyFileProblem::Io(error.to_string())))? {
            return Ok(None);
        }
        checked::owner_only(&path, MAX_FILE).map_err(|problem| self.fault(&path, problem))?;
        let text = fs::read_to_string(&path).map_err(|error| self.fault(&path, KeyFileProblem::Io(error.to_string())))?;
        Ok(Some(text.trim_end().to_owned()))
    }

    /// Writes one line that says how far the store beside these keys had come. It is no secret.
    ///
    /// # Errors
    /// When the disk refuses, as a read-only folder does; the old line still stands.
    pub fn save_mark(&self, mark: &str) -> Result<(), KeyFileFault> {
        let path = self.path.join(MARK);
        self.write(MARK, &path, format!("{mark}\n").as_bytes())
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
        let text = self.text(path)?;
        let read = self.opened(stem(path), &text).and_then(|plain| format::read(stem(path), &plain.text));
        read.map_err(|problem| self.fault(path, problem))
    }

    fn text(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileFault> {
        checked::owner_only(path, MAX_FILE).map_err(|problem| self.fault(path, problem))?;
        fs::read(path).map(Zeroizing::new).map_err(|error| self.fault(path, KeyFileProblem::Io(error.to_string())))
    }

    /// The plain text of a file. Where two passphrases may have sealed it, both are tried.
    fn opened(&self, name: &str, text: &[u8]) -> Result<Plain, KeyFileProblem> {
        let Some(sealed) = format::read_sealed(text)? else {
            return Ok(Plain { text: Zeroizing::new(text.to_vec()), is_current: self.seal.is_none() });
        };
        let mut problem = KeyFileProblem::Sealed;
        for (seal, is_current) in [(&self.seal, true), (&self.former, false)] {
            match seal.as_ref().map(|seal| seal.open(name, &sealed)) {
                Some(Ok(text)) => return Ok(Plain { text, is_current }),
                Some(Err(why)) => problem = why,
                None => {}
            }
        }
        Err(problem)
    }

    fn save(&self, name: &str, text: Result<Zeroizing<Vec<u8>>, KeyFileProblem>) -> Result<(), KeyFileFault> {
        let path = self.path.join(format!("{name}.json"));
        let sealed = text.and_then(|text| match &self.seal {
            Some(seal) => format::write_sealed(seal.close(name, &text)?),
            None => Ok(text),
        });
        let text = sealed.map_err(|problem| self.fault(&path, problem))?;
        self.write(name, &path, &text)
    }

    fn write(&self, name: &str, path: &Path, text: &[u8]) -> Result<(), KeyFileFault> {
        // A name that nobody can have laid a pipe or a link under.
        let once = random::<8>().map(u64::from_be_bytes).map_err(|problem| self.fault(path, problem))?;
        let unfinished = self.path.join(format!(".{name}.{once:016x}{UNFINISHED}"));
        let written = write_whole(&unfinished, path, text).and_then(|()| File::open(&self.path)?.sync_all());
        written.map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            self.fault(path, KeyFileProblem::Io(error.to_string()))
        })
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

/// What a file says once it is opened, and whether it is sealed as it would be written now.
struct Plain {
    text: Zeroizing<Vec<u8>>,
    is_current: bool,
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(OsStr::to_str).unwrap_or_default()
}

fn write_whole(unfinished: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
