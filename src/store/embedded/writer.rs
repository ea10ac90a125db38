//! The one writer: operations wait in a bounded queue, are committed together, and are answered after the fsync.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use redb::{Database, Durability, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::super::{Settings, StoreFault};
use super::tables::{Broken, STATE_ROW, State, Tables, encode};
use super::{DAMAGED, unless_it_panics};
use crate::ambient::Clock;
use crate::time::Moment;

/// How many operations may wait: more are answered `Busy` at once.
const QUEUE: usize = 4096;
/// How many operations share one commit.
const BATCH: usize = 512;
/// How far the reading on disk may lie behind the one in memory, in milliseconds.
const READING_BEHIND: u64 = 500;
const IDLE: u64 = u64::MAX;

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
    judging: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(db: Arc<Database>, clock: Arc<dyn Clock>, settings: Settings, state: State) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let fault = Arc::new(OnceLock::new());
        let judging = Arc::new(AtomicU64::new(IDLE));
        let (saved, told) = (state.clone(), (Arc::clone(&fault), Arc::clone(&judging)));
        let desk = Desk { db, clock, settings, saved, state, fault: told.0, judging: told.1 };
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || desk.work(waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), fault, judging })
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
        self.check()?;
        let queue = self.queue.as_ref().ok_or_else(|| self.down())?;
        queue.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreFault::Busy,
            mpsc::error::TrySendError::Closed(_) => self.down(),
        })?;
        match answered.await {
            Ok(outcome) => Ok(outcome),
            Err(_) => {
                // The operation was dropped because the writer ends: the cause is told before the queue closes.
                queue.closed().await;
                Err(self.down())
            }
        }
    }

    /// A reader met a disk that fails: nothing that is answered from now on could be relied on.
    pub(super) fn give_up(&self, broken: Broken) -> StoreFault {
        end(&self.fault, broken);
        self.down()
    }

    /// Fails once the store is down: what the disk holds may not be what was answered.
    pub(super) fn check(&self) -> Result<(), StoreFault> {
        if self.fault.get().is_some() { Err(self.down()) } else { Ok(()) }
    }

    /// The moment that a reader judges by, asked for before it takes its snapshot: everything that was decided before it is in there.
    /// While a commit is under way that is the moment at which it began, for what it has decided is not to be read yet.
    pub(super) fn decided_until(&self, clock: &dyn Clock) -> Moment {
        let now = clock.wall();
        now.min(Moment::from_millis(self.judging.load(Ordering::SeqCst)))
    }

    fn down(&self) -> StoreFault {
        StoreFault::Down(self.fault.get().cloned().unwrap_or_else(|| "its writer has ended: restart mintage".to_owned()))
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
    /// When the commit that is under way began to judge, in milliseconds; [`IDLE`] when there is none.
    judging: Arc<AtomicU64>,
}

impl Desk {
    fn work(mut self, mut waiting: mpsc::Receiver<Job>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut jobs = with_company(first, &mut waiting).into_iter();
            let mut answers = Vec::with_capacity(jobs.len());
            let done = unless_it_panics(|| self.commit(&mut jobs, &mut answers));
            if let Err(broken) = done.unwrap_or_else(|| Err(Broken::Damaged(DAMAGED.to_owned()))) {
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
        self.judging.store(self.clock.wall().millis(), Ordering::SeqCst);
        let txn = begin(&self.db)?;
        {
            let mut step = Step { tables: Tables::of(&txn), state: &mut self.state, settings: &self.settings, now: self.clock.wall() };
            for job in jobs {
                step.now = self.clock.wall();
                answers.push(job(&mut step)?);
            }
            if closing || is_due(step.state, &self.saved) {
                step.tables.meta.open()?.insert(STATE_ROW, encode(step.state)?.as_slice())?;
                self.saved.clone_from(step.state);
            }
        }
        txn.commit()?;
        self.judging.store(IDLE, Ordering::SeqCst);
        Ok(())
    }

    fn end(self, broken: Broken) {
        end(&self.fault, broken);
    }
}

/// Who shares a commit with `first`: it costs nearly the same for one as for many. Whoever is ready to run on this core may still come along, as
/// long as anybody does.
fn with_company(first: Job, waiting: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut jobs = vec![first];
    loop {
        thread::yield_now();
        let before = jobs.len();
        jobs.extend(std::iter::from_fn(|| waiting.try_recv().ok()).take(BATCH - before));
        if jobs.len() == before || jobs.len() == BATCH {
            return jobs;
        }
    }
}

/// A transaction that is synced twice, before and after it becomes the current one: where a commit that was acknowledged cannot be read
/// after a crash, opening says so, while one sync would let it fall back to the commit before without a word.
pub(super) fn begin(db: &Database) -> Result<WriteTransaction, Broken> {
    let mut txn = db.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_two_phase_commit(true);
    Ok(txn)
}

/// The store is down from now on; what is told first is the cause.
fn end(fault: &OnceLock<String>, broken: Broken) {
    let why = broken.remedy();
    if fault.set(why.clone()).is_ok() {
        tracing::error!(%why, "the store is down: nothing is read or written any more until a restart, and every call is answered 503");
    }
}

/// Whether the state must be written: at once, but for a reading that is not far behind.
fn is_due(state: &State, saved: &State) -> bool {
    let behind = state.reading.millis().saturating_sub(saved.reading.millis());
    behind >= READING_BEHIND || *state != State { reading: state.reading, ..saved.clone() }
}
