//! Tables side by side, so that none grows large and each is replaced on its own while readers go on.

use std::array;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

/// How many: a table of a view of ten million entries is rebuilt within a millisecond or so.
pub(super) const SHARDS: usize = 256;

/// The most entries that are looked at under one lock of a writer.
pub(super) const STEP: usize = 256;

pub(super) struct Shards<T> {
    /// The tables that readers see.
    now: ArcSwap<[T; SHARDS]>,
    /// What readers may hold that began before a table was replaced. A writer gives that memory back when they are gone: no reader ever does.
    before: Mutex<Vec<Arc<[T; SHARDS]>>>,
}

/// What a reader holds: all tables as they were put in place when it asked.
pub(super) struct Tables<T>(Guard<Arc<[T; SHARDS]>>);

impl<T: Clone> Shards<T> {
    /// The tables. Waits for nobody, and nobody waits for whoever holds them.
    pub(super) fn read(&self) -> Tables<T> {
        Tables(self.now.load())
    }

    /// Puts a table in the place of another: for whoever alone writes to that shard.
    pub(super) fn replace(&self, shard: usize, table: &T) {
        let replaced = self.now.rcu(|tables| array::from_fn(|at| if at == shard { table.clone() } else { tables[at].clone() }));
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.push(replaced);
        before.retain(|tables| Arc::strong_count(tables) > 1);
    }
}

impl<T: Clone + Default> Default for Shards<T> {
    fn default() -> Self {
        let none = T::default();
        Self { now: ArcSwap::from_pointee(array::from_fn(|_| none.clone())), before: Mutex::default() }
    }
}

impl<T> Deref for Tables<T> {
    type Target = [T; SHARDS];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The shard that a hash falls into.
pub(super) fn shard_of(place: u64) -> usize {
    (place >> 56) as usize
}
