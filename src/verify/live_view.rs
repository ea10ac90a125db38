//! A revocation view that one follower keeps current while any number of verifiers read it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::id::{Origin, Sid, Stamp};
use crate::revocation::{Cause, Epochs, Judge, Retention, Revocation, View};
use crate::time::{Moment, whole_millis};

/// Past this age of a view the deployment warns.
pub const SOFT_AGE: Duration = Duration::from_secs(2);
/// Past this age of a view the audience's policy acts.
pub const HARD_AGE: Duration = Duration::from_secs(30);

/// What no clock says.
const NEVER: u64 = u64::MAX;

/// How much a view can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Freshness {
    /// Young enough.
    Fresh,
    /// Older than the soft age: worth a warning.
    Soft,
    /// Older than the hard age, or never confirmed.
    Stale,
}

/// A [`View`] with its age. Share it in an `Arc`: any number of threads may ask and write at once, and who asks waits for nobody.
#[derive(Debug)]
pub struct LiveView {
    view: View,
    /// The last confirmed heartbeat by the wall clock of who wrote it, and by our monotonic clock, in milliseconds; [`NEVER`] before the first.
    /// Who reads the one before and the other after they change takes the view for older than it is.
    confirmed: [AtomicU64; 2],
    /// The highest reading of the store, in milliseconds.
    reading: AtomicU64,
}

impl LiveView {
    /// A view that knows nothing yet and says so: its age is unknown. The key is of random bytes that nobody else knows (see [`View::new`]).
    pub fn new(hash_key: &[u8; 32]) -> Self {
        Self { view: View::new(hash_key), confirmed: [NEVER; 2].map(AtomicU64::new), reading: AtomicU64::new(0) }
    }

    /// Takes in one revocation, at once for every reader; `false` when it was known already.
    pub fn merge(&self, revocation: &Revocation) -> bool {
        self.view.merge(revocation)
    }

    /// Takes in many revocations; says how many were new.
    pub fn merge_all<'a>(&self, revocations: impl IntoIterator<Item = &'a Revocation>) -> usize {
        revocations.into_iter().filter(|revocation| self.view.merge(revocation)).count()
    }

    /// Counts a heartbeat: everything that was in the log when it was written, at `at`, has been merged. `monotonic` is our own clock now.
    pub fn confirm(&self, at: Moment, monotonic: Duration, retention: Retention) {
        let [wall, steady] = &self.confirmed;
        let before = steady.swap(whole_millis(monotonic), Ordering::AcqRel);
        wall.store(at.millis(), Ordering::Release);
        let step = if before == NEVER { Duration::ZERO } else { Duration::from_millis(whole_millis(monotonic).saturating_sub(before)) };
        self.view.confirm(step, retention);
    }

    /// Takes note of a reading of the store; only the highest is kept.
    pub fn note_reading(&self, reading: Stamp) {
        self.reading.fetch_max(reading.millis(), Ordering::AcqRel);
    }

    /// The highest reading of the store that has been noted.
    pub fn reading(&self) -> Stamp {
        Stamp::from_millis(self.reading.load(Ordering::Acquire))
    }

    /// How long ago the last heartbeat was confirmed, by the wall or the monotonic clock, whichever says more. `None`: never.
    pub fn age(&self, now: Moment, monotonic: Duration) -> Option<Duration> {
        let [wall, steady] = self.confirmed.each_ref().map(|clock| clock.load(Ordering::Acquire));
        let since = || now.since(Moment::from_millis(wall)).max(monotonic.saturating_sub(Duration::from_millis(steady)));
        (wall != NEVER && steady != NEVER).then(since)
    }

    /// Whether the view can be relied on, given both clocks and the two bounds. One that was never confirmed is stale.
    pub fn freshness(&self, now: Moment, monotonic: Duration, soft_age: Duration, hard_age: Duration) -> Freshness {
        match self.age(now, monotonic) {
            Some(age) if age <= soft_age => Freshness::Fresh,
            Some(age) if age <= hard_age => Freshness::Soft,
            _ => Freshness::Stale,
        }
    }

    /// Every epoch that concerns this subject at this client.
    pub fn epochs(&self, subject: &str, client: &str) -> Epochs {
        self.view.epochs(subject, client)
    }

    /// Whether anything that is known ends this session.
    pub fn void_session(&self, sid: Sid, subject: &str, client: &str) -> Option<Cause> {
        self.view.void_session(sid, subject, client)
    }

    /// Whether everything that this key signed is void.
    pub fn void_key(&self, kid: &str) -> bool {
        self.view.void_key(kid)
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// Lists everything in it while it goes on: see [`View::entries`].
    pub fn entries(&self) -> impl Iterator<Item = Revocation> {
        self.view.entries()
    }
}

impl Judge for LiveView {
    fn judge(&self, origin: &Origin<'_>) -> Option<Cause> {
        self.view.judge(origin)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::Jti;

    const KEEP: Retention = Retention { keep: Duration::from_secs(10) };
    const NOW: Moment = Moment::from_seconds(1_800_000_000);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn origin(millis: u64) -> Origin<'static> {
        Origin { jti: Jti::new(Stamp::from_millis(millis), &[1; 10]), sid: None, subject: "alice", client: "app", kid: "k" }
    }

    #[test]
    fn a_view_that_was_never_confirmed_is_stale() {
        let view = LiveView::new(&[7; 32]);
        assert_eq!(view.age(NOW, seconds(1)), None);
        assert_eq!(view.freshness(NOW, seconds(1), SOFT_AGE, HARD_AGE), Freshness::Stale);
    }

    #[test]
    fn the_clock_that_says_more_counts() {
        let view = LiveView::new(&[7; 32]);
        view.confirm(NOW, seconds(100), KEEP);
        assert_eq!(view.age(NOW.plus(seconds(3)), seconds(101)), Some(seconds(3)));
        assert_eq!(view.age(NOW.minus(seconds(3_600)), seconds(131)), Some(seconds(31)), "a wall clock that jumps back hides nothing");
        assert_eq!(view.age(NOW, seconds(5)), Some(Duration::ZERO));
        let at = |age| view.freshness(NOW, seconds(100) + age, SOFT_AGE, HARD_AGE);
        assert_eq!(at(SOFT_AGE), Freshness::Fresh);
        assert_eq!(at(SOFT_AGE + Duration::from_millis(1)), Freshness::Soft);
        assert_eq!(at(HARD_AGE), Freshness::Soft);
        assert_eq!(at(HARD_AGE + Duration::from_millis(1)), Freshness::Stale);
    }

    #[test]
    fn what_is_merged_is_refused_at_once_through_every_handle() {
        let view = Arc::new(LiveView::new(&[7; 32]));
        let reader = Arc::clone(&view);
        assert_eq!(reader.judge(&origin(7)), None);
        assert!(view.merge(&Revocation::Token(origin(7).jti)));
        assert_eq!(reader.judge(&origin(7)), Some(Cause::Token));
        let again = [Revocation::Token(origin(7).jti), Revocation::Token(origin(8).jti)];
        assert_eq!((view.merge_all(&again), reader.len()), (1, 2));
    }

    #[test]
    fn heartbeats_age_entries_and_a_silent_hour_does_not() {
        let view = LiveView::new(&[7; 32]);
        view.merge(&Revocation::Token(origin(7).jti));
        view.confirm(NOW, seconds(0), KEEP);
        view.confirm(NOW.plus(seconds(3_600)), seconds(3_600), KEEP);
        assert_eq!(view.len(), 1);
        (1..=5).for_each(|beat| view.confirm(NOW, seconds(3_600 + 2 * beat), KEEP));
        assert!(view.is_empty());
    }

    #[test]
    fn a_reading_never_goes_back() {
        let view = LiveView::new(&[7; 32]);
        view.note_reading(Stamp::from_millis(9));
        view.note_reading(Stamp::from_millis(4));
        assert_eq!(view.reading(), Stamp::from_millis(9));
    }
}
