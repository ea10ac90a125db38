//! The trail as the verbs use it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use super::event::{Deed, Ending, Event, Facts};
use super::folder::{AuditFault, Folder};
use super::line::Record;
use super::read::{Page, Query};
use super::writer::{Before, Desk, Job, Shared};
use crate::id::EventId;
use crate::time::Moment;

/// How many jobs may wait: more intents are refused at once.
const QUEUE: usize = 8_192;
/// How many look for events at once: whoever reads must not keep the node busy.
const READERS: usize = 2;

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// A file is followed by another one when it has this many bytes, or a day begins.
    pub file_size: u64,
    /// Files of earlier days are removed.
    pub keep: Duration,
    /// The oldest files are removed when all together would have more bytes than this; one write may go beyond it. At least twice
    /// [`Self::file_size`], or only the current file is kept.
    pub total_size: u64,
}

/// What was found when the trail was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The effects that the last run had begun and not ended. Each has its line now.
    pub interrupted: Vec<Event>,
    /// SHA-256 of the last line, in hex.
    pub head: String,
}

/// The trail of one node. Dropping it waits until everything is on disk.
pub struct Trail {
    folder: PathBuf,
    shared: Arc<Shared>,
    readers: Semaphore,
    taken_up_at: Option<Moment>,
    queue: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Trail {
    /// Opens the trail in `folder` and takes it up where it ends. `random` names the node, the first time.
    ///
    /// # Errors
    /// When the folder cannot be used, others may write to it, or another process does.
    pub fn open(folder: &Path, settings: Settings, now: Moment, random: [u8; 4]) -> Result<(Self, Opened), AuditFault> {
        let io = |why: io::Error| AuditFault::io(folder, &why);
        let shared = Arc::new(Shared::default());
        let opened = Folder::open(folder, random)?;
        let (desk, Before { interrupted, last_at: taken_up_at }) = Desk::open(opened, settings, shared.clone(), now).map_err(io)?;
        let head = desk.head();
        let (queue, jobs) = mpsc::channel();
        let thread = thread::Builder::new().name("audit-writer".to_owned()).spawn(move || desk.work(&jobs)).map_err(io)?;
        let readers = Semaphore::new(READERS);
        let trail = Self { folder: folder.to_owned(), shared, readers, taken_up_at, queue: Some(queue), thread: Some(thread) };
        Ok((trail, Opened { interrupted, head }))
    }

    /// Writes an intent. When this answers `Ok`, it is on disk.
    ///
    /// # Errors
    /// In words for the operator's log. Then nothing may begin.
    pub async fn intend(&self, id: EventId, at: Moment, deed: Deed) -> Result<(), String> {
        if self.shared.waiting.load(Ordering::Acquire) >= QUEUE {
            return Err("its queue is full".to_owned());
        }
        let (told, written) = oneshot::channel();
        self.send(Job::Write(Record { id, at, deed, ending: None }, Some(told)));
        written.await.unwrap_or_else(|_| Err("its writer has ended".to_owned()))
    }

    /// Writes the outcome of an intent, or of something that had none; on disk within a second or so. Waits for nothing. While the disk
    /// refuses, outcomes are held in memory, up to a number.
    pub fn conclude(&self, id: EventId, at: Moment, deed: Deed, ending: Ending, facts: Facts) {
        self.send(Job::Write(Record { id, at, deed, ending: Some((ending, facts)) }, None));
    }

    /// How many lines were given up since the start.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Acquire)
    }

    /// When the run before wrote its last line; none for a new trail.
    pub fn taken_up_at(&self) -> Option<Moment> {
        self.taken_up_at
    }

    /// How often lines were brought to disk since the start; many intents share one time.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }

    /// Looks for events; those that ended before this call are seen. Reads at most 8 MiB, on a thread that may block; two look at once,
    /// others wait.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn find(&self, query: Query) -> Result<Page, AuditFault> {
        let _turn = self.readers.acquire().await;
        let (done, flushed) = oneshot::channel();
        self.send(Job::Flush(done));
        let _ = flushed.await;
        let folder = self.folder.clone();
        let found = tokio::task::spawn_blocking(move || query.find(&folder)).await.unwrap_or_else(|why| Err(io::Error::other(why)));
        found.map_err(|why| AuditFault::io(&self.folder, &why))
    }

    fn send(&self, job: Job) {
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        let sent = self.queue.as_ref().is_some_and(|queue| queue.send(job).is_ok());
        if !sent {
            self.shared.lost.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the audit trail has panicked");
        }
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trail({})", self.folder.display())
    }
}

#[cfg(test)]
#[path = "trail_tests.rs"]
mod tests;
