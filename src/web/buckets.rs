//! How often something may happen, for very many who do it, in bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One each `every`, and `burst` of them at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How long one takes to be forgiven.
    pub every: Duration,
    /// How many may come together; at least one.
    pub burst: u32,
}

/// What everybody owes: each event adds [`Rate::every`], time takes it away again. Over any time `t`, one does at most `burst + t / every`
/// events, and those that were under way together when the last of them came.
///
/// At most `most` debtors are known. Beyond that a newcomer takes the place of the one who owes least, *and what that one owes* (the
/// Space-Saving algorithm of Metwally, Agrawal and El Abbadi, 2005). So who wants a debt of `n` events forgotten must make all others owe
/// more, which takes some `most × n` events while the debts run off; and then he finds as much owed wherever he comes from next.
pub(super) struct Buckets<K> {
    rate: Rate,
    most: usize,
    held: Mutex<Held<K>>,
}

/// When each debtor owes nothing more, and the same in the order of time.
struct Held<K> {
    clear_at: BTreeMap<K, Duration>,
    order: BTreeSet<(Duration, K)>,
}

/// How many debtors that owe nothing more are forgotten for each event: more than one comes, so that their number sinks.
const SWEPT: usize = 2;

impl<K: Ord + Clone> Buckets<K> {
    pub(super) fn new(rate: Rate, most: usize) -> Self {
        Self { rate, most, held: Mutex::new(Held { clear_at: BTreeMap::new(), order: BTreeSet::new() }) }
    }

    /// How long `who` must wait for the next event; `None` where it may come now. Adds nothing.
    pub(super) fn wait(&self, who: &K, now: Duration) -> Option<Duration> {
        self.wait_of(&self.held.lock().unwrap_or_else(PoisonError::into_inner), who, now)
    }

    /// An event has come, whether it was allowed or not. Nobody owes more than twice the burst.
    pub(super) fn add(&self, who: &K, now: Duration) {
        self.put(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner), who, now);
    }

    /// An event comes if it may.
    ///
    /// # Errors
    /// How long it must wait; then nothing is added.
    pub(super) fn take(&self, who: &K, now: Duration) -> Result<(), Duration> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = self.wait_of(&held, who, now) {
            return Err(wait);
        }
        self.put(&mut held, who, now);
        Ok(())
    }

    fn wait_of(&self, held: &Held<K>, who: &K, now: Duration) -> Option<Duration> {
        let owed = held.clear_at.get(who)?.saturating_sub(now);
        let allowed = self.rate.every.saturating_mul(self.rate.burst.saturating_sub(1));
        owed.checked_sub(allowed).filter(|wait| !wait.is_zero())
    }

    fn put(&self, held: &mut Held<K>, who: &K, now: Duration) {
        let most = now.saturating_add(self.rate.every.saturating_mul(self.rate.burst.saturating_mul(2)));
        let before = match held.clear_at.get(who).copied() {
            Some(before) => {
                held.order.remove(&(before, who.clone()));
                before
            }
            None if held.order.len() >= self.most => held.forget_first(),
            None => now,
        };
        let clear_at = before.max(now).saturating_add(self.rate.every).min(most);
        held.clear_at.insert(who.clone(), clear_at);
        held.order.insert((clear_at, who.clone()));
        for _ in 0..SWEPT {
            if held.order.first().is_some_and(|(clear_at, _)| *clear_at <= now) {
                held.forget_first();
            }
        }
    }

    #[cfg(test)]
    fn known(&self) -> usize {
        let held = self.held.lock().unwrap();
        assert_eq!(held.clear_at.len(), held.order.len());
        held.order.len()
    }
}

impl<K: Ord> Held<K> {
    /// Forgets who owes least; when he would have owed nothing more.
    fn forget_first(&mut self) -> Duration {
        let Some((clear_at, who)) = self.order.pop_first() else { return Duration::ZERO };
        self.clear_at.remove(&who);
        clear_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn buckets(burst: u32, most: usize) -> Buckets<u32> {
        Buckets::new(Rate { every: seconds(1), burst }, most)
    }

    #[test]
    fn a_burst_may_come_at_once_and_then_one_at_a_time() {
        let buckets = buckets(3, 10);
        for _ in 0..3 {
            assert_eq!(buckets.take(&1, seconds(5)), Ok(()));
        }
        assert_eq!(buckets.take(&1, seconds(5)), Err(seconds(1)));
        assert_eq!(buckets.wait(&1, seconds(5)), Some(seconds(1)));
        assert_eq!(buckets.take(&2, seconds(5)), Ok(()), "another one owes nothing");
        assert_eq!(buckets.take(&1, seconds(6)), Ok(()));
        assert_eq!(buckets.take(&1, seconds(6)), Err(seconds(1)));
        for _ in 0..3 {
            assert_eq!(buckets.take(&1, seconds(60)), Ok(()), "what was not used is there again, and no more");
        }
        assert!(buckets.take(&1, seconds(60)).is_err());
    }

    #[test]
    fn whoever_comes_in_a_crowd_waits_for_all_of_it_and_at_most_twice_the_burst() {
        let buckets = buckets(3, 10);
        (0..5).for_each(|_| buckets.add(&1, seconds(0)));
        assert_eq!(buckets.wait(&1, seconds(0)), Some(seconds(3)));
        (0..500).for_each(|_| buckets.add(&1, seconds(0)));
        assert_eq!(buckets.wait(&1, seconds(0)), Some(seconds(4)));
    }

    #[test]
    fn millions_of_debtors_take_bounded_memory_and_none_buys_himself_free_with_them() {
        let buckets = buckets(10, 1_000);
        (0..10).for_each(|_| buckets.add(&0, seconds(0)));
        (1..=5_000).for_each(|other| buckets.add(&other, seconds(0)));
        assert_eq!(buckets.wait(&0, seconds(0)), Some(seconds(1)), "five times as many as there are places have come, and he is known");
        let mut most = 0;
        for other in 1..=1_000_000 {
            buckets.add(&other, seconds(0));
            most = most.max(buckets.held.lock().unwrap().order.len());
        }
        println!("1,000,000 debtors came, at most {most} were known at a time");
        assert_eq!((most, buckets.known()), (1_000, 1_000));
        // Now he is forgotten, and finds as much owed by whatever address he takes.
        buckets.add(&9_000_000, seconds(0));
        assert!(buckets.wait(&9_000_000, seconds(0)).is_some());
        assert_eq!(buckets.wait(&9_000_000, seconds(20)), None, "time heals it");
    }

    #[test]
    fn who_owes_nothing_more_is_forgotten() {
        let buckets = buckets(1, 1_000);
        (0..100).for_each(|who| buckets.add(&who, seconds(0)));
        (100..200).for_each(|who| buckets.add(&who, seconds(10)));
        assert_eq!(buckets.known(), 100);
    }
}
