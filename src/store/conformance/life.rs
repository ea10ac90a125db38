//! A session's life has no gap: `active → ended → forgotten`, while requests, timeouts and sweeps race under load.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::task::JoinHandle;

use super::*;
use crate::policy::Ended;

const MILLI: Duration = Duration::from_millis(1);
/// How much the tasks under load do between two steps of the clock.
const EACH_STEP: u64 = 40;

/// What has been seen of one session under load.
struct Watched {
    session: Session,
    generation: AtomicU32,
    /// In milliseconds: when it was known to live.
    lived: AtomicU64,
    has_ended: AtomicBool,
    end: Mutex<Option<Ended>>,
}

#[derive(Default)]
struct Tally {
    refreshed: AtomicU64,
    gone: AtomicU64,
    forgotten: AtomicU64,
    read: AtomicU64,
    ended: AtomicU64,
    /// What the tasks have done, of any kind.
    done: AtomicU64,
}

pub(super) async fn under_load_no_end_is_taken_back_and_nothing_is_forgotten_early<S: Store>(on: Bench<S>) {
    let on = Arc::new(on);
    let tally = Arc::new(Tally::default());
    let done = Arc::new(AtomicBool::new(false));
    on.beat().await;
    let mut tasks = Vec::new();
    for n in 0..40 {
        let idle = if n % 2 == 0 { 6 * SECOND } else { LIFETIME };
        let opening = Session { subject: format!("user {n}"), idle, ..session() };
        let open = Open { lifetime: Duration::from_secs(20 + n % 8), ..on.opening(opening) };
        let session = on.opened(open).await.0;
        let lived = AtomicU64::new(on.clock.wall().millis());
        let watched = Watched { session, generation: AtomicU32::new(0), lived, has_ended: AtomicBool::new(false), end: Mutex::new(None) };
        let watched = Arc::new(watched);
        for kind in 0..4 {
            let (on, tally, done, watched) = (on.clone(), tally.clone(), done.clone(), watched.clone());
            tasks.push(tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    match kind {
                        0 => watched.refresh(&on, &tally, true).await,
                        1 => watched.refresh(&on, &tally, false).await,
                        2 => watched.read(&on, &tally).await,
                        _ => watched.end(&on, &tally, n).await,
                    }
                    tally.done.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(MILLI).await;
                }
            }));
        }
    }
    let swept = pass_time(&on, &tally, &tasks).await;
    done.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.expect("nothing was taken back or forgotten early");
    }
    let counted = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    let Tally { refreshed, gone, forgotten, read, ended, done: _ } = &*tally;
    println!(
        "life under load: {} refreshed, {} gone with a reason, {} forgotten after the grace, {} read, {} ended by a request, {swept} swept; \
         0 refreshed after an end was answered, 0 gone without a reason in the grace, 0 forgotten early",
        counted(refreshed),
        counted(gone),
        counted(forgotten),
        counted(read),
        counted(ended),
    );
    assert!(counted(refreshed) > 40 && counted(gone) > 40 && counted(forgotten) > 40 && swept == 40);
}

/// The clock passes every end and every grace, in small steps, with heartbeats and sweeps between. It waits for the tasks, so that on
/// a slow machine as much is asked in that time as on a fast one.
async fn pass_time<S: Store>(on: &Bench<S>, tally: &Tally, tasks: &[JoinHandle<()>]) -> u32 {
    let mut swept = 0;
    for step in 0..700 {
        on.clock.advance(Duration::from_millis(250));
        on.beat().await;
        if step % 3 == 0 {
            swept += on.store.sweep(20).await.expect("the store works").sessions;
        }
        let enough = tally.done.load(Ordering::SeqCst) + EACH_STEP;
        while tally.done.load(Ordering::SeqCst) < enough && !tasks.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(MILLI).await;
        }
    }
    swept
}

impl Watched {
    async fn refresh<S: Store>(&self, on: &Bench<S>, tally: &Tally, rotates: bool) {
        let (had_ended, at) = (self.has_ended.load(Ordering::SeqCst), on.clock.wall());
        let generation = self.generation.load(Ordering::SeqCst);
        let request = Request { rotates, generation, ..presented(&self.session) };
        match on.refresh(request).await {
            Refreshed::Granted { session, .. } => {
                assert!(!had_ended, "an end that was answered has been taken back");
                self.lived.fetch_max(at.millis(), Ordering::SeqCst);
                self.generation.fetch_max(session.generation, Ordering::SeqCst);
                tally.refreshed.fetch_add(1, Ordering::SeqCst);
            }
            Refreshed::Gone(None) => self.must_be_forgotten(on, tally),
            Refreshed::Gone(Some(_)) => {
                self.has_ended.store(true, Ordering::SeqCst);
                tally.gone.fetch_add(1, Ordering::SeqCst);
            }
            // The other task has rotated twice meanwhile.
            Refreshed::Reused { .. } => self.has_ended.store(true, Ordering::SeqCst),
            other => panic!("{other:?}"),
        }
    }

    async fn read<S: Store>(&self, on: &Bench<S>, tally: &Tally) {
        tally.read.fetch_add(1, Ordering::SeqCst);
        let had_ended = self.has_ended.load(Ordering::SeqCst);
        match on.store.session(self.session.sid).await.expect("the store works") {
            None => self.must_be_forgotten(on, tally),
            Some(Session { ended: None, .. }) => assert!(!had_ended, "an end that was answered has been taken back"),
            Some(Session { ended: Some(ended), .. }) => {
                self.has_ended.store(true, Ordering::SeqCst);
                let mut end = self.end.lock().expect("no panic");
                assert_eq!(*end.get_or_insert_with(|| ended.clone()), ended, "why it ended does not change");
            }
        }
    }

    /// Every fifth session is ended by a request, each at its own time; the others are only patched.
    async fn end<S: Store>(&self, on: &Bench<S>, tally: &Tally, n: u64) {
        let age = on.clock.wall().since(self.session.opened_at);
        if n.is_multiple_of(5) && age > Duration::from_secs(n / 2) {
            on.revoke(Revocable::Session(self.session.sid)).await;
            self.has_ended.store(true, Ordering::SeqCst);
            tally.ended.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let had_ended = self.has_ended.load(Ordering::SeqCst);
        match on.store.patch(self.session.sid, no_change(), Known::default()).await.expect("the store works") {
            Patched::Done(_) => assert!(!had_ended, "an end that was answered has been taken back"),
            Patched::Gone(None) => self.must_be_forgotten(on, tally),
            Patched::Gone(Some(_)) => self.has_ended.store(true, Ordering::SeqCst),
            Patched::TooLarge | Patched::Wider => panic!("it is small"),
        }
    }

    fn must_be_forgotten<S>(&self, on: &Bench<S>, tally: &Tally) {
        let lived = Moment::from_millis(self.lived.load(Ordering::SeqCst));
        let ended = self.end.lock().expect("no panic").as_ref().map_or(lived, |ended| ended.at);
        assert!(on.clock.wall().since(ended) > settings().grace, "forgotten early: {ended:?}");
        tally.forgotten.fetch_add(1, Ordering::SeqCst);
    }
}

/// The first token of a session, of a client that retries without limit: `Rotated` once, then `Retried`.
pub(super) fn presented(opened: &Session) -> Request {
    Request { authenticated: true, rotation_pause: Duration::ZERO, ..token(opened, 0) }
}

pub(super) fn no_change() -> Patch {
    Patch { claims: Some("{}".to_owned()), scope: None }
}
