//! The result of replaying the revocation log: what is void, and nothing else.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::epochs::Named;
use super::ids::Ids;
use super::shards::SHARDS;
use super::{Cause, Epochs, Judge, Revocation};
use crate::id::{Origin, Sid};

/// How long an entry is kept, and what one heartbeat may count for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// The largest access-token lifetime that was in force, 60 s of leeway, `hard_age` and an hour.
    pub keep: Duration,
}

impl Retention {
    /// The most that one confirmed heartbeat ages an entry: a clock that jumps ahead forgets nothing.
    pub const MAX_STEP: Duration = Duration::from_secs(2);
}

/// Everything that is revoked now. Merging is idempotent and commutes: two views of different histories can always be united.
///
/// Any number of threads may use it at once. Who asks waits for nobody, whatever is merged, forgotten or listed meanwhile; who writes waits
/// for at most some hundred entries of somebody else, or for one table to grow. A token or a session takes some 30 bytes, and an epoch its
/// name and about 60 more.
pub struct View {
    ids: Ids,
    named: Named,
    /// An entry stays until the key itself is gone; there are few.
    keys: ArcSwap<BTreeSet<String>>,
    has_keys: AtomicBool,
    ages: Mutex<Ages>,
    /// The tick of what is merged now.
    tick: AtomicU32,
}

/// How old entries are. A tick begins with each confirmed heartbeat.
#[derive(Default)]
struct Ages {
    /// The sum of confirmed heartbeats, each at most [`Retention::MAX_STEP`].
    confirmed: Duration,
    /// What it was when each tick began, oldest first.
    began: VecDeque<Duration>,
    /// Which tick the oldest is.
    first: u32,
}

impl View {
    /// An empty one. The key, of random bytes that nobody else knows, keeps those who choose ids and names from choosing where they are
    /// kept (hash flooding), and from having one subject taken for another.
    pub fn new(hash_key: &[u8; 32]) -> Self {
        let (of_ids, of_names) = hash_key.split_at(16);
        let half = |bytes: &[u8]| std::array::from_fn(|at| bytes[at]);
        Self {
            ids: Ids::new(&half(of_ids)),
            named: Named::new(&half(of_names)),
            keys: ArcSwap::default(),
            has_keys: AtomicBool::new(false),
            ages: Mutex::new(Ages { began: VecDeque::from([Duration::ZERO]), ..Ages::default() }),
            tick: AtomicU32::new(0),
        }
    }

    /// Takes in one revocation, which holds for every judgement that begins after this; `false` when it was known already.
    pub fn merge(&self, revocation: &Revocation) -> bool {
        let tick = || self.tick.load(Ordering::Acquire);
        match revocation {
            Revocation::Token(jti) => self.ids.insert_token(*jti, tick),
            Revocation::Session(sid) => self.ids.insert_session(*sid, tick),
            Revocation::Epoch { target, extent, stamp } => self.named.raise(target, *extent, *stamp, tick),
            Revocation::Key(kid) => {
                let before = self.keys.rcu(|keys| {
                    let mut keys = BTreeSet::clone(keys);
                    keys.insert(kid.clone());
                    keys
                });
                self.has_keys.store(true, Ordering::Release);
                !before.contains(kid)
            }
        }
    }

    /// Every epoch that concerns this subject at this client.
    pub fn epochs(&self, subject: &str, client: &str) -> Epochs {
        self.named.held(self.named.places(subject, client))
    }

    /// Whether anything that is known ends this session.
    pub fn void_session(&self, sid: Sid, subject: &str, client: &str) -> Option<Cause> {
        if self.ids.read().has(self.ids.of_session(sid)) {
            return Some(Cause::Session);
        }
        self.epochs(subject, client).void_session(sid.stamp())
    }

    /// Whether everything that this key signed is void.
    pub fn void_key(&self, kid: &str) -> bool {
        self.has_keys.load(Ordering::Acquire) && self.keys.load().contains(kid)
    }

    /// Counts a confirmed heartbeat that came `step` after the one before, and forgets what can void nothing any more.
    pub fn confirm(&self, step: Duration, retention: Retention) {
        let first = {
            let mut ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new_tick = ages.count(step.min(Retention::MAX_STEP));
            self.tick.fetch_add(u32::from(is_new_tick), Ordering::AcqRel);
            let before = ages.first;
            ages.forget(retention.keep);
            if ages.first == before {
                return;
            }
            ages.first
        };
        self.ids.forget_before(first);
        self.named.forget_before(first);
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.ids.len() + self.named.len() + self.keys.load().len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lists everything in it, some hundred entries at a time: in no certain order, nothing left out that is in it from the beginning to
    /// the end, and some of what is merged meanwhile. Whoever begins it at a position of the log and follows the log from there knows all.
    pub fn entries(&self) -> impl Iterator<Item = Revocation> {
        let keys: Vec<_> = self.keys.load().iter().cloned().map(Revocation::Key).collect();
        let ids = move |shard| pages(move |from| self.ids.page(shard, from));
        let epochs = move |shard| pages(move |from| self.named.page(shard, from));
        keys.into_iter().chain((0..SHARDS).flat_map(ids)).chain((0..SHARDS).flat_map(epochs))
    }

    /// Everything in it, in one order whatever the history: two views are equal when their contents are.
    pub fn contents(&self) -> BTreeSet<Revocation> {
        self.entries().collect()
    }
}

impl Judge for View {
    fn judge(&self, origin: &Origin<'_>) -> Option<Cause> {
        if self.void_key(origin.kid) {
            return Some(Cause::Key);
        }
        // A client's own token is of nobody (RFC 9068 §2.2: `sub` is the client): a user who has the name of a client is somebody else.
        let subject = if origin.sid.is_none() && origin.subject == origin.client { "" } else { origin.subject };
        // First all hashes, then all probes: the processor fetches the memory of several at once.
        let token = self.ids.of_token(origin.jti);
        let session = origin.sid.and_then(|sid| self.ids.of_session(sid));
        let named = self.named.places(subject, origin.client);
        let ids = self.ids.read();
        if ids.has(token) {
            return Some(Cause::Token);
        }
        if ids.has(session) {
            return Some(Cause::Session);
        }
        self.named.held(named).void_token(origin.sid.map(|sid| sid.stamp()), origin.stamp())
    }
}

impl fmt::Debug for View {
    /// Says how many, never which: and not the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({} entries)", self.len())
    }
}

impl Ages {
    /// Goes on by `step`; whether a tick begins.
    fn count(&mut self, step: Duration) -> bool {
        if step.is_zero() {
            return false;
        }
        self.confirmed += step;
        self.began.push_back(self.confirmed);
        true
    }

    /// Drops the ticks that are older than `keep`: never the last.
    fn forget(&mut self, keep: Duration) {
        while self.began.pop_front_if(|began| self.confirmed - *began > keep).is_some() {
            self.first += 1;
        }
    }
}

/// What page after page gives, each asked for when the one before is used up.
fn pages(page: impl Fn(u64) -> (Vec<Revocation>, Option<u64>)) -> impl Iterator<Item = Revocation> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let (entries, after) = page(next?);
        next = after;
        Some(entries)
    })
    .flatten()
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
