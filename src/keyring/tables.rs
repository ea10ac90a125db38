//! Which keys have tables, and how many may.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::Arc;

use super::VerifyingKey;
use super::key_table::KeyTable;

/// Multiples of few Ed25519 keys, computed once: a check by them takes less than half of the time, and answers the same. For keys that check
/// many signatures; making a table takes as long as some thirty checks by `ring`.
///
/// It holds at most [`Tables::KEYS`] of them at [`Tables::KEY_BYTES`] each; [`Tables::BASE_BYTES`] more are part of the program, for all of them. Without
/// the feature `tables` it holds none.
#[derive(Default)]
pub struct Tables {
    keys: HashMap<[u8; 32], Arc<KeyTable>>,
}

impl Tables {
    /// How many keys have a table at most.
    pub const KEYS: usize = 8;
    /// Bytes of the table of one key.
    pub const KEY_BYTES: usize = KeyTable::BYTES;
    /// Bytes of the table of the base point, which all keys share.
    pub const BASE_BYTES: usize = KeyTable::BASE_BYTES;

    /// Gives their tables to these keys, the first ones first, until [`Tables::KEYS`] have one; a key that had one before keeps it. Tables
    /// of all other keys are forgotten. Keys of other kinds, and points outside the group of prime order, have none: they check as
    /// before.
    pub fn equip<'a>(&mut self, keys: impl IntoIterator<Item = &'a mut VerifyingKey>) {
        let mut before = mem::take(&mut self.keys);
        for key in keys {
            let Some(key) = key.ed25519_mut() else { continue };
            let bytes = *key.as_bytes();
            if self.keys.len() < Self::KEYS && !self.keys.contains_key(&bytes) {
                let table = before.remove(&bytes).or_else(|| key.make_table());
                self.keys.extend(table.map(|table| (bytes, table)));
            }
            key.table = self.keys.get(&bytes).cloned();
        }
    }

    /// How many keys have a table.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tables({} keys)", self.len())
    }
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
