//! The store on this machine's disk: redb tables behind one writer that commits waiting operations together.
//!
//! Every answer to a write comes after an fsync; one fsync serves all that wait. After an error of the disk nothing is tried again:
//! the store is down until the process starts anew.

mod clients;
mod frames;
mod log;
mod restore;
mod revoke;
mod sessions;
mod snapshot;
mod stamps;
mod start;
mod sweep;
mod tables;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::{Database, ReadTransaction, ReadableDatabase, StorageBackend};

use super::{
    Filter, Heartbeat, Keep, Known, LogPage, Open, Opened, Patch, Patched, Position, Progress, Refreshed, Revoke, RevokeAnswer, Revoked,
    SessionPage, Settings, Store, StoreFault, SubjectPatched, Swept,
};
use crate::ambient::{Clock, Entropy};
use crate::id::{RevocationId, Sid, Stamp};
use crate::policy::Session;
use crate::policy::rotation::Request;
use crate::registry::Client;
use tables::Broken;
use writer::Writer;

pub use frames::{BackupFault, Contents};
pub use restore::{check, restore};
pub use snapshot::Snapshot;

/// The embedded store. It holds its file alone until it is dropped, which waits for what has been asked already.
pub struct Embedded {
    writer: Writer,
    db: Arc<Database>,
    clock: Arc<dyn Clock>,
    /// Where the next sweep looks for sessions to forget.
    swept: Mutex<Option<Sid>>,
    grace: Duration,
}

/// Why a store could not be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenFault {
    /// Another process has it open.
    AlreadyOpen(String),
    /// It was written by a program with another layout.
    UnknownFormat(u32),
    /// Others than its owner may use the file, or write in the folder.
    TooOpen {
        /// Which.
        path: PathBuf,
        /// The permission bits that it has.
        mode: u32,
        /// Those that it should have.
        wanted: u32,
    },
    /// Its content makes no sense.
    Corrupt(String),
    /// The disk has no room.
    Full(String),
    /// The file system refused.
    Io(String),
}

impl fmt::Display for OpenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyOpen(path) => write!(f, "another mintage holds {path}: stop it, or choose another data folder"),
            Self::UnknownFormat(version) => {
                write!(
                    f,
                    "the store has format {version} and this program knows format {}; nothing has been changed. Start the version of mintage \
                     that wrote it, or begin with an empty data folder (--data) and the same keys: then everybody signs in again",
                    tables::FORMAT
                )
            }
            Self::TooOpen { path, mode, wanted } => write!(
                f,
                "{path}: others than its owner may use it (mode {mode:04o}), and could sign anybody in: run: chmod {wanted:o} {path}, once you \
                 know that nobody did",
                path = path.display()
            ),
            Self::Corrupt(why) => write!(f, "the store is damaged, keep a copy of it, and restore it from a backup: {why}"),
            Self::Full(why) => write!(f, "there is no room for the store: {why}: make room on its disk and start again; nothing is lost"),
            Self::Io(why) => write!(
                f,
                "the store cannot be opened: {why}: name a data folder that this process's user may write (--data); if it may, look at the disk"
            ),
        }
    }
}

impl std::error::Error for OpenFault {}

impl Embedded {
    /// Opens the store in the folder `data`, or makes a new one there that only this user can read.
    ///
    /// `entropy` gives the name of a new store's life, by which positions of another one are known.
    pub fn open(data: &Path, clock: Arc<dyn Clock>, entropy: &dyn Entropy, settings: Settings) -> Result<Self, OpenFault> {
        let open = || Self::begin(start::on_disk(data)?, clock, entropy, settings);
        unless_it_panics(open).unwrap_or_else(|| Err(OpenFault::Corrupt(format!("{}: {DAMAGED}", data.display()))))
    }

    /// Whether the folder `data` holds a store.
    pub fn exists(data: &Path) -> bool {
        start::file_in(data).exists()
    }

    /// Opens a store in any storage: the door for fault injection.
    pub fn with_backend(
        backend: impl StorageBackend,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        settings: Settings,
    ) -> Result<Self, OpenFault> {
        Self::begin(start::in_storage(backend)?, clock, entropy, settings)
    }

    fn begin(db: Database, clock: Arc<dyn Clock>, entropy: &dyn Entropy, settings: Settings) -> Result<Self, OpenFault> {
        let state = start::prepare(&db, clock.wall(), entropy, &settings)?;
        let db = Arc::new(db);
        let writer = Writer::start(Arc::clone(&db), Arc::clone(&clock), settings, state).map_err(|e| OpenFault::Io(e.to_string()))?;
        Ok(Self { writer, db, clock, swept: Mutex::new(None), grace: settings.grace })
    }

    /// The whole store as it is now, to be taken out beside the writer. Until it is dropped, what is overwritten keeps its place on disk.
    pub fn snapshot(&self) -> Result<Snapshot, StoreFault> {
        self.writer.check()?;
        let begin = || Snapshot::begin(Arc::clone(&self.db), self.clock.wall());
        let begun = unless_it_panics(begin).unwrap_or_else(|| Err(Broken::Damaged(DAMAGED.to_owned())));
        begun.map_err(|broken| StoreFault::Down(broken.remedy()))
    }

    /// How far the store had come at its last commit. Nothing is written.
    pub fn progress(&self) -> Result<Progress, StoreFault> {
        self.read(|txn| tables::state(txn).map(|state| state.progress()))
    }

    /// Whether the key folder must have a mark of this store.
    pub fn expects_mark(&self) -> Result<bool, StoreFault> {
        self.read(|txn| Ok(txn.open_table(tables::META)?.get(tables::MARKED_ROW)?.is_some()))
    }

    /// Remembers that it must, for good.
    pub async fn expect_mark(&self) -> Result<(), StoreFault> {
        if self.expects_mark()? { Ok(()) } else { self.writer.run(|step| step.expect_mark()).await }
    }

    /// Whether it can be used: `false` from a fault of the disk until the process starts anew.
    pub fn is_up(&self) -> bool {
        self.writer.check().is_ok()
    }

    /// Reads one snapshot, beside the writer.
    fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Result<T, Broken>) -> Result<T, StoreFault> {
        self.writer.check()?;
        let read = || self.db.begin_read().map_err(Broken::from).and_then(|txn| read(&txn));
        let answer = unless_it_panics(read).unwrap_or_else(|| Err(Broken::Damaged(DAMAGED.to_owned())));
        answer.map_err(|broken| match broken {
            Broken::Damaged(_) => StoreFault::Down(broken.remedy()),
            Broken::Full(_) | Broken::Disk(_) => self.writer.give_up(broken),
        })
    }
}

const DAMAGED: &str = "a page on disk makes no sense";

/// redb panics where a page is not what it wrote. Nothing that `work` changes outlives it.
fn unless_it_panics<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

impl Store for Embedded {
    async fn open(&self, open: Open, known: Known) -> Result<Opened, StoreFault> {
        self.writer.run(move |step| step.open(open, known)).await
    }

    async fn refresh(&self, request: Request, known: Known) -> Result<Refreshed, StoreFault> {
        self.writer.run(move |step| step.refresh(&request, known)).await
    }

    async fn patch(&self, sid: Sid, patch: Patch, known: Known) -> Result<Patched, StoreFault> {
        self.writer.run(move |step| step.patch(sid, &patch, known)).await
    }

    async fn patch_subject(
        &self,
        subject: String,
        client: Option<String>,
        patch: Patch,
        void: Option<Revoke>,
    ) -> Result<SubjectPatched, StoreFault> {
        self.writer.run(move |step| step.patch_subject(&subject, client.as_deref(), &patch, void)).await
    }

    async fn revoke(&self, revoke: Revoke, known: Known) -> Result<RevokeAnswer, StoreFault> {
        self.writer.run(move |step| step.revoke(revoke, known)).await
    }

    async fn revocation(&self, id: RevocationId) -> Result<Option<Revoked>, StoreFault> {
        self.read(|txn| tables::row(&txn.open_table(tables::REVOCATIONS)?, id.as_bytes()))
    }

    async fn session(&self, sid: Sid) -> Result<Option<Session>, StoreFault> {
        let at = self.writer.decided_until(&*self.clock);
        self.read(|txn| sessions::one(txn, sid, at))
    }

    async fn sessions(&self, filter: Filter, from: Option<Sid>, limit: u32) -> Result<SessionPage, StoreFault> {
        let at = self.writer.decided_until(&*self.clock);
        self.read(|txn| sessions::page(txn, &filter, from, limit, at))
    }

    async fn stamp(&self, subject: String, client: String, known: Known) -> Result<Stamp, StoreFault> {
        self.writer.run(move |step| step.stamp_for(&subject, &client, known)).await
    }

    async fn log(&self, position: Position, limit: u32) -> Result<LogPage, StoreFault> {
        self.read(|txn| log::page(txn, &position, limit))
    }

    async fn heartbeat(&self) -> Result<Heartbeat, StoreFault> {
        self.writer.run(|step| Ok(step.heartbeat())).await
    }

    async fn put_client(&self, client: Client, keep: Keep) -> Result<(), StoreFault> {
        self.writer.run(move |step| step.put_client(&client, keep)).await
    }

    async fn remove_client(&self, id: String) -> Result<bool, StoreFault> {
        self.writer.run(move |step| step.remove_client(&id)).await
    }

    async fn clients(&self) -> Result<Vec<Client>, StoreFault> {
        self.read(clients::all)
    }

    async fn remember_key(&self, kid: String) -> Result<bool, StoreFault> {
        self.writer.run(move |step| step.remember_key(&kid)).await
    }

    async fn forget_key(&self, kid: String) -> Result<(), StoreFault> {
        self.writer.run(move |step| step.forget_key(&kid)).await
    }

    async fn keys(&self) -> Result<Vec<String>, StoreFault> {
        self.read(clients::keys)
    }

    async fn spend(&self, id: [u8; 32], keep: Duration) -> Result<bool, StoreFault> {
        self.writer.run(move |step| step.spend(&id, keep)).await
    }

    async fn sweep(&self, limit: u32) -> Result<Swept, StoreFault> {
        let at = self.writer.decided_until(&*self.clock);
        let found = self.read(|txn| sweep::find(txn, &self.swept, limit, at, self.grace))?;
        if found.is_nothing() {
            return Ok(Swept { more: found.more, ..Swept::default() });
        }
        self.writer.run(move |step| step.sweep(&found, limit)).await
    }
}

#[cfg(test)]
#[path = "durability_tests.rs"]
mod tests;

#[cfg(test)]
mod backup_tests;

#[cfg(test)]
#[path = "fault_tests.rs"]
mod fault_tests;
