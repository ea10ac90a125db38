//! A backup becomes a store again: the same rows, another life.

use std::io::Read;
use std::path::Path;

use redb::{Database, Key, TableDefinition, Value, WriteTransaction};

use super::frames::{BackupFault, Contents, Frames, Row};
use super::tables::{
    BY_SUBJECT, Broken, CLIENTS, DUE, EPOCHS, IDEMPOTENCY, KEYS, KEYS_OVER, LOG, LOGGED, META, REVOCATIONS, SESSIONS, SPENT, STATE_ROW,
    State, decode, encode, every_table,
};
use super::{start, unless_it_panics};
use crate::ambient::Entropy;

/// How many bytes of rows share a transaction.
const BATCH: usize = 4 << 20;

/// Reads a backup to its end and checks every byte of it.
///
/// # Errors
/// What is wrong with it.
pub fn check(from: impl Read) -> Result<Contents, BackupFault> {
    let mut frames = Frames::open(from)?;
    while frames.next()?.is_some() {}
    Ok(frames.contents())
}

/// Writes a backup into a new store in the folder `data`, which must hold none. The new store is another life of it: whoever followed the
/// log learns that it has gone back. What was called back after the backup is *not* in it: see to that before anybody is answered from it.
///
/// # Errors
/// What is wrong with the backup or the folder; then nobody may use what has been written.
pub fn restore(from: impl Read, data: &Path, entropy: &dyn Entropy) -> Result<Contents, BackupFault> {
    let mut frames = Frames::open(from)?;
    let db = start::on_disk(data).map_err(|fault| BackupFault::Store(fault.to_string()))?;
    let incarnation = u64::from_be_bytes(entropy.bytes());
    loop {
        let (mut batch, mut size) = (Vec::new(), 0);
        while size < BATCH
            && let Some(row) = frames.next()?
        {
            size += row.key.len() + row.value.len();
            batch.push(row);
        }
        if batch.is_empty() {
            return Ok(frames.contents());
        }
        let written =
            unless_it_panics(|| write(&db, &batch, incarnation)).unwrap_or(Err(Broken::Damaged("a row makes no sense".to_owned())));
        written.map_err(|broken| BackupFault::Store(broken.cause()))?;
        if size < BATCH {
            return Ok(frames.contents());
        }
    }
}

fn write(db: &Database, batch: &[Row], incarnation: u64) -> Result<(), Broken> {
    let txn = db.begin_write()?;
    for rows in batch.chunk_by(|one, next| one.table == next.table) {
        put(&txn, rows, incarnation)?;
    }
    txn.commit()?;
    Ok(())
}

/// Writes rows of one table.
fn put(txn: &WriteTransaction, rows: &[Row], incarnation: u64) -> Result<(), Broken> {
    macro_rules! put {
        ($($number:literal $table:ident),*) => {
            match rows.first().map(|row| row.table) {
                $(Some($number) => put_into(txn, $table, rows, incarnation),)*
                Some(other) => Err(Broken::Damaged(format!("there is no table {other}"))),
                None => Ok(()),
            }
        };
    }
    every_table!(put)
}

fn put_into<K: Key + 'static, V: Value + 'static>(
    txn: &WriteTransaction,
    table: TableDefinition<K, V>,
    rows: &[Row],
    incarnation: u64,
) -> Result<(), Broken> {
    let mut table = txn.open_table(table)?;
    for Row { table: number, key, value } in rows {
        if *number == 1 && key == STATE_ROW.as_bytes() {
            let reborn = encode(&State { incarnation, ..decode(value)? })?;
            table.insert(K::from_bytes(key), V::from_bytes(&reborn))?;
        } else {
            table.insert(K::from_bytes(key), V::from_bytes(value))?;
        }
    }
    Ok(())
}
