//! Taking the whole store out while it is in use: one read transaction, piece by piece.

use std::ops::Bound;
use std::sync::Arc;

use redb::{Database, Key, ReadTransaction, ReadableDatabase, TableDefinition, Value};
use ring::digest::{Context, SHA256};

use super::super::StoreFault;
use super::tables::{
    BY_SUBJECT, Broken, CLIENTS, DUE, EPOCHS, IDEMPOTENCY, KEYS, KEYS_OVER, LOG, LOGGED, META, REVOCATIONS, SESSIONS, SPENT, every_table,
};
use super::{DAMAGED, frames, unless_it_panics};
use crate::time::Moment;

/// A piece is handed over when it has grown to this.
const PIECE: usize = 64 << 10;

/// The store at one moment, as the bytes of a backup: the sum of all pieces. Memory is bounded by one piece and its last row.
pub struct Snapshot {
    txn: ReadTransaction,
    /// Which table comes next, and the last key taken from it.
    table: u8,
    after: Option<Vec<u8>>,
    digest: Context,
    rows: u64,
    head: Option<Vec<u8>>,
    is_over: bool,
    /// Closed after the transaction.
    _db: Arc<Database>,
}

impl Snapshot {
    pub(super) fn begin(db: Arc<Database>, taken_at: Moment) -> Result<Self, Broken> {
        let head = Some(frames::head(taken_at));
        let txn = db.begin_read()?;
        Ok(Self { txn, table: 1, after: None, digest: Context::new(&SHA256), rows: 0, head, is_over: false, _db: db })
    }

    /// The next piece; `None` after the last. It reads from the disk: not for a thread that others wait for.
    ///
    /// # Errors
    /// When a page cannot be read. What has been taken so far is then no backup, and says so by having no end.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, StoreFault> {
        if self.is_over {
            return Ok(None);
        }
        let taken = unless_it_panics(|| self.take_piece()).unwrap_or_else(|| Err(Broken::Damaged(DAMAGED.to_owned())));
        taken.map(Some).map_err(|broken| StoreFault::Down(broken.remedy()))
    }

    fn take_piece(&mut self) -> Result<Vec<u8>, Broken> {
        let mut piece = self.head.take().unwrap_or_default();
        while piece.len() < PIECE && !self.is_over {
            let is_table = self.take_rows(&mut piece)?;
            if piece.len() < PIECE {
                self.table += 1;
                self.after = None;
                self.is_over = !is_table;
            }
        }
        if self.is_over {
            piece.extend(frames::end(self.rows));
        }
        self.digest.update(&piece);
        if self.is_over {
            piece.extend_from_slice(self.digest.clone().finish().as_ref());
        }
        Ok(piece)
    }

    /// Takes rows of the table that comes next; whether there is such a table.
    fn take_rows(&mut self, piece: &mut Vec<u8>) -> Result<bool, Broken> {
        macro_rules! take {
            ($($number:literal $table:ident),*) => {
                match self.table {
                    $($number => self.take_from($table, piece)?,)*
                    _ => return Ok(false),
                }
            };
        }
        every_table!(take);
        Ok(true)
    }

    fn take_from<K: Key + 'static, V: Value + 'static>(&mut self, table: TableDefinition<K, V>, piece: &mut Vec<u8>) -> Result<(), Broken> {
        let open = self.txn.open_table(table)?;
        let after = self.after.take();
        let from = after.as_deref().map_or(Bound::Unbounded, |key| Bound::Excluded(K::from_bytes(key)));
        for found in open.range::<K::SelfType<'_>>((from, Bound::Unbounded))? {
            let (key, value) = found?;
            let (key, value) = (key.value(), value.value());
            frames::row(piece, self.table, K::as_bytes(&key).as_ref(), V::as_bytes(&value).as_ref());
            self.rows += 1;
            if piece.len() >= PIECE {
                self.after = Some(K::as_bytes(&key).as_ref().to_vec());
                break;
            }
        }
        Ok(())
    }
}
