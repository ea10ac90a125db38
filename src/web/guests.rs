//! Who is inside, and who has to leave when it is full: whoever has been waited for the longest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A house with so many places.
///
/// A guest is *served* from the last byte of a request until its answer is there, and *waited for* at all other times: it has said
/// nothing yet, is in the middle of a head or a body, or rests between requests. Nobody who is served is ever sent away for another.
pub(super) struct Guests {
    places: usize,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    taken: usize,
    next: u64,
    /// By the number that each drew when the waiting began: the first has been waited for the longest.
    waited_for: BTreeMap<u64, CancellationToken>,
}

/// One connection.
pub(super) struct Guest {
    house: Arc<Guests>,
    leave: CancellationToken,
    state: Mutex<State>,
    /// Requests that have come, and requests that have gone.
    turns: AtomicU64,
    requests: AtomicUsize,
    first: Notify,
}

struct State {
    served: usize,
    /// Its number among those waited for.
    number: Option<u64>,
}

/// One request, from its head until nothing works on it any more.
pub(super) struct Turn {
    guest: Arc<Guest>,
    is_served: Mutex<bool>,
}

impl Guests {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, inside: Mutex::default() })
    }

    /// Lets one more in, and says whether another had to leave for it. `None`: every place is taken by one who is served.
    pub(super) fn admit(self: &Arc<Self>) -> Option<(Arc<Guest>, bool)> {
        let mut inside = self.lock();
        let is_full = inside.taken >= self.places;
        if is_full && !inside.send_away() {
            return None;
        }
        inside.taken += 1;
        let leave = CancellationToken::new();
        let number = inside.wait(leave.clone());
        drop(inside);
        let state = Mutex::new(State { served: 0, number: Some(number) });
        let (turns, requests) = (AtomicU64::new(0), AtomicUsize::new(0));
        Some((Arc::new(Guest { house: self.clone(), leave, state, turns, requests, first: Notify::new() }), is_full))
    }

    /// Makes room where the system has run out of something. `false`: there is nobody to send away.
    pub(super) fn make_room(&self) -> bool {
        self.lock().send_away()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn wait(&mut self, leave: CancellationToken) -> u64 {
        self.next += 1;
        self.waited_for.insert(self.next, leave);
        self.next
    }

    /// Its place counts as free at once.
    fn send_away(&mut self) -> bool {
        let Some((_, leave)) = self.waited_for.pop_first() else { return false };
        self.taken -= 1;
        leave.cancel();
        true
    }
}

impl Guest {
    /// Ends when it has to leave, at once.
    pub(super) async fn is_told_to_leave(&self) {
        self.leave.cancelled().await;
    }

    /// Ends when for `limit`, or up to twice that, no request has come, gone, or been at work. What else moves on the connection does
    /// not count: HTTP/2 has frames that cost nothing and say nothing.
    pub(super) async fn rests_for(&self, limit: Duration) {
        loop {
            let before = self.turns.load(Ordering::Acquire);
            sleep(limit).await;
            if self.turns.load(Ordering::Acquire) == before && self.requests.load(Ordering::Acquire) == 0 {
                return;
            }
        }
    }

    /// Ends when the first request has come.
    pub(super) async fn comes_first(&self) {
        if self.turns.load(Ordering::Acquire) == 0 {
            self.first.notified().await;
        }
    }

    /// A request has come. `None` where there are `most` of it already: a client may cancel what goes on here, but not have it for
    /// nothing (CVE-2023-44487). It is then told to leave.
    pub(super) fn turn(self: &Arc<Self>, most: usize) -> Option<Arc<Turn>> {
        if self.turns.fetch_add(1, Ordering::AcqRel) == 0 {
            self.first.notify_one();
        }
        let before = self.requests.fetch_add(1, Ordering::AcqRel);
        let turn = Turn { guest: self.clone(), is_served: Mutex::new(false) };
        if before < most {
            return Some(Arc::new(turn));
        }
        self.leave.cancel();
        None
    }

    fn begin(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.served += 1;
        if let Some(number) = state.number
            && self.house.lock().waited_for.remove(&number).is_some()
        {
            state.number = None;
        }
    }

    fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.served -= 1;
        if state.served == 0 && state.number.is_none() {
            state.number = Some(self.house.lock().wait(self.leave.clone()));
        }
    }
}

impl Turn {
    /// The whole request is there: from now on it is served.
    pub(super) fn is_whole(&self) {
        let mut is_served = self.is_served.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *is_served, true) {
            self.guest.begin();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if *self.is_served.lock().unwrap_or_else(PoisonError::into_inner) {
            self.guest.end();
        }
        self.guest.requests.fetch_sub(1, Ordering::AcqRel);
        self.guest.turns.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Guest {
    /// Gives its place back, unless that was done when it was sent away.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut inside = self.house.lock();
        let has_place = state.number.is_none_or(|number| inside.waited_for.remove(&number).is_some());
        if has_place {
            inside.taken -= 1;
        }
    }
}

#[cfg(test)]
#[path = "guests_tests.rs"]
mod tests;
