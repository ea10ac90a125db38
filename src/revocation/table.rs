//! A hash table that one writer changes while any number of readers look things up, and nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// 128 bits, of which the first word is never 0.
pub(super) type Key = (u64, u64);

/// The tag of a slot that was never taken.
const EMPTY: u64 = 0;
/// The tag of one that was: what lies beyond its group may have wanted to be here.
const GONE: u64 = 1;

/// How full a table may become, and how full it is made, in percent.
const FULLEST: usize = 90;
const AT_FIRST: usize = 80;

const EACH: u64 = 0x0101_0101_0101_0101;

/// Keys in slots, eight slots in a group. A key is in its home group, or, where that was full, in the first one behind it that was not.
/// A word for each group has a byte of the hash of each key: so whoever asks for what is not there nearly always reads that word alone.
///
/// It does not grow: who writes builds a larger one and puts that in its place. Writers exclude each other; readers need no leave. A
/// lookup that begins after an insertion has returned finds the key until its removal begins. A key is written from its end and unmade
/// from its beginning, and a reader looks at its first word again when it has read the rest: what is found has been there in one piece.
#[derive(Clone, Default)]
pub(super) struct Table {
    tags: Arc<[AtomicU64]>,
    keys: Arc<[[AtomicU64; 2]]>,
}

impl Table {
    const GROUP: usize = 8;

    /// Room for `count` keys, and some more.
    pub(super) fn with_room_for(count: usize) -> Self {
        let groups = (count * 100).div_ceil(AT_FIRST * Self::GROUP) + 1;
        Self {
            tags: std::iter::repeat_with(AtomicU64::default).take(groups).collect(),
            keys: std::iter::repeat_with(Default::default).take(groups * Self::GROUP).collect(),
        }
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> usize {
        self.keys.len()
    }

    /// Whether it is good for `taken` slots; those count whose key is gone.
    pub(super) fn has_room_for(&self, taken: usize) -> bool {
        taken * 100 <= self.slots() * FULLEST
    }

    /// Whether it is far too large for `count` keys.
    pub(super) fn is_waste_for(&self, count: usize) -> bool {
        self.slots() > 32 && count * 100 < self.slots() * AT_FIRST / 2
    }

    /// The slot of a key. `place` is a hash of it, the same at each call.
    #[inline]
    pub(super) fn find(&self, key: Key, place: u64) -> Option<usize> {
        let (mut at, tag) = (self.home(place), tag_of(place) * EACH);
        for _ in 0..self.tags.len() {
            let tags = self.tags[at].load(Ordering::Acquire);
            // Some bytes may be taken for equal that are not: the keys decide.
            let mut equal = zeros(tags ^ tag);
            while equal != 0 {
                let slot = at * Self::GROUP + equal.trailing_zeros() as usize / 8;
                if self.key(slot) == key && self.still_holds(slot, key) {
                    return Some(slot);
                }
                equal &= equal - 1;
            }
            if zeros(tags) != 0 {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    /// Whether a slot that was found holds what it held: to be asked after what belongs to it has been read.
    pub(super) fn still_holds(&self, slot: usize, key: Key) -> bool {
        self.keys[slot][0].load(Ordering::Acquire) == key.0
    }

    /// The key in a slot.
    pub(super) fn key(&self, slot: usize) -> Key {
        let [first, second] = &self.keys[slot];
        (first.load(Ordering::Acquire), second.load(Ordering::Acquire))
    }

    /// Every key and its slot.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Key, usize)> {
        (0..self.slots()).map(|slot| (self.key(slot), slot)).filter(|((first, _), _)| *first != 0)
    }

    /// The slot for a key that is not there. There must be room.
    pub(super) fn free(&self, place: u64) -> usize {
        let mut at = self.home(place);
        loop {
            let mut slots = at * Self::GROUP..(at + 1) * Self::GROUP;
            if let Some(slot) = slots.find(|slot| self.tag(*slot) <= GONE) {
                return slot;
            }
            at = self.after(at);
        }
    }

    /// Puts a key into a free slot: what belongs to it must be there already. Says whether the slot was one whose key is gone.
    pub(super) fn put(&self, slot: usize, key: Key, place: u64) -> bool {
        let was_gone = self.tag(slot) == GONE;
        self.keys[slot][1].store(key.1, Ordering::Release);
        self.keys[slot][0].store(key.0, Ordering::Release);
        self.set_tag(slot, tag_of(place));
        was_gone
    }

    /// Takes out the key of a slot. Says whether the slot must stay marked, because lookups have to go on beyond it.
    pub(super) fn remove(&self, slot: usize) -> bool {
        self.keys[slot][0].store(0, Ordering::Release);
        // No key was ever put beyond a group that had room, and one that has room has had it since.
        let ends_here = zeros(self.tags[slot / Self::GROUP].load(Ordering::Acquire)) != 0;
        self.set_tag(slot, if ends_here { EMPTY } else { GONE });
        !ends_here
    }

    fn tag(&self, slot: usize) -> u64 {
        self.tags[slot / Self::GROUP].load(Ordering::Acquire) >> (slot % Self::GROUP * 8) & 0xff
    }

    fn set_tag(&self, slot: usize, tag: u64) {
        let (tags, shift) = (&self.tags[slot / Self::GROUP], slot % Self::GROUP * 8);
        tags.store(tags.load(Ordering::Acquire) & !(0xff << shift) | tag << shift, Ordering::Release);
    }

    fn home(&self, place: u64) -> usize {
        // The upper half of the product: as even as a remainder, and quicker. The topmost bits have chosen the shard.
        (((place & 0xffff_ffff) * self.tags.len() as u64) >> 32) as usize
    }

    fn after(&self, group: usize) -> usize {
        if group + 1 == self.tags.len() { 0 } else { group + 1 }
    }
}

/// A byte that stands for a key.
fn tag_of(place: u64) -> u64 {
    (place >> 40 & 0xff).max(GONE + 1)
}

/// The topmost bit of each byte that is zero, and perhaps of some above such a one: none where no byte is.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & (EACH << 7)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::AtomicBool;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Places are few, so that keys crowd and spill over; the table is rebuilt when it must be, as its owners do.
        #[test]
        fn what_was_put_in_and_not_taken_out_is_found(steps in prop::collection::vec((any::<bool>(), 2_u64..40, 0_u64..3), 1..300)) {
            let mut table = Table::with_room_for(1);
            let (mut model, mut gone) = (HashMap::new(), 0);
            for (put, first, place) in steps {
                let place = |first: u64| if first.is_multiple_of(2) { place_of(first) } else { place * 0x7fff_ffff };
                let (key, place) = ((first, first * 3), place(first));
                let place = *model.get(&key).map_or(&place, |(_, place)| place);
                match table.find(key, place) {
                    Some(slot) => {
                        prop_assert_eq!(model.get(&key), Some(&(slot, place)));
                        if !put {
                            gone += usize::from(table.remove(slot));
                            model.remove(&key);
                        }
                    }
                    None => {
                        prop_assert!(!model.contains_key(&key));
                        if put {
                            if !table.has_room_for(model.len() + gone + 1) {
                                table = Table::with_room_for(model.len() + 1);
                                gone = 0;
                                for (key, (slot, place)) in &mut model {
                                    *slot = table.free(*place);
                                    table.put(*slot, *key, *place);
                                }
                            }
                            let slot = table.free(place);
                            gone -= usize::from(table.put(slot, key, place));
                            model.insert(key, (slot, place));
                        }
                    }
                }
                let mut keys: Vec<_> = table.keys().collect();
                let mut held: Vec<_> = model.iter().map(|(key, (slot, _))| (*key, *slot)).collect();
                keys.sort_unstable();
                held.sort_unstable();
                prop_assert_eq!(keys, held);
            }
            for (key, (slot, place)) in &model {
                prop_assert_eq!(table.find(*key, *place), Some(*slot));
            }
        }
    }

    fn place_of(first: u64) -> u64 {
        first % 3 * 0x4000_0000
    }

    #[test]
    fn half_a_key_is_none() {
        let table = Table::with_room_for(1);
        table.put(table.free(0), (7, 8), 0);
        assert_eq!([(7, 8), (7, 9), (6, 8)].map(|key| table.find(key, 0).is_some()), [true, false, false]);
    }

    #[test]
    fn no_mixture_of_two_keys_is_ever_found() {
        let (table, wholes, done) = (Table::with_room_for(1), AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    assert!([(1, 2), (2, 1)].iter().all(|key| table.find(*key, 0).is_none()));
                    wholes.fetch_add(u64::from(table.find((1, 1), 0).is_some()), Ordering::AcqRel);
                }
            });
            let mut turn = 0;
            while turn < 400_000 || wholes.load(Ordering::Acquire) == 0 && !reader.is_finished() {
                let (slot, word) = (table.free(0), 1 + turn % 2);
                table.put(slot, (word, word), 0);
                table.remove(slot);
                turn += 1;
            }
            done.store(true, Ordering::Release);
        });
    }

    #[test]
    fn an_empty_table_holds_nothing_and_has_no_room() {
        let table = Table::default();
        assert_eq!((table.find((2, 2), 7), table.has_room_for(1), table.keys().count()), (None, false, 0));
    }
}
