//! The epochs at named targets: their greatest stamps for who judges, and their names for who writes.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use siphasher::sip128::{Hasher128, SipHasher24};

use super::ids::{make_room, shrink};
use super::record;
use super::shards::{SHARDS, STEP, Shards, Tables, shard_of};
use super::table::{Key, Table};
use super::{Epoch, Epochs, Extent, Revocation, Target};
use crate::id::Stamp;

/// Set in every key, so that no first word is 0.
const KEY: u64 = 1;

pub(super) struct Named {
    /// One for each [`Kind`], with a key of its own: two targets of different kinds are never the same bytes.
    hashers: [SipHasher24; 3],
    shards: Shards<Held>,
    books: Box<[Mutex<Book>]>,
    all: Stamps,
    /// How many targets of each kind have an epoch.
    counts: [AtomicUsize; 3],
    len: AtomicUsize,
}

/// What only writers know of a shard.
#[derive(Default)]
struct Book {
    /// Every raise that counted, oldest first, as a [`record`]: the names are nowhere else.
    order: VecDeque<u8>,
    /// How many bytes have been forgotten.
    forgotten: u64,
    /// How many targets are there.
    held: usize,
    /// How many slots are marked.
    gone: usize,
}

/// The epochs of a shard: the keys of their targets, and for each slot of these what is held there.
#[derive(Clone, Default)]
pub(super) struct Held {
    keys: Table,
    stamps: Arc<[Stamps]>,
}

/// The greatest stamp of each [`Extent`], in milliseconds.
type Stamps = [AtomicU64; 2];

/// What a target is, beside everything.
#[derive(Clone, Copy)]
enum Kind {
    Subject,
    SubjectAtClient,
    Client,
}

/// Where to look for the epochs of a subject at a client.
#[derive(Clone, Copy)]
pub(super) struct Places {
    client: Option<Key>,
    subject: Option<Key>,
    subject_at_client: Option<Key>,
}

impl Named {
    pub(super) fn new(hash_key: &[u8; 16]) -> Self {
        let of_kind = |kind: Kind| SipHasher24::new_with_key(hash_key).hash(&[kind as u8]).as_bytes();
        Self {
            hashers: [Kind::Subject, Kind::SubjectAtClient, Kind::Client].map(|kind| SipHasher24::new_with_key(&of_kind(kind))),
            shards: Shards::default(),
            books: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            all: Default::default(),
            counts: Default::default(),
            len: AtomicUsize::new(0),
        }
    }

    /// Where to look for what concerns this subject at this client; nowhere where no epoch of the kind is held.
    pub(super) fn places(&self, subject: &str, client: &str) -> Places {
        let place = |kind, subject, client| self.any(kind).then(|| self.key(kind, subject, client));
        Places {
            client: place(Kind::Client, "", client),
            subject: place(Kind::Subject, subject, ""),
            subject_at_client: place(Kind::SubjectAtClient, subject, client),
        }
    }

    /// What is held at these places, and at everything.
    pub(super) fn held(&self, places: Places) -> Epochs {
        let Places { client, subject, subject_at_client } = places;
        let tables = client.or(subject).or(subject_at_client).map(|_| self.shards.read());
        let held = |key: Option<Key>| key.zip(tables.as_ref()).map(|(key, tables)| tables.epoch(key)).unwrap_or_default();
        Epochs { all: epoch(&self.all), client: held(client), subject: held(subject), subject_at_client: held(subject_at_client) }
    }

    /// Raises an epoch at the age of `tick()`; `false` when it was as high.
    pub(super) fn raise(&self, target: &Target, extent: Extent, stamp: Stamp, tick: impl FnOnce() -> u32) -> bool {
        let Some((kind, key)) = self.named(target) else {
            let mut book = self.book(0);
            return raise(&self.all[extent as usize], stamp) && self.note(&mut book, target, extent, stamp, tick());
        };
        let shard = shard_of(key.1);
        let mut book = self.book(shard);
        let mut tables = self.shards.read();
        let table = &tables[shard];
        if let Some(slot) = table.keys.find(key, key.1) {
            return raise(&table.stamps[slot][extent as usize], stamp) && self.note(&mut book, target, extent, stamp, tick());
        }
        if stamp == Stamp::ZERO {
            return false;
        }
        if !table.keys.has_room_for(book.held + book.gone + 1) {
            self.rebuild(shard, &mut book, table);
            tables = self.shards.read();
        }
        let table = &tables[shard];
        self.counts[kind as usize].fetch_add(1, Ordering::Release);
        let slot = table.keys.free(key.1);
        table.stamps[slot][extent as usize].store(stamp.millis(), Ordering::Release);
        book.gone -= usize::from(table.keys.put(slot, key, key.1));
        book.held += 1;
        self.note(&mut book, target, extent, stamp, tick())
    }

    /// Forgets what was raised before `first` and not since, some entries at a time.
    pub(super) fn forget_before(&self, first: u32) {
        for shard in 0..SHARDS {
            while self.forget_some(shard, first) {}
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Entries of a shard from this byte of all that was ever noted, oldest first; and where to go on, if there may be more. What was
    /// raised since is left out.
    pub(super) fn page(&self, shard: usize, from: u64) -> (Vec<Revocation>, Option<u64>) {
        let book = self.book(shard);
        let mut at = usize::try_from(from.saturating_sub(book.forgotten)).unwrap_or(usize::MAX);
        let mut page = Vec::new();
        for _ in 0..STEP {
            let Some(entry) = record::read(&book.order, at) else { return (page, None) };
            at += entry.bytes;
            let record::Entry { target, extent, stamp, .. } = entry;
            if self.stamp_at(shard, &target, extent) == stamp.millis() {
                page.push(Revocation::Epoch { target, extent, stamp });
            }
        }
        (page, Some(book.forgotten + at as u64))
    }

    fn any(&self, kind: Kind) -> bool {
        self.counts[kind as usize].load(Ordering::Acquire) > 0
    }

    /// Two targets have one key with a probability of 2^-127: docs/DECISIONS.md says what that means.
    fn key(&self, kind: Kind, subject: &str, client: &str) -> Key {
        let mut hasher = self.hashers[kind as usize];
        let hash = match kind {
            Kind::Subject => hasher.hash(subject.as_bytes()),
            Kind::Client => hasher.hash(client.as_bytes()),
            Kind::SubjectAtClient => {
                [&subject.len().to_le_bytes(), subject.as_bytes(), client.as_bytes()].into_iter().for_each(|bytes| hasher.write(bytes));
                hasher.finish128()
            }
        };
        let (first, second) = hash.as_u64();
        (first | KEY, second)
    }

    fn named(&self, target: &Target) -> Option<(Kind, Key)> {
        let (kind, subject, client) = match target {
            Target::All => return None,
            Target::Client(client) => (Kind::Client, "", client.as_str()),
            Target::Subject(subject) => (Kind::Subject, subject.as_str(), ""),
            Target::SubjectAtClient { subject, client } => (Kind::SubjectAtClient, subject.as_str(), client.as_str()),
        };
        Some((kind, self.key(kind, subject, client)))
    }

    fn note(&self, book: &mut Book, target: &Target, extent: Extent, stamp: Stamp, tick: u32) -> bool {
        let record = record::write(target, extent, stamp, tick);
        make_room(&mut book.order, record.len());
        book.order.extend(&record);
        self.len.fetch_add(1, Ordering::Release);
        true
    }

    /// Forgets at most [`STEP`] entries; whether there may be more.
    fn forget_some(&self, shard: usize, first: u32) -> bool {
        let mut book = self.book(shard);
        for _ in 0..STEP {
            if record::tick(&book.order).is_none_or(|tick| tick >= first) {
                let tables = self.shards.read();
                if tables[shard].keys.is_waste_for(book.held) {
                    self.rebuild(shard, &mut book, &tables[shard]);
                }
                return false;
            }
            let Some(entry) = record::read(&book.order, 0) else { return false };
            book.order.drain(..entry.bytes);
            book.forgotten += entry.bytes as u64;
            self.len.fetch_sub(1, Ordering::Release);
            self.forget(shard, &mut book, &entry);
        }
        true
    }

    /// Takes an epoch back, unless it has been raised since.
    fn forget(&self, shard: usize, book: &mut Book, entry: &record::Entry) {
        let Some((kind, key)) = self.named(&entry.target) else {
            lower(&self.all[entry.extent as usize], entry.stamp);
            return;
        };
        let tables = self.shards.read();
        let table = &tables[shard];
        let Some(slot) = table.keys.find(key, key.1) else { return };
        lower(&table.stamps[slot][entry.extent as usize], entry.stamp);
        if epoch(&table.stamps[slot]) == Epoch::default() {
            book.gone += usize::from(table.keys.remove(slot));
            book.held -= 1;
            self.counts[kind as usize].fetch_sub(1, Ordering::Release);
        }
    }

    /// The stamp that is held at a target now.
    fn stamp_at(&self, shard: usize, target: &Target, extent: Extent) -> u64 {
        let Some((_, key)) = self.named(target) else { return self.all[extent as usize].load(Ordering::Acquire) };
        let tables = self.shards.read();
        let table = &tables[shard];
        table.keys.find(key, key.1).map_or(0, |slot| table.stamps[slot][extent as usize].load(Ordering::Acquire))
    }

    /// A table for what is there, and some more. Readers use the old one until the new one is in place.
    fn rebuild(&self, shard: usize, book: &mut Book, old: &Held) {
        let keys = Table::with_room_for(book.held + 1);
        let stamps: Arc<[Stamps]> = std::iter::repeat_with(Stamps::default).take(keys.slots()).collect();
        for (key, slot) in old.keys.keys() {
            let free = keys.free(key.1);
            for (new, old) in stamps[free].iter().zip(&old.stamps[slot]) {
                new.store(old.load(Ordering::Acquire), Ordering::Release);
            }
            keys.put(free, key, key.1);
        }
        book.gone = 0;
        shrink(&mut book.order);
        self.shards.replace(shard, &Held { keys, stamps });
    }

    // A panic elsewhere must not turn every later revocation into a panic: a book is whole after each of its own steps.
    fn book(&self, shard: usize) -> MutexGuard<'_, Book> {
        self.books[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables<Held> {
    fn epoch(&self, key: Key) -> Epoch {
        let table = &self[shard_of(key.1)];
        let Some(slot) = table.keys.find(key, key.1) else { return Epoch::default() };
        let found = epoch(&table.stamps[slot]);
        // Else it was forgotten this moment, and the stamps may be of whoever came in its place.
        if table.keys.still_holds(slot, key) { found } else { Epoch::default() }
    }
}

fn epoch(held: &Stamps) -> Epoch {
    let stamp = |extent: Extent| Stamp::from_millis(held[extent as usize].load(Ordering::Acquire));
    Epoch { sessions: stamp(Extent::Sessions), access_tokens: stamp(Extent::AccessTokens) }
}

fn raise(held: &AtomicU64, stamp: Stamp) -> bool {
    held.fetch_max(stamp.millis(), Ordering::AcqRel) < stamp.millis()
}

fn lower(held: &AtomicU64, stamp: Stamp) {
    if held.load(Ordering::Acquire) == stamp.millis() {
        held.store(0, Ordering::Release);
    }
}
