//! The form of a backup: a head, every row of every table, and an end that says how many there were and what they hash to.
//!
//! Head: 16 bytes that name the form, the store's format (u32), when it was taken (u64, milliseconds). Row: the table's number (1 byte),
//! the lengths of key and value (u32 each), both. End: a zero byte, the number of rows (u64), SHA-256 of everything before. All numbers
//! are big-endian.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use ring::digest::{Context, SHA256};

use super::tables::FORMAT;
use crate::time::Moment;

const NAME: &[u8; 15] = b"mintage-backup ";
const VERSION: u8 = b'1';
const END: u8 = 0;
/// Longer than any key or value of ours; a damaged length must not ask for all memory.
const LONGEST: u32 = 16 << 20;

/// What a backup holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    /// When it was taken, by the node's clock.
    pub taken_at: Moment,
    /// How many rows each table has, by its number.
    rows: BTreeMap<u8, u64>,
}

impl Contents {
    /// How many sessions, over or not.
    pub fn sessions(&self) -> u64 {
        self.of(2)
    }

    /// How many entries of the revocation log.
    pub fn log_entries(&self) -> u64 {
        self.of(5)
    }

    /// How many clients that came over the API.
    pub fn clients(&self) -> u64 {
        self.of(9)
    }

    fn of(&self, table: u8) -> u64 {
        self.rows.get(&table).copied().unwrap_or_default()
    }
}

/// Why a backup cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackupFault {
    /// The file system refused.
    Io(String),
    /// It is something else.
    NotABackup,
    /// It was written by a later program.
    UnknownForm(u8),
    /// It holds a store of another format.
    UnknownFormat(u32),
    /// It ends too early: its making was interrupted.
    CutOff,
    /// Its content is not what was written.
    Damaged(&'static str),
    /// The store that it is written into refused.
    Store(String),
}

impl fmt::Display for BackupFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(why) => f.write_str(why),
            Self::NotABackup => f.write_str("this is no backup of mintage: name the file that `mintage backup --to` wrote"),
            Self::UnknownForm(form) => {
                write!(f, "the backup has form {:?}, which this program does not know: use the mintage that wrote it", char::from(*form))
            }
            Self::UnknownFormat(format) => {
                write!(f, "the backup holds a store of format {format}, this program knows {FORMAT}: use the mintage that wrote it")
            }
            Self::CutOff => f.write_str("the backup is cut off: its making was interrupted. Use another one"),
            Self::Damaged(what) => write!(f, "the backup is damaged ({what}). Use another one"),
            Self::Store(why) => write!(f, "the new store cannot be written: {why}"),
        }
    }
}

impl std::error::Error for BackupFault {}

pub(super) fn head(taken_at: Moment) -> Vec<u8> {
    [&NAME[..], &[VERSION], &FORMAT.to_be_bytes(), &taken_at.millis().to_be_bytes()].concat()
}

pub(super) fn row(piece: &mut Vec<u8>, table: u8, key: &[u8], value: &[u8]) {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    piece.push(table);
    piece.extend_from_slice(&length(key));
    piece.extend_from_slice(&length(value));
    piece.extend_from_slice(key);
    piece.extend_from_slice(value);
}

/// The end, but for the hash over everything up to here.
pub(super) fn end(rows: u64) -> Vec<u8> {
    [&[END][..], &rows.to_be_bytes()].concat()
}

/// A row of a backup.
pub(super) struct Row {
    pub(super) table: u8,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// Takes a backup apart. What it gives may be believed only once its end has been reached without a fault.
pub(super) struct Frames<R> {
    from: R,
    digest: Context,
    contents: Contents,
}

impl<R: Read> Frames<R> {
    pub(super) fn open(from: R) -> Result<Self, BackupFault> {
        let contents = Contents { taken_at: Moment::from_millis(0), rows: BTreeMap::new() };
        let mut frames = Self { from, digest: Context::new(&SHA256), contents };
        let name: [u8; 15] = frames.fixed().map_err(|fault| if fault == BackupFault::CutOff { BackupFault::NotABackup } else { fault })?;
        if name != *NAME {
            return Err(BackupFault::NotABackup);
        }
        let [form] = frames.fixed()?;
        if form != VERSION {
            return Err(BackupFault::UnknownForm(form));
        }
        let format = u32::from_be_bytes(frames.fixed()?);
        if format != FORMAT {
            return Err(BackupFault::UnknownFormat(format));
        }
        frames.contents.taken_at = Moment::from_millis(u64::from_be_bytes(frames.fixed()?));
        Ok(frames)
    }

    /// The next row; `None` at a good end.
    pub(super) fn next(&mut self) -> Result<Option<Row>, BackupFault> {
        let [table] = self.fixed()?;
        if table == END {
            return self.check_end().map(|()| None);
        }
        let lengths = [u32::from_be_bytes(self.fixed()?), u32::from_be_bytes(self.fixed()?)];
        if lengths.iter().any(|length| *length > LONGEST) {
            return Err(BackupFault::Damaged("a row is longer than any"));
        }
        *self.contents.rows.entry(table).or_default() += 1;
        Ok(Some(Row { table, key: self.bytes(lengths[0])?, value: self.bytes(lengths[1])? }))
    }

    pub(super) fn contents(self) -> Contents {
        self.contents
    }

    fn check_end(&mut self) -> Result<(), BackupFault> {
        let rows = u64::from_be_bytes(self.fixed()?);
        let expected = self.digest.clone().finish();
        let written: [u8; 32] = self.fixed()?;
        if written != expected.as_ref() {
            return Err(BackupFault::Damaged("its checksum does not match"));
        }
        if rows != self.contents.rows.values().sum::<u64>() {
            return Err(BackupFault::Damaged("rows are missing"));
        }
        match self.from.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(BackupFault::Damaged("something follows its end")),
            Err(error) => Err(BackupFault::Io(error.to_string())),
        }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], BackupFault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn bytes(&mut self, length: u32) -> Result<Vec<u8>, BackupFault> {
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupFault> {
        match self.from.read_exact(bytes) {
            Ok(()) => self.digest.update(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(BackupFault::CutOff),
            Err(error) => return Err(BackupFault::Io(error.to_string())),
        }
        Ok(())
    }
}
