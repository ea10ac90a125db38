//! Opening: the file, its format, and what the store as a whole remembers.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, StorageBackend, StorageError};

use super::super::{Keep, Settings};
use super::tables::{Broken, FORMAT, FORMAT_ROW, META, STATE_ROW, State, Tables, encode, row};
use super::{OpenFault, writer};
use crate::ambient::Entropy;
use crate::time::Moment;

/// Bounded memory however many sessions there are (redb's own default is 1 GiB).
const CACHE: usize = 64 << 20;
const FILE: &str = "store.redb";

/// The file in the folder `data`.
pub(super) fn file_in(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Opens or makes the file in the folder `data`.
pub(super) fn on_disk(data: &Path) -> Result<Database, OpenFault> {
    let path = file_in(data);
    let file = make_folder(data).and_then(|()| open_file(&path)).map_err(|e| OpenFault::Io(format!("{}: {e}", path.display())))?;
    let db = Database::builder().set_cache_size(CACHE).create_file(file).map_err(|error| fault(error, &path.display().to_string()))?;
    // The file's name must survive a power cut as its content does.
    File::open(data).and_then(|folder| folder.sync_all()).map_err(|e| OpenFault::Io(format!("{}: {e}", data.display())))?;
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
    let state = {
        let mut tables = Tables::open(&txn)?;
        let written: Option<State> = row(&tables.meta, STATE_ROW)?;
        let mut state = written.unwrap_or_else(|| State {
            incarnation: u64::from_be_bytes(entropy.bytes()),
            last_heartbeat: now,
            steady_since: now,
            ..State::default()
        });
        state.keep_at_least(Keep { log: settings.keep_log, session: settings.longest_session });
        tables.meta.insert(FORMAT_ROW, &FORMAT.to_be_bytes()[..])?;
        tables.meta.insert(STATE_ROW, encode(&state)?.as_slice())?;
        state
    };
    txn.commit()?;
    Ok(state)
}

/// Whole milliseconds of a duration.
pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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

fn make_folder(data: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data)
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
