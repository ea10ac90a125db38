//! A backup becomes a data folder again, in which nothing is good that may have been called back since.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Surroundings;
use super::distrust::{Distrusted, distrust_clients, void_everything, void_key};
use crate::config;
use crate::keyfiles::{KeyFileFault, KeyFolder};
use crate::store::embedded::{self, Contents, Snapshot};
use crate::store::{Embedded, Settings, Store};
use crate::time::Moment;

/// What stands in the log as the reason.
const WHY: &str = "restored";

/// What whoever restores knows of the time since the backup.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Believed {
    /// No client has been removed, disabled or given another secret.
    pub clients: bool,
    /// The key folder is newer than the last revocation of a key.
    pub keys: bool,
}

/// What a restore brought back, and what it did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// What the backup holds.
    pub contents: Contents,
    /// Every session opened and every token issued up to here is void.
    pub void_up_to: Moment,
    /// What became of clients.
    pub clients: Distrusted,
    /// Signing keys that may have been revoked since, or whose file is not there: revoked.
    pub revoked_keys: Vec<String>,
}

/// A stopped deployment's store, to be backed up. It is locked for as long as this lives.
///
/// # Errors
/// What is wrong and what to do, as a sentence.
pub fn snapshot_of(data: &Path, surroundings: Surroundings) -> Result<Snapshot, String> {
    if !Embedded::exists(data) {
        return Err(format!("{}: there is no store: name the data folder of the deployment", data.display()));
    }
    let store = open(data, surroundings)?;
    store.snapshot().map_err(|fault| fault.to_string())
}

/// Makes the folder `data`, which must not exist or be empty, of the backup in `file`, for the keys of a deployment that is stopped. The folder appears when all
/// is done, or not at all.
///
/// What was called back after the backup is not in it, so everything that it may have been about is called back now: all sessions and
/// tokens always, clients and keys unless they are `believed`. A key whose file is gone is over for good.
///
/// # Errors
/// What is wrong and what to do, as a sentence.
pub async fn restore(
    file: &Path,
    data: &Path,
    settings: &config::Settings,
    believed: Believed,
    surroundings: Surroundings,
) -> Result<Restored, String> {
    let of_file = |why: &dyn Display| format!("{}: {why}", file.display());
    let backup = || File::open(file).map(BufReader::new).map_err(|why| of_file(&why));
    must_be_free(data)?;
    embedded::check(backup()?).map_err(|fault| of_file(&fault))?;
    if !settings.keys.is_dir() {
        return Err(format!(
            "{}: there is no such folder. Put the keys back from their copy first; if they are lost, make it, empty: the next start makes new ones",
            settings.keys.display()
        ));
    }
    let keys = open_keys(settings).map_err(|fault| fault.to_string())?;
    let building = Building::begin(data)?;
    let contents = embedded::restore(backup()?, &building.path, &*surroundings.entropy).map_err(|fault| of_file(&fault))?;
    let (restored, mark) = take_back(&building.path, contents, &keys, believed, surroundings).await?;
    building.finish(data).map_err(|why| format!("{}: {why}", data.display()))?;
    // From here on the keys belong to the restored store.
    keys.save_mark(&mark).map_err(|fault| fault.to_string())?;
    Ok(restored)
}

/// Nobody else may have the keys in use: their mark is about to change.
fn open_keys(settings: &config::Settings) -> Result<KeyFolder, KeyFileFault> {
    KeyFolder::open_with(&settings.keys, settings.passphrase_file.as_deref())?.alone()
}

/// Renames, and has the new name survive a power cut.
pub fn rename_for_good(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn must_be_free(data: &Path) -> Result<(), String> {
    match fs::read_dir(data).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{} is not empty, and nothing is ever overwritten: name a new folder with --data", data.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: {error}", data.display())),
    }
}

/// A folder beside the one that is wanted; removed unless it is finished.
struct Building {
    path: PathBuf,
}

impl Building {
    fn begin(data: &Path) -> Result<Self, String> {
        let name = data.file_name().ok_or_else(|| format!("{} names no folder: name one with --data", data.display()))?;
        let path = data.with_file_name(format!(".{}.restoring", name.to_string_lossy()));
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("{}: {error}", path.display())),
            _ => Ok(Self { path }),
        }
    }

    fn finish(self, data: &Path) -> io::Result<()> {
        rename_for_good(&self.path, data)
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        // After a finish there is nothing of this name.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Calls back what may have been called back since; and how far the store has come with it.
async fn take_back(
    data: &Path,
    contents: Contents,
    keys: &KeyFolder,
    believed: Believed,
    surroundings: Surroundings,
) -> Result<(Restored, String), String> {
    let Surroundings { clock, entropy } = surroundings;
    let now = clock.wall().max(contents.taken_at);
    let store = open(data, Surroundings { clock, entropy: entropy.clone() })?;
    let down = |fault: crate::store::StoreFault| fault.to_string();
    let void_up_to = void_everything(&store, now, WHY, &*entropy).await.map_err(down)?;
    let clients = if believed.clients { Distrusted::default() } else { distrust_clients(&store).await.map_err(down)? };
    let ring = keys.load().map_err(|fault| fault.to_string())?;
    let lost: Vec<String> = store.keys().await.map_err(down)?.into_iter().filter(|name| !ring.holds(name)).collect();
    let suspects = ring.signing.iter().map(|held| held.key.verifying().kid().to_owned()).filter(|_| !believed.keys);
    let mut revoked_keys: Vec<String> = suspects.collect();
    for name in lost {
        store.forget_key(name.clone()).await.map_err(down)?;
        // A MAC key signed nothing that a verifier takes.
        revoked_keys.extend(Some(name).filter(|name| !name.starts_with("mac-")));
    }
    for kid in &revoked_keys {
        void_key(&store, kid, WHY, &*entropy).await.map_err(down)?;
    }
    let mark = store.heartbeat().await.map_err(down)?.progress.to_string();
    Ok((Restored { contents, void_up_to, clients, revoked_keys }, mark))
}

/// Lengths that a store was ever given hold on; these add nothing to them.
fn open(data: &Path, surroundings: Surroundings) -> Result<Embedded, String> {
    let settings = Settings {
        keep_log: Duration::ZERO,
        grace: Duration::ZERO,
        margin: super::start::EMBEDDED_MARGIN,
        sessions_per_subject: u32::MAX,
        longest_session: Duration::ZERO,
    };
    Embedded::open(data, surroundings.clock, &*surroundings.entropy, settings).map_err(|fault| fault.to_string())
}
