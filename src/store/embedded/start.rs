//! Opening: the file, its format, and what the store as a whole remembers.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, StorageBackend, StorageError};

use super::super::{Keep, Settings};
use super::tables::{Broken, FORMAT, FORMAT_ROW, META, STATE_ROW, State, Tables, encode, make_all, row};
use super::{OpenFault, writer};
use crate::ambient::Entropy;
use crate::time::Moment;

/// Bounded memory however many sessions there are (redb's own default is 1 GiB): with it the whole process stays below 60 MB. What is not here
/// is read again from the kernel's page cache.
const CACHE: usize = 32 << 20;
const FILE: &str = "store.redb";

/// The file in the folder `data`.
pub(super) fn file_in(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Opens the file in the folder `data`, or makes it: under another name until redb can open it, so that an empty file is never a new store.
pub(super) fn on_disk(data: &Path) -> Result<Database, OpenFault> {
    let path = file_in(data);
    let io = |e: io::Error| OpenFault::Io(format!("{}: {e}", path.display()));
    own_folder(data)?;
    let folder = File::open(data).map_err(io)?;
    // Of two that make the file at once, one would serve from a file without a name.
    if matches!(folder.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(OpenFault::AlreadyOpen(path.display().to_string()));
    }
    let db = match fs::metadata(&path) {
        Ok(found) => in_file(open_file(&path, &found)?, &path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_file(&path)?,
        Err(error) => return Err(io(error)),
    };
    // The file's name must survive a power cut as its content does.
    folder.sync_all().map_err(|e| OpenFault::Io(format!("{}: {e}", data.display())))?;
    Ok(db)
}

/// Opens or makes a store in any storage.
pub(super) fn in_storage(backend: impl StorageBackend) -> Result<Database, OpenFault> {
    Database::builder().set_cache_size(CACHE).create_with_backend(backend).map_err(|error| fault(error, "this storage"))
}

/// Checks the format, writes what is new, and gives what the writer begins with.
pub(super) fn prepare(db: &Database, now: Moment, entropy: &dyn Entropy, settings: &Settings) -> Result<State, OpenFault> {
    if let Some(version) = written_format(db)?
        && version != FORMAT
    {
        return Err(OpenFault::UnknownFormat(version));
    }
    Ok(begin_state(db, now, entropy, settings)?)
}

fn written_format(db: &Database) -> Result<Option<u32>, Broken> {
    let txn = db.begin_write()?;
    let is_new = txn.list_tables()?.next().is_none();
    let version = {
        let meta = txn.open_table(META)?;
        let found = redb::ReadableTable::get(&meta, FORMAT_ROW)?;
        found
            .map(|row| <[u8; 4]>::try_from(row.value()).map(u32::from_be_bytes).map_err(|_| Broken::Damaged("no format".to_owned())))
            .transpose()?
    };
    txn.abort()?;
    match version {
        None if !is_new => Err(Broken::Damaged("it has tables and no format: some other program wrote it".to_owned())),
        version => Ok(version),
    }
}

fn begin_state(db: &Database, now: Moment, entropy: &dyn Entropy, settings: &Settings) -> Result<State, Broken> {
    let txn = writer::begin(db)?;
    make_all(&txn)?;
    let state = {
        let mut tables = Tables::of(&txn);
        let written: Option<State> = row(tables.meta.open()?, STATE_ROW)?;
        let mut state = written.unwrap_or_else(|| State {
            incarnation: u64::from_be_bytes(entropy.bytes()),
            last_heartbeat: now,
            steady_since: now,
            ..State::default()
        });
        state.keep_at_least(Keep { log: settings.keep_log, session: settings.longest_session });
        tables.meta.open()?.insert(FORMAT_ROW, &FORMAT.to_be_bytes()[..])?;
        tables.meta.open()?.insert(STATE_ROW, encode(&state)?.as_slice())?;
        state
    };
    txn.commit()?;
    Ok(state)
}

impl From<Broken> for OpenFault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Damaged(why) => Self::Corrupt(why),
            Broken::Full(why) => Self::Full(why),
            Broken::Disk(why) => Self::Io(why),
        }
    }
}

fn fault(error: DatabaseError, path: &str) -> OpenFault {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenFault::AlreadyOpen(path.to_owned()),
        DatabaseError::UpgradeRequired(version) => OpenFault::UnknownFormat(version.into()),
        // How redb tells of a file that is no database of its own.
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            OpenFault::Corrupt(format!("{path}: {error}"))
        }
        DatabaseError::Storage(StorageError::Io(error)) => match Broken::from_disk(&error) {
            Broken::Full(why) => OpenFault::Full(format!("{path}: {why}")),
            Broken::Damaged(why) | Broken::Disk(why) => OpenFault::Io(format!("{path}: {why}")),
        },
        other => OpenFault::Corrupt(format!("{path}: {other}")),
    }
}

/// Makes the folder where there is none, and closes it to others where they may only read it.
fn own_folder(data: &Path) -> Result<(), OpenFault> {
    let found = fs::metadata(data).ok().filter(fs::Metadata::is_dir);
    match found.map(|found| found.mode() & 0o7777) {
        Some(mode) if mode & 0o022 != 0 => return Err(OpenFault::TooOpen { path: data.to_owned(), mode, wanted: 0o700 }),
        Some(mode) if mode & 0o055 != 0 => {
            // A mount that belongs to somebody else stays as it is: the file is closed in any case.
            let _ = fs::set_permissions(data, Permissions::from_mode(0o700));
        }
        _ => {}
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|e| OpenFault::Io(format!("{}: {e}", data.display())))
}

/// A file that others may read is closed, one that they may write is refused.
fn open_file(path: &Path, found: &Metadata) -> Result<File, OpenFault> {
    let damaged = |why: &str| Err(OpenFault::Corrupt(format!("{}: {why}", path.display())));
    if !found.is_file() {
        return damaged("it is no file");
    }
    if found.len() == 0 {
        return damaged("it is empty, which no store is. Without a backup, move it away: the next start begins anew, with everything void");
    }
    let mode = found.mode() & 0o7777;
    let too_open = || OpenFault::TooOpen { path: path.to_owned(), mode, wanted: 0o600 };
    if mode & 0o022 != 0 {
        return Err(too_open());
    }
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|e| OpenFault::Io(format!("{}: {e}", path.display())))?;
    if mode & 0o055 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(|_| too_open())?;
    }
    Ok(file)
}

fn make_file(path: &Path) -> Result<Database, OpenFault> {
    let io = |e: io::Error| OpenFault::Io(format!("{}: {e}", path.display()));
    let unfinished = path.with_extension("redb.unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&unfinished).map_err(io)?;
    let same = file.try_clone().map_err(io)?;
    let db = in_file(file, path)?;
    same.sync_all().and_then(|()| fs::rename(&unfinished, path)).map_err(io)?;
    Ok(db)
}

fn in_file(file: File, path: &Path) -> Result<Database, OpenFault> {
    Database::builder().set_cache_size(CACHE).create_file(file).map_err(|error| fault(error, &path.display().to_string()))
}
