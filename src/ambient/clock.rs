//! Wall and monotonic time.
#![expect(clippy::disallowed_methods, reason = "this file is the one that reads the clock")]

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use crate::time::{Moment, whole_millis};

/// A clock with two faces.
pub trait Clock: Send + Sync + 'static {
    /// The raw wall clock. It may jump, in either direction.
    fn wall(&self) -> Moment;

    /// Time since some point in the past; it never goes back.
    fn monotonic(&self) -> Duration;

    /// The wall clock held steady by the monotonic one: a jump is followed only when it has lasted ten calls of [`Clock::settle`].
    fn now(&self) -> Moment;

    /// Compares the two faces; called once a second.
    fn settle(&self);

    /// Whether it goes on by itself. Whoever moves one that does not runs the jobs whose time comes.
    fn goes_on(&self) -> bool;
}

/// How far the faces may drift apart in one second before it counts as a jump.
const DRIFT: Duration = Duration::from_millis(500);
/// How many seconds a jump must last to be believed.
const BELIEVED_AFTER: u32 = 10;

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
    steady: Mutex<Steady>,
}

/// Where the wall clock stood when the monotonic one stood at zero, as believed now, and for how long something else was seen.
#[derive(Debug)]
struct Steady {
    base: Moment,
    doubts: u32,
}

impl SystemClock {
    /// Reads both clocks once and begins.
    pub fn new() -> Self {
        Self { began: Instant::now(), steady: Mutex::new(Steady { base: system_wall(), doubts: 0 }) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Moment {
        system_wall()
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    fn now(&self) -> Moment {
        self.steady.lock().unwrap_or_else(PoisonError::into_inner).base.plus(self.monotonic())
    }

    fn settle(&self) {
        let seen = self.wall().minus(self.monotonic());
        self.steady.lock().unwrap_or_else(PoisonError::into_inner).settle(seen);
    }

    fn goes_on(&self) -> bool {
        true
    }
}

impl Steady {
    fn settle(&mut self, seen: Moment) {
        let apart = seen.since(self.base).max(self.base.since(seen));
        self.doubts = if apart <= DRIFT { BELIEVED_AFTER } else { self.doubts + 1 };
        if self.doubts >= BELIEVED_AFTER {
            self.base = seen;
            self.doubts = 0;
        }
    }
}

fn system_wall() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment::from_millis(whole_millis(since))
}

/// A clock that stands still until it is moved: drills and tests hold time in their hands.
#[derive(Debug)]
pub struct ManualClock(Mutex<(Moment, Duration)>);

impl ManualClock {
    /// A clock that stands at `wall`.
    pub fn at(wall: Moment) -> Self {
        Self(Mutex::new((wall, Duration::ZERO)))
    }

    /// Both faces go on together.
    pub fn advance(&self, by: Duration) {
        let mut faces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *faces = (faces.0.plus(by), faces.1 + by);
    }

    /// The wall clock alone jumps, forward or back.
    pub fn jump_to(&self, wall: Moment) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = wall;
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Moment {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn now(&self) -> Moment {
        self.wall()
    }

    fn settle(&self) {}

    fn goes_on(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_believed_only_when_it_lasts() {
        let base = Moment::from_seconds(1_000);
        let mut steady = Steady { base, doubts: 0 };
        let jumped = base.plus(Duration::from_secs(3_600));
        (0..9).for_each(|_| steady.settle(jumped));
        assert_eq!(steady.base, base, "nine seconds are not enough");
        steady.settle(base);
        (0..9).for_each(|_| steady.settle(jumped));
        assert_eq!(steady.base, base, "doubts end when the clock comes back");
        steady.settle(jumped);
        assert_eq!(steady.base, jumped);
    }

    #[test]
    fn small_drift_is_followed_at_once() {
        let mut steady = Steady { base: Moment::from_seconds(1_000), doubts: 0 };
        steady.settle(Moment::from_millis(1_000_400));
        assert_eq!(steady.base, Moment::from_millis(1_000_400));
    }
}
