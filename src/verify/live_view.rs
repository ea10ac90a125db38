//! A revocation view that one follower keeps current while any number of verifiers read it.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::id::{Origin, Sid, Stamp};
use crate::revocation::{Cause, Epochs, Judge, Retention, Revocation, View};
use crate::time::Moment;

/// Past this age of a view the deployment warns.
pub const SOFT_AGE: Duration = Duration::from_secs(2);
/// Past this age of a view the audience's policy acts.
pub const HARD_AGE: Duration = Duration::from_secs(30);

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

/// A [`View`] with its age. Share it in an `Arc`: reading takes a shared lock for some nanoseconds, writing is for one follower.
#[derive(Default, Debug)]
pub struct LiveView(RwLock<Inner>);

#[derive(Default, Debug)]
struct Inner {
    view: View,
    /// The last confirmed heartbeat: by the wall clock of who wrote it, and by our monotonic clock.
    confirmed: Option<(Moment, Duration)>,
    reading: Stamp,
}

impl LiveView {
    /// A view that knows nothing yet and says so: its age is unknown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one revocation, at once for every reader; `false` when it was known already.
    pub fn merge(&self, revocation: &Revocation) -> bool {
        self.write().view.merge(revocation)
    }

    /// Takes in many revocations under one lock; says how many were new.
    pub fn merge_all<'a>(&self, revocations: impl IntoIterator<Item = &'a Revocation>) -> usize {
        let mut inner = self.write();
        revocations.into_iter().filter(|revocation| inner.view.merge(revocation)).count()
    }

    /// Counts a heartbeat: everything that was in the log when it was written, at `at`, has been merged. `monotonic` is our own clock now.
    pub fn confirm(&self, at: Moment, monotonic: Duration, retention: Retention) {
        let mut inner = self.write();
        let step = inner.confirmed.map_or(Duration::ZERO, |(_, before)| monotonic.saturating_sub(before));
        inner.confirmed = Some((at, monotonic));
        inner.view.confirm(step, retention);
    }

    /// Takes note of a reading of the store; only the highest is kept.
    pub fn note_reading(&self, reading: Stamp) {
        let mut inner = self.write();
        inner.reading = inner.reading.max(reading);
    }

    /// The highest reading of the store that has been noted.
    pub fn reading(&self) -> Stamp {
        self.read().reading
    }

    /// How long ago the last heartbeat was confirmed, by the wall or the monotonic clock, whichever says more. `None`: never.
    pub fn age(&self, now: Moment, monotonic: Duration) -> Option<Duration> {
        self.read().confirmed.map(|(at, then)| now.since(at).max(monotonic.saturating_sub(then)))
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
        self.read().view.epochs(subject, client)
    }

    /// Whether anything that is known ends this session.
    pub fn void_session(&self, sid: Sid, subject: &str, client: &str) -> Option<Cause> {
        self.read().view.void_session(sid, subject, client)
    }

    /// Whether everything that this key signed is void.
    pub fn void_key(&self, kid: &str) -> bool {
        self.read().view.void_key(kid)
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.read().view.len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the whole view: for a snapshot or a digest, not for judging.
    pub fn copy(&self) -> View {
        self.read().view.clone()
    }

    // A panic elsewhere must not turn every later verification into a panic: the view is whole after each of its own steps.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Judge for LiveView {
    fn judge(&self, origin: &Origin<'_>) -> Option<Cause> {
        self.read().view.judge(origin)
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
        let view = LiveView::new();
        assert_eq!(view.age(NOW, seconds(1)), None);
        assert_eq!(view.freshness(NOW, seconds(1), SOFT_AGE, HARD_AGE), Freshness::Stale);
    }

    #[test]
    fn the_clock_that_says_more_counts() {
        let view = LiveView::new();
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
        let view = Arc::new(LiveView::new());
        let reader = Arc::clone(&view);
        assert_eq!(reader.judge(&origin(7)), None);
        assert!(view.merge(&Revocation::Token(origin(7).jti)));
        assert_eq!(reader.judge(&origin(7)), Some(Cause::Token));
        let again = [Revocation::Token(origin(7).jti), Revocation::Token(origin(8).jti)];
        assert_eq!((view.merge_all(&again), reader.len()), (1, 2));
    }

    #[test]
    fn heartbeats_age_entries_and_a_silent_hour_does_not() {
        let view = LiveView::new();
        view.merge(&Revocation::Token(origin(7).jti));
        view.confirm(NOW, seconds(0), KEEP);
        view.confirm(NOW.plus(seconds(3_600)), seconds(3_600), KEEP);
        assert_eq!(view.len(), 1);
        (1..=5).for_each(|beat| view.confirm(NOW, seconds(3_600 + 2 * beat), KEEP));
        assert!(view.is_empty());
    }

    #[test]
    fn a_reading_never_goes_back() {
        let view = LiveView::new();
        view.note_reading(Stamp::from_millis(9));
        view.note_reading(Stamp::from_millis(4));
        assert_eq!(view.reading(), Stamp::from_millis(9));
    }
}
