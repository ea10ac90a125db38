//! The tables on disk, their keys and their rows. A row is a version byte and a postcard record.

use std::io;

use redb::{Key, ReadTransaction, ReadableTable, Table, TableDefinition, Value, WriteTransaction};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::common::{EpochRow, EpochRows};
use super::super::{Keep, Position, Progress};
use crate::id::{Sid, Stamp};
use crate::policy::Session;
use crate::revocation::{Revocation, Target};
use crate::time::{Moment, whole_millis};

/// The layout of the whole file and of every row in it. Rows are positional, so a member more is another format; another one is refused
/// at opening.
pub(super) const FORMAT: u32 = 2;
const ROW_VERSION: u8 = 1;

type Bytes = &'static [u8];
type Id = &'static [u8; 16];
type Hash = &'static [u8; 32];
/// SHA-256 of the subject cut to 16 bytes, [`LIVE`] or [`OVER`], the sid.
pub(super) type SubjectKey = [u8; 33];

pub(super) const META: TableDefinition<&str, Bytes> = TableDefinition::new("meta");
pub(super) const SESSIONS: TableDefinition<Id, Bytes> = TableDefinition::new("sessions");
pub(super) const BY_SUBJECT: TableDefinition<&'static SubjectKey, ()> = TableDefinition::new("sessions_by_subject");
pub(super) const EPOCHS: TableDefinition<Bytes, Bytes> = TableDefinition::new("epochs");
pub(super) const LOG: TableDefinition<u64, Bytes> = TableDefinition::new("log");
pub(super) const LOGGED: TableDefinition<Bytes, u64> = TableDefinition::new("logged");
pub(super) const REVOCATIONS: TableDefinition<Id, Bytes> = TableDefinition::new("revocations");
pub(super) const IDEMPOTENCY: TableDefinition<Hash, Bytes> = TableDefinition::new("idempotency");
pub(super) const CLIENTS: TableDefinition<&str, Bytes> = TableDefinition::new("clients");
pub(super) const KEYS: TableDefinition<&str, ()> = TableDefinition::new("keys");
pub(super) const KEYS_OVER: TableDefinition<&str, ()> = TableDefinition::new("keys_over");
pub(super) const SPENT: TableDefinition<Hash, ()> = TableDefinition::new("spent");
pub(super) const DUE: TableDefinition<Bytes, ()> = TableDefinition::new("due");

/// Hands every table, with its number in a backup, to `$visit!`. A number is never given to another table.
macro_rules! every_table {
    ($visit:ident) => {
        $visit! {
            1 META, 2 SESSIONS, 3 BY_SUBJECT, 4 EPOCHS, 5 LOG, 6 LOGGED, 7 REVOCATIONS, 8 IDEMPOTENCY, 9 CLIENTS, 10 KEYS, 11 SPENT, 12 DUE,
            13 KEYS_OVER
        }
    };
}
pub(super) use every_table;

pub(super) const FORMAT_ROW: &str = "format";
pub(super) const STATE_ROW: &str = "state";
/// There since the key folder was told for the first time how far the store had come.
pub(super) const MARKED_ROW: &str = "marked";

pub(super) const LIVE: u8 = 0;
pub(super) const OVER: u8 = 1;

/// A row or a transaction that failed: the text is for the operator's log.
#[derive(Debug)]
pub(super) enum Broken {
    /// What is on disk makes no sense.
    Damaged(String),
    /// The disk has no room.
    Full(String),
    /// The disk refused something else.
    Disk(String),
}

impl<E: Into<redb::Error>> From<E> for Broken {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Io(error) => Self::from_disk(&error),
            error @ redb::Error::PreviousIo => Self::Disk(error.to_string()),
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl Broken {
    pub(super) fn from_disk(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full(error.to_string()),
            _ => Self::Disk(error.to_string()),
        }
    }

    /// What happened.
    pub(super) fn cause(self) -> String {
        let (Self::Damaged(why) | Self::Full(why) | Self::Disk(why)) = self;
        why
    }

    /// What happened, and what the operator of a running node does.
    pub(super) fn remedy(self) -> String {
        match self {
            Self::Full(why) => format!(
                "the disk is full ({why}): make room where the data folder is, then restart mintage; all that was acknowledged is on disk, and \
                 what was answered 503 can be sent again"
            ),
            Self::Disk(why) => format!(
                "the disk has failed ({why}): look at it before anything else, then restart mintage; all that was acknowledged is on disk unless \
                 the disk has lost it, and what was answered 503 can be sent again"
            ),
            Self::Damaged(why) => {
                format!("the store is damaged ({why}): stop mintage, keep a copy of the data folder, and restore it from a backup")
            }
        }
    }
}

/// Every table, in one write transaction.
pub(super) struct Tables<'t> {
    pub(super) meta: Lazy<'t, &'static str, Bytes>,
    pub(super) sessions: Lazy<'t, Id, Bytes>,
    pub(super) by_subject: Lazy<'t, &'static SubjectKey, ()>,
    pub(super) epochs: Lazy<'t, Bytes, Bytes>,
    pub(super) log: Lazy<'t, u64, Bytes>,
    /// What a token's, session's or key's revocation has in the log: no second entry is needed while it stands.
    pub(super) logged: Lazy<'t, Bytes, u64>,
    pub(super) revocations: Lazy<'t, Id, Bytes>,
    pub(super) idempotency: Lazy<'t, Hash, Bytes>,
    pub(super) clients: Lazy<'t, &'static str, Bytes>,
    pub(super) keys: Lazy<'t, &'static str, ()>,
    /// Keys that may never come back.
    pub(super) keys_over: Lazy<'t, &'static str, ()>,
    pub(super) spent: Lazy<'t, Hash, ()>,
    /// What may be forgotten, by the sum of confirmed heartbeats at which it may: eight bytes, a [`Due`] tag, a key.
    pub(super) due: Lazy<'t, Bytes, ()>,
}

/// A table that is opened when it is first asked for: one that is open costs its commit something, also where nothing in it has changed.
pub(super) struct Lazy<'t, K: Key + 'static, V: Value + 'static> {
    txn: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
    opened: Option<Table<'t, K, V>>,
}

impl<'t, K: Key + 'static, V: Value + 'static> Lazy<'t, K, V> {
    fn new(txn: &'t WriteTransaction, definition: TableDefinition<'static, K, V>) -> Self {
        Self { txn, definition, opened: None }
    }

    /// The table; made, where it is new.
    pub(super) fn open(&mut self) -> Result<&mut Table<'t, K, V>, Broken> {
        let table = match self.opened.take() {
            Some(table) => table,
            None => self.txn.open_table(self.definition)?,
        };
        Ok(self.opened.insert(table))
    }
}

impl<'t> Tables<'t> {
    pub(super) fn of(txn: &'t WriteTransaction) -> Self {
        Self {
            meta: Lazy::new(txn, META),
            sessions: Lazy::new(txn, SESSIONS),
            by_subject: Lazy::new(txn, BY_SUBJECT),
            epochs: Lazy::new(txn, EPOCHS),
            log: Lazy::new(txn, LOG),
            logged: Lazy::new(txn, LOGGED),
            revocations: Lazy::new(txn, REVOCATIONS),
            idempotency: Lazy::new(txn, IDEMPOTENCY),
            clients: Lazy::new(txn, CLIENTS),
            keys: Lazy::new(txn, KEYS),
            keys_over: Lazy::new(txn, KEYS_OVER),
            spent: Lazy::new(txn, SPENT),
            due: Lazy::new(txn, DUE),
        }
    }
}

/// Makes every table that there is not yet, so that readers find it.
pub(super) fn make_all(txn: &WriteTransaction) -> Result<(), Broken> {
    macro_rules! make {
        ($($number:literal $table:ident),*) => {$( txn.open_table($table)?; )*};
    }
    every_table!(make);
    Ok(())
}

/// What the store as a whole remembers: one row, held in memory by the writer.
#[derive(Clone, PartialEq, Eq, Default, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct State {
    /// Which life of the store this is.
    pub(super) incarnation: u64,
    /// The highest store time seen; on disk it may be half a second behind.
    pub(super) reading: Stamp,
    /// The highest epoch of any target.
    pub(super) highest_epoch: Stamp,
    /// The sum of confirmed heartbeats, each at most two seconds, in milliseconds.
    pub(super) confirmed: u64,
    pub(super) last_heartbeat: Moment,
    pub(super) steady_since: Moment,
    /// The last log entry written, and the last one trimmed.
    pub(super) last_seq: u64,
    pub(super) trimmed: u64,
    /// The greatest values ever given, in milliseconds.
    pub(super) keep_log: u64,
    pub(super) longest_session: u64,
}

impl State {
    /// Remembers the greatest lengths ever given.
    pub(super) fn keep_at_least(&mut self, keep: Keep) {
        self.keep_log = self.keep_log.max(whole_millis(keep.log));
        self.longest_session = self.longest_session.max(whole_millis(keep.session));
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { incarnation: self.incarnation, entries: self.last_seq, beats: self.confirmed }
    }
}

/// What an `Idempotency-Key` did.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct IdempotencyRow {
    pub(super) request: [u8; 32],
    pub(super) sealed: Vec<u8>,
    pub(super) made: Made,
}

/// What a call with an `Idempotency-Key` made.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(super) enum Made {
    Session(Sid),
    Revocation(crate::id::RevocationId),
}

/// What kind of thing may be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Due {
    Log = 1,
    Revocation = 2,
    Idempotency = 3,
    Spent = 4,
    Epoch = 5,
}

impl Due {
    pub(super) const ALL: [Self; 5] = [Self::Log, Self::Revocation, Self::Idempotency, Self::Spent, Self::Epoch];

    /// The key under which `key` of this kind may be forgotten once `at` is past.
    pub(super) fn key(self, at: u64, key: &[u8]) -> Vec<u8> {
        [&at.to_be_bytes()[..], &[self as u8], key].concat()
    }

    /// Takes a key of the table apart.
    pub(super) fn parse(due: &[u8]) -> Option<(u64, Self, &[u8])> {
        let (at, rest) = due.split_first_chunk::<8>()?;
        let (tag, key) = rest.split_first()?;
        let kind = Self::ALL.into_iter().find(|kind| *kind as u8 == *tag)?;
        Some((u64::from_be_bytes(*at), kind, key))
    }
}

pub(super) fn encode(row: &impl Serialize) -> Result<Vec<u8>, Broken> {
    postcard::to_extend(row, vec![ROW_VERSION]).map_err(|error| Broken::Damaged(format!("a row cannot be written: {error}")))
}

pub(super) fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, Broken> {
    match row.split_first() {
        Some((&ROW_VERSION, record)) => {
            postcard::from_bytes(record).map_err(|error| Broken::Damaged(format!("a row cannot be read: {error}")))
        }
        Some((version, _)) => Err(Broken::Damaged(format!("a row has version {version}, which this program does not know"))),
        None => Err(Broken::Damaged("a row is empty".to_owned())),
    }
}

/// The row of a table of fixed ids, decoded.
pub(super) fn row<'k, K: redb::Key + 'static, T: DeserializeOwned>(
    table: &impl ReadableTable<K, Bytes>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
) -> Result<Option<T>, Broken> {
    table.get(key)?.map(|found| decode(found.value())).transpose()
}

pub(super) fn session(table: &impl ReadableTable<Id, Bytes>, sid: Sid) -> Result<Option<Session>, Broken> {
    row(table, sid.as_bytes())
}

/// The rows of every target that concerns this subject at this client.
pub(super) fn epoch_rows(table: &impl ReadableTable<Bytes, Bytes>, subject: &str, client: &str) -> Result<EpochRows, Broken> {
    let read = |key: Vec<u8>| -> Result<EpochRow, Broken> { Ok(row(table, key.as_slice())?.unwrap_or_default()) };
    let (subject, client) = (hash(subject), hash(client));
    Ok(EpochRows {
        all: read(all_key())?,
        client: read(client_key(&client))?,
        subject: read(subject_key(&subject))?,
        subject_at_client: read(subject_at_client_key(&subject, &client))?,
    })
}

/// The key of a target's epochs: a tag and hashes, so that what strangers choose has no length.
pub(super) fn target_key(target: &Target) -> Vec<u8> {
    match target {
        Target::All => all_key(),
        Target::Client(client) => client_key(&hash(client)),
        Target::Subject(subject) => subject_key(&hash(subject)),
        Target::SubjectAtClient { subject, client } => subject_at_client_key(&hash(subject), &hash(client)),
    }
}

fn all_key() -> Vec<u8> {
    vec![0]
}

fn client_key(client: &[u8; 32]) -> Vec<u8> {
    [&[1], &client[..]].concat()
}

fn subject_key(subject: &[u8; 32]) -> Vec<u8> {
    [&[2], &subject[..]].concat()
}

fn subject_at_client_key(subject: &[u8; 32], client: &[u8; 32]) -> Vec<u8> {
    [&[3], &subject[..], &client[..]].concat()
}

/// The key of a session in the index by subject.
pub(super) fn by_subject_key(subject: &str, part: u8, sid: &[u8; 16]) -> SubjectKey {
    let mut key = [0; 33];
    key[..16].copy_from_slice(&hash(subject)[..16]);
    key[16] = part;
    key[17..].copy_from_slice(sid);
    key
}

/// The session that a key of the index names.
pub(super) fn indexed_sid(key: &SubjectKey) -> Result<Sid, Broken> {
    let mut sid = [0; 16];
    sid.copy_from_slice(&key[17..]);
    Sid::from_bytes(sid).ok_or_else(|| Broken::Damaged("the index by subject holds no sid".to_owned()))
}

/// The key of a revocation that stands once in the log; epochs stand there as often as they are raised.
pub(super) fn logged_key(revocation: &Revocation) -> Option<Vec<u8>> {
    match revocation {
        Revocation::Token(jti) => Some([&[0], &jti.as_bytes()[..]].concat()),
        Revocation::Session(sid) => Some([&[1], &sid.as_bytes()[..]].concat()),
        Revocation::Key(kid) => Some([&[2], kid.as_bytes()].concat()),
        Revocation::Epoch { .. } => None,
    }
}

/// The state row as a reader sees it.
pub(super) fn state(txn: &ReadTransaction) -> Result<State, Broken> {
    row(&txn.open_table(META)?, STATE_ROW)?.ok_or_else(|| Broken::Damaged("the store has no state".to_owned()))
}

pub(super) fn position(incarnation: u64, seq: u64) -> Position {
    super::super::common::Place { incarnation, seq }.into()
}

fn hash(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}
