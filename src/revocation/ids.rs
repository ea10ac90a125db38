//! The tokens and sessions that are revoked: their ids whole, and in which order they came.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use siphasher::sip::SipHasher13;

use super::Revocation;
use super::shards::{SHARDS, STEP, Shards, Tables, shard_of};
use super::table::{Key, Table};
use crate::id::{Jti, Sid};

/// Four bits of an id that say that it is a UUIDv7: they say here what it is the id of. So no key is what stands for nothing.
const KIND: u64 = 0xf000;
const TOKEN: u64 = 0x7000;
const SESSION: u64 = 0x6000;

pub(super) struct Ids {
    hasher: SipHasher13,
    shards: Shards<Table>,
    books: Box<[Mutex<Book>]>,
    tokens: AtomicUsize,
    sessions: AtomicUsize,
}

/// What only writers know of a shard.
#[derive(Default)]
struct Book {
    /// Oldest first: the slot of an entry, and the tick of its age.
    order: VecDeque<(u32, u32)>,
    /// How many have been forgotten.
    forgotten: u64,
    /// How many slots are marked.
    gone: usize,
}

/// An id and where it belongs.
#[derive(Clone, Copy)]
pub(super) struct Place {
    key: Key,
    hash: u64,
}

impl Ids {
    pub(super) fn new(hash_key: &[u8; 16]) -> Self {
        Self {
            hasher: SipHasher13::new_with_key(hash_key),
            shards: Shards::default(),
            books: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            tokens: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
        }
    }

    /// Where to look for a token; `None` when no token is revoked.
    pub(super) fn of_token(&self, jti: Jti) -> Option<Place> {
        (self.tokens.load(Ordering::Acquire) > 0).then(|| self.place(key_of(jti.as_bytes(), TOKEN)))
    }

    /// Where to look for a session; `None` when no session is revoked.
    pub(super) fn of_session(&self, sid: Sid) -> Option<Place> {
        (self.sessions.load(Ordering::Acquire) > 0).then(|| self.place(key_of(sid.as_bytes(), SESSION)))
    }

    pub(super) fn read(&self) -> Tables<Table> {
        self.shards.read()
    }

    /// Puts in a token at the age of `tick()`; `false` when it was there.
    pub(super) fn insert_token(&self, jti: Jti, tick: impl FnOnce() -> u32) -> bool {
        self.insert(key_of(jti.as_bytes(), TOKEN), &self.tokens, tick)
    }

    /// Puts in a session at the age of `tick()`; `false` when it was there.
    pub(super) fn insert_session(&self, sid: Sid, tick: impl FnOnce() -> u32) -> bool {
        self.insert(key_of(sid.as_bytes(), SESSION), &self.sessions, tick)
    }

    /// Forgets what came before `first`, some entries at a time.
    pub(super) fn forget_before(&self, first: u32) {
        for shard in 0..SHARDS {
            while self.forget_some(shard, first) {}
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.load(Ordering::Acquire) + self.sessions.load(Ordering::Acquire)
    }

    /// Entries of a shard from the `from`th that was ever put in, oldest first; and where to go on, if there may be more.
    pub(super) fn page(&self, shard: usize, from: u64) -> (Vec<Revocation>, Option<u64>) {
        let book = self.book(shard);
        let tables = self.shards.read();
        let skip = usize::try_from(from.saturating_sub(book.forgotten)).unwrap_or(usize::MAX);
        let page = book.order.iter().skip(skip).take(STEP).filter_map(|(slot, _)| named(tables[shard].key(*slot as usize)));
        let next = from.max(book.forgotten) + STEP as u64;
        (page.collect(), (book.order.len() > skip.saturating_add(STEP)).then_some(next))
    }

    fn place(&self, key: Key) -> Place {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&key.0.to_le_bytes());
        bytes[8..].copy_from_slice(&key.1.to_le_bytes());
        Place { key, hash: self.hasher.hash(&bytes) }
    }

    fn insert(&self, key: Key, count: &AtomicUsize, tick: impl FnOnce() -> u32) -> bool {
        let place = self.place(key);
        let shard = shard_of(place.hash);
        let mut book = self.book(shard);
        let mut tables = self.shards.read();
        if tables[shard].find(key, place.hash).is_some() {
            return false;
        }
        if !tables[shard].has_room_for(book.order.len() + book.gone + 1) {
            self.rebuild(shard, &mut book, &tables[shard]);
            tables = self.shards.read();
        }
        let table = &tables[shard];
        count.fetch_add(1, Ordering::Release);
        let slot = table.free(place.hash);
        book.gone -= usize::from(table.put(slot, key, place.hash));
        make_room(&mut book.order, 1);
        book.order.push_back((slot as u32, tick()));
        true
    }

    /// Forgets at most [`STEP`] entries; whether there may be more.
    fn forget_some(&self, shard: usize, first: u32) -> bool {
        let mut book = self.book(shard);
        let tables = self.shards.read();
        let table = &tables[shard];
        for _ in 0..STEP {
            let Some((slot, _)) = book.order.pop_front_if(|(_, tick)| *tick < first) else {
                if table.is_waste_for(book.order.len()) {
                    self.rebuild(shard, &mut book, table);
                }
                return false;
            };
            let (key, _) = table.key(slot as usize);
            let count = if key & KIND == TOKEN { &self.tokens } else { &self.sessions };
            book.gone += usize::from(table.remove(slot as usize));
            book.forgotten += 1;
            count.fetch_sub(1, Ordering::Release);
        }
        true
    }

    /// A table for what is there, and some more. Readers use the old one until the new one is in place.
    fn rebuild(&self, shard: usize, book: &mut Book, old: &Table) {
        let table = Table::with_room_for(book.order.len() + 1);
        for (slot, _) in &mut book.order {
            let key = old.key(*slot as usize);
            let place = self.place(key).hash;
            let free = table.free(place);
            table.put(free, key, place);
            *slot = free as u32;
        }
        book.gone = 0;
        shrink(&mut book.order);
        self.shards.replace(shard, &table);
    }

    // A panic elsewhere must not turn every later revocation into a panic: a book is whole after each of its own steps.
    fn book(&self, shard: usize) -> MutexGuard<'_, Book> {
        self.books[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables<Table> {
    /// Whether there is an id at this place.
    pub(super) fn has(&self, place: Option<Place>) -> bool {
        place.is_some_and(|place| self[shard_of(place.hash)].find(place.key, place.hash).is_some())
    }
}

/// Grows a queue by an eighth, not to the double.
pub(super) fn make_room<T>(queue: &mut VecDeque<T>, more: usize) {
    if queue.capacity() - queue.len() < more {
        queue.reserve_exact(more + queue.len() / 8);
    }
}

/// Gives back what a queue that was longer holds.
pub(super) fn shrink<T>(queue: &mut VecDeque<T>) {
    if queue.capacity() > 2 * queue.len() + 64 {
        queue.shrink_to(queue.len() + queue.len() / 8);
    }
}

fn key_of(id: &[u8; 16], kind: u64) -> Key {
    let both = u128::from_be_bytes(*id);
    ((both >> 64) as u64 & !KIND | kind, both as u64)
}

fn named(key: Key) -> Option<Revocation> {
    let bytes = (u128::from(key.0 & !KIND | TOKEN) << 64 | u128::from(key.1)).to_be_bytes();
    match key.0 & KIND {
        TOKEN => Jti::from_bytes(bytes).map(Revocation::Token),
        _ => Sid::from_bytes(bytes).map(Revocation::Session),
    }
}
