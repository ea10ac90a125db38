//! The one writer: operations wait in a bounded queue, are committed together, and are answered after the fsync.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use redb::{Database, Durability};
use tokio::sync::{mpsc, oneshot};

use super::super::{Settings, StoreFault};
use super::tables::{Broken, STATE_ROW, State, Tables, encode};
use crate::ambient::Clock;
use crate::time::Moment;

/// How many operations may wait: more are answered `Busy` at once.
const QUEUE: usize = 4096;
/// How many operations share one commit.
const BATCH: usize = 512;
/// How far the reading on disk may lie behind the one in memory, in milliseconds.
const READING_BEHIND: u64 = 500;

/// An operation in a write transaction. `Err` is a fault of the storage: it takes the whole batch with it.
type Job = Box<dyn FnOnce(&mut Step<'_>) -> Result<Answer, Broken> + Send>;
/// Tells the caller; called after the commit.
type Answer = Box<dyn FnOnce() + Send>;

/// What an operation works with: the tables, what the store remembers, and the time.
pub(super) struct Step<'t> {
    pub(super) tables: Tables<'t>,
    pub(super) state: &'t mut State,
    pub(super) settings: &'t Settings,
    /// Raw store time of this operation.
    pub(super) now: Moment,
}

/// The callers' end of the queue. Dropping it waits until everything in it is answered.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    fault: Arc<OnceLock<String>>,
}

impl Writer {
    pub(super) fn start(db: Arc<Database>, clock: Arc<dyn Clock>, settings: Settings, state: State) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let fault = Arc::new(OnceLock::new());
        let desk = Desk { db, clock, settings, saved: state.clone(), state, fault: Arc::clone(&fault) };
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || desk.work(waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), fault })
    }

    /// Runs one operation and answers once it is durable. It runs even if the caller stops waiting.
    pub(super) async fn run<T, F>(&self, operation: F) -> Result<T, StoreFault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Step<'_>) -> Result<T, Broken> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |step| {
            let outcome = operation(step)?;
            Ok(Box::new(move || drop(answer.send(outcome))))
        });
        let queue = self.queue.as_ref().ok_or_else(|| self.down())?;
        queue.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreFault::Busy,
            mpsc::error::TrySendError::Closed(_) => self.down(),
        })?;
        answered.await.map_err(|_| self.down())
    }

    /// Fails once the writer has ended: what the disk holds may not be what was answered.
    pub(super) fn check(&self) -> Result<(), StoreFault> {
        if self.fault.get().is_some() { Err(self.down()) } else { Ok(()) }
    }

    fn down(&self) -> StoreFault {
        StoreFault::Down(self.fault.get().cloned().unwrap_or_else(|| "its writer has ended".to_owned()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer has panicked");
        }
    }
}

/// The writer's own side.
struct Desk {
    db: Arc<Database>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    state: State,
    /// The state as the disk has it.
    saved: State,
    fault: Arc<OnceLock<String>>,
}

impl Desk {
    fn work(mut self, mut waiting: mpsc::Receiver<Job>) {
        while let Some(first) = waiting.blocking_recv() {
            let more = std::iter::from_fn(|| waiting.try_recv().ok()).take(BATCH - 1);
            let mut jobs = std::iter::once(first).chain(more).collect::<Vec<_>>().into_iter();
            let mut answers = Vec::with_capacity(jobs.len());
            if let Err(broken) = self.commit(&mut jobs, &mut answers) {
                return self.end(broken);
            }
            answers.into_iter().for_each(|answer| answer());
        }
        if self.state != self.saved
            && let Err(broken) = self.commit(&mut Vec::new().into_iter(), &mut Vec::new())
        {
            self.end(broken);
        }
    }

    /// One transaction, one fsync. After an error nothing is known of the disk, so there is no second try.
    fn commit(&mut self, jobs: &mut std::vec::IntoIter<Job>, answers: &mut Vec<Answer>) -> Result<(), Broken> {
        let closing = jobs.len() == 0;
        let mut txn = self.db.begin_write()?;
        txn.set_durability(Durability::Immediate)?;
        {
            let mut step = Step { tables: Tables::open(&txn)?, state: &mut self.state, settings: &self.settings, now: self.clock.wall() };
            for job in jobs {
                step.now = self.clock.wall();
                answers.push(job(&mut step)?);
            }
            if closing || is_due(step.state, &self.saved) {
                step.tables.meta.insert(STATE_ROW, encode(step.state)?.as_slice())?;
                self.saved.clone_from(step.state);
            }
        }
        txn.commit()?;
        Ok(())
    }

    fn end(self, Broken(why): Broken) {
        tracing::error!(%why, "the store's writer ends: nothing is written any more until a restart");
        if self.fault.set(why).is_err() {
            tracing::error!("the store's writer had ended before");
        }
    }
}

/// Whether the state must be written: at once, but for a reading that is not far behind.
fn is_due(state: &State, saved: &State) -> bool {
    let behind = state.reading.millis().saturating_sub(saved.reading.millis());
    behind >= READING_BEHIND || *state != State { reading: state.reading, ..saved.clone() }
}
