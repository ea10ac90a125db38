//! Who is inside, and who has to leave when it is full: whoever has been waited for the longest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::address::Network;

/// A house with so many places, and so many for one network.
///
/// A guest is *served* from the last byte of a request until its answer is there, and *waited for* at all other times: it has said
/// nothing yet, is in the middle of a head or a body, or rests between requests. Nobody who is served is ever sent away for another.
pub(super) struct Guests {
    places: usize,
    each: usize,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    taken: usize,
    /// Requests beyond the first of each guest: one HTTP/2 connection can hold as much as a hundred others.
    extra: usize,
    next: u64,
    /// By the number that each drew when the waiting began: the first has been waited for the longest.
    waited_for: BTreeMap<u64, Arc<Badge>>,
    networks: HashMap<Network, Crowd>,
}

/// Guests of one network.
#[derive(Default)]
struct Crowd {
    taken: usize,
    waited_for: BTreeSet<u64>,
}

/// What the house knows a guest by.
struct Badge {
    /// Where it comes from, if that counts.
    from: Option<Network>,
    leave: CancellationToken,
    /// How many of the house's extra requests are its own. Changed only where the house is locked.
    extra: AtomicUsize,
}

/// One connection.
pub(super) struct Guest {
    house: Arc<Guests>,
    badge: Arc<Badge>,
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
    is_extra: bool,
    is_served: Mutex<bool>,
}

impl Guests {
    /// `each`: how many places one network may take.
    pub(super) fn new(places: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { places, each, inside: Mutex::default() })
    }

    /// Lets one more in; whoever has been waited for the longest, of its network or of all, has to leave where there is no place.
    /// `None`: each of those places is taken by one who is served.
    pub(super) fn admit(self: &Arc<Self>, from: Option<Network>) -> Option<Arc<Guest>> {
        let mut inside = self.lock();
        let is_crowd = from.and_then(|network| inside.networks.get(&network)).is_some_and(|crowd| crowd.taken >= self.each);
        let has_place = match from.filter(|_| is_crowd) {
            Some(network) => inside.send_away_of(network),
            None => inside.taken < self.places || inside.send_away(),
        };
        if !has_place {
            return None;
        }
        let badge = Arc::new(Badge { from, leave: CancellationToken::new(), extra: AtomicUsize::new(0) });
        inside.take_place(from);
        let number = inside.wait(&badge);
        drop(inside);
        let state = Mutex::new(State { served: 0, number: Some(number) });
        let (turns, requests) = (AtomicU64::new(0), AtomicUsize::new(0));
        Some(Arc::new(Guest { house: self.clone(), badge, state, turns, requests, first: Notify::new() }))
    }

    /// Makes room where the system has run out of something. `false`: there is nobody to send away.
    pub(super) fn make_room(&self) -> bool {
        self.lock().send_away()
    }

    /// One more request for one who has one already. There are as many of those as places; beyond, whoever is waited for and has the
    /// most of them has to leave. `false`: nobody is.
    fn take_extra(&self, badge: &Badge) -> bool {
        let mut inside = self.lock();
        if inside.extra >= self.places && !inside.send_away_the_greediest() {
            return false;
        }
        inside.extra += 1;
        badge.extra.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Unless that was done when the guest was sent away.
    fn give_extra_back(&self, badge: &Badge) {
        let mut inside = self.lock();
        if badge.extra.load(Ordering::Relaxed) > 0 {
            badge.extra.fetch_sub(1, Ordering::Relaxed);
            inside.extra -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn wait(&mut self, badge: &Arc<Badge>) -> u64 {
        self.next += 1;
        self.waited_for.insert(self.next, badge.clone());
        if let Some(crowd) = badge.from.and_then(|network| self.networks.get_mut(&network)) {
            crowd.waited_for.insert(self.next);
        }
        self.next
    }

    /// `None`: it was sent away before.
    fn no_longer_wait(&mut self, number: u64) -> Option<Arc<Badge>> {
        let badge = self.waited_for.remove(&number)?;
        if let Some(crowd) = badge.from.and_then(|network| self.networks.get_mut(&network)) {
            crowd.waited_for.remove(&number);
        }
        Some(badge)
    }

    fn take_place(&mut self, from: Option<Network>) {
        self.taken += 1;
        if let Some(network) = from {
            self.networks.entry(network).or_default().taken += 1;
        }
    }

    fn give_place_back(&mut self, from: Option<Network>) {
        self.taken -= 1;
        let Some(network) = from else { return };
        if let Some(crowd) = self.networks.get_mut(&network) {
            crowd.taken -= 1;
            if crowd.taken == 0 {
                self.networks.remove(&network);
            }
        }
    }

    fn send_away(&mut self) -> bool {
        let first = self.waited_for.keys().next().copied();
        self.send_away_number(first)
    }

    fn send_away_of(&mut self, network: Network) -> bool {
        let first = self.networks.get(&network).and_then(|crowd| crowd.waited_for.first().copied());
        self.send_away_number(first)
    }

    /// Looks at everybody: that is rare, since each who is sent away makes room for all that it held.
    fn send_away_the_greediest(&mut self) -> bool {
        let holds = |badge: &Badge| badge.extra.load(Ordering::Relaxed);
        let greedy = self.waited_for.iter().filter(|(_, badge)| holds(badge) > 0);
        let number = greedy.max_by_key(|(_, badge)| holds(badge)).map(|(number, _)| *number);
        self.send_away_number(number)
    }

    /// Its place, and what it held, count as free at once.
    fn send_away_number(&mut self, number: Option<u64>) -> bool {
        let Some(badge) = number.and_then(|number| self.no_longer_wait(number)) else { return false };
        self.give_place_back(badge.from);
        self.extra -= badge.extra.swap(0, Ordering::Relaxed);
        badge.leave.cancel();
        true
    }
}

impl Guest {
    /// Ends when it has to leave, at once.
    pub(super) async fn is_told_to_leave(&self) {
        self.badge.leave.cancelled().await;
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

    /// A request has come. `None` where it cannot be served beside the others of its guest; and where there are `most` of those, the
    /// guest has to leave: a client may cancel what goes on here, but not have it for nothing (CVE-2023-44487).
    pub(super) fn turn(self: &Arc<Self>, most: usize) -> Option<Arc<Turn>> {
        if self.turns.fetch_add(1, Ordering::AcqRel) == 0 {
            self.first.notify_one();
        }
        let before = self.requests.fetch_add(1, Ordering::AcqRel);
        let mut turn = Turn { guest: self.clone(), is_extra: false, is_served: Mutex::new(false) };
        if before >= most {
            self.badge.leave.cancel();
        }
        if self.badge.leave.is_cancelled() {
            return None;
        }
        turn.is_extra = before > 0;
        if turn.is_extra && !self.house.take_extra(&self.badge) {
            turn.is_extra = false;
            return None;
        }
        Some(Arc::new(turn))
    }

    fn begin(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.served += 1;
        if let Some(number) = state.number
            && self.house.lock().no_longer_wait(number).is_some()
        {
            state.number = None;
        }
    }

    fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.served -= 1;
        if state.served == 0 && state.number.is_none() {
            state.number = Some(self.house.lock().wait(&self.badge));
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

    /// Whether the whole request has come.
    pub(super) fn has_all(&self) -> bool {
        *self.is_served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if *self.is_served.lock().unwrap_or_else(PoisonError::into_inner) {
            self.guest.end();
        }
        if self.is_extra {
            self.guest.house.give_extra_back(&self.guest.badge);
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
        let has_place = state.number.is_none_or(|number| inside.no_longer_wait(number).is_some());
        if has_place {
            inside.give_place_back(self.badge.from);
        }
    }
}

#[cfg(test)]
#[path = "guests_tests.rs"]
mod tests;
