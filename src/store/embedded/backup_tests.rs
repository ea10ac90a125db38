//! A backup gives everything back, is of one moment, and is never half believed.

use std::sync::Arc;
use std::time::Duration;

use redb::ReadableDatabase;

use super::super::conformance::keeping::a_client;
use super::super::conformance::{Bench, Counting, Storage, session, settings, subject, token};
use super::super::*;
use super::frames::{BackupFault, Frames};
use super::{OpenFault, check, restore};
use crate::ambient::{Clock, ManualClock};
use crate::policy::Session;
use crate::revocation::Extent;
use crate::time::Moment;

fn start() -> Bench<Embedded> {
    let clock = Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000)));
    let entropy = Counting::default();
    let store = Embedded::with_backend(Storage::default(), clock.clone(), &entropy, settings()).unwrap();
    Bench { store: Arc::new(store), clock, entropy }
}

/// Randomness that has not named a life yet.
fn another_life() -> Counting {
    let entropy = Counting::default();
    (0..77).for_each(|_| drop(entropy.random().to_vec()));
    entropy
}

/// A store with rows in every table.
async fn filled() -> Bench<Embedded> {
    filled_with(400).await
}

async fn filled_with(sessions: u32) -> Bench<Embedded> {
    let on = start();
    for n in 0..sessions {
        on.open(Session { subject: format!("user {n}"), ..session() }).await;
    }
    let opened = on.open(session()).await;
    on.store.refresh(token(&opened, 0), Known::default()).await.unwrap();
    let again = Idempotency { key: [7; 32], request: [8; 32], sealed: vec![9], keep: Duration::from_secs(60) };
    let revoke = Revoke { idempotency: Some(again), ..on.revocation(Revocable::Session(opened.sid)) };
    on.store.revoke(revoke, Known::default()).await.unwrap();
    on.revoke(Revocable::Epoch { target: subject("user 1"), extent: Extent::Sessions }).await;
    on.store.put_client(a_client("shop", "read"), Keep { log: Duration::ZERO, session: Duration::ZERO }).await.unwrap();
    on.store.remember_key("kid".to_owned()).await.unwrap();
    on.store.forget_key("old".to_owned()).await.unwrap();
    on.store.spend([3; 32], Duration::from_secs(60)).await.unwrap();
    on.store.heartbeat().await.unwrap();
    on
}

fn whole(store: &Embedded) -> Vec<u8> {
    let mut snapshot = store.snapshot().unwrap();
    std::iter::from_fn(|| snapshot.next_piece().unwrap()).flatten().collect()
}

/// Every row but the one that says which life of the store this is.
fn rows(backup: &[u8]) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    let mut frames = Frames::open(backup).unwrap();
    let rows = std::iter::from_fn(|| frames.next().unwrap()).map(|row| (row.table, row.key, row.value));
    rows.filter(|(table, key, _)| (*table, key.as_slice()) != (1, b"state")).collect()
}

#[tokio::test]
async fn every_row_of_every_table_comes_back_in_another_life() {
    let on = filled().await;
    let backup = whole(&on.store);
    let before = on.store.log(Position::default(), 100).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let contents = restore(backup.as_slice(), folder.path(), &another_life()).unwrap();
    assert_eq!((contents.sessions(), contents.clients(), contents.log_entries()), (401, 1, before.entries.len() as u64));
    let restored = Embedded::open(folder.path(), on.clock.clone(), &Counting::default(), settings()).unwrap();
    let again = whole(&restored);
    let tables: std::collections::BTreeSet<u8> = rows(&again).into_iter().map(|(table, ..)| table).collect();
    assert_eq!(tables, (1..=13).collect(), "every table had a row");
    assert_eq!(rows(&again), rows(&backup));
    let log = restored.log(before.position.clone(), 100).await.unwrap();
    assert!(log.gap, "whoever followed the log reads it again");
    assert!(!restored.progress().unwrap().has_been_at(on.store.progress().unwrap()));
    assert_eq!(log.entries.len(), before.entries.len());
}

#[tokio::test]
async fn no_table_is_left_out_of_a_backup() {
    let on = filled().await;
    let tables = on.store.db.begin_read().unwrap().list_tables().unwrap().count();
    let backed_up: std::collections::BTreeSet<u8> = rows(&whole(&on.store)).into_iter().map(|(table, ..)| table).collect();
    assert_eq!(tables, backed_up.len(), "a new table gets its line in every_table!");
}

#[tokio::test]
async fn a_backup_is_of_one_moment_however_long_it_takes() {
    let on = filled().await;
    let mut snapshot = on.store.snapshot().unwrap();
    let mut backup = snapshot.next_piece().unwrap().unwrap();
    assert!(check(backup.as_slice()) == Err(BackupFault::CutOff), "there is more than one piece");
    for _ in 0..50 {
        on.open(Session { subject: "later".to_owned(), ..session() }).await;
    }
    on.store.remember_key("later".to_owned()).await.unwrap();
    backup.extend(std::iter::from_fn(|| snapshot.next_piece().unwrap()).flatten());
    assert_eq!(check(backup.as_slice()).unwrap().sessions(), 401);
    assert!(!rows(&backup).iter().any(|(_, key, _)| key == b"later"));
}

#[tokio::test]
async fn a_backup_that_is_cut_off_or_changed_anywhere_is_refused() {
    let on = start();
    on.open(session()).await;
    let backup = whole(&on.store);
    assert!(check(backup.as_slice()).is_ok());
    for length in 0..backup.len() {
        let refused = check(&backup[..length]).err().unwrap();
        let expected = if length < 15 { BackupFault::NotABackup } else { BackupFault::CutOff };
        assert_eq!(refused, expected, "{length} of {}", backup.len());
    }
    for at in 0..backup.len() {
        let mut changed = backup.clone();
        changed[at] ^= 1;
        assert!(check(changed.as_slice()).is_err(), "byte {at} was changed");
    }
    let more = [&backup[..], b"x"].concat();
    assert!(matches!(check(more.as_slice()), Err(BackupFault::Damaged(_))));
}

#[test]
fn a_backup_of_another_form_or_format_says_what_to_use() {
    let form = BackupFault::UnknownForm(b'2');
    assert_eq!(check(&b"mintage-backup 2............"[..]), Err(form));
    let format = check(&[&b"mintage-backup 1"[..], &99_u32.to_be_bytes(), &[0; 8]].concat()[..]);
    assert_eq!(format, Err(BackupFault::UnknownFormat(99)));
    assert!(format.unwrap_err().to_string().contains("use the mintage that wrote it"));
}

#[test]
fn a_store_of_another_format_says_what_to_do_and_is_left_alone() {
    for version in [1_u32, 99] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.redb");
        let db = redb::Database::create(&file).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(super::tables::META).unwrap().insert(super::tables::FORMAT_ROW, &version.to_be_bytes()[..]).unwrap();
        txn.commit().unwrap();
        drop(db);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000)));
        let refused = Embedded::open(folder.path(), clock, &Counting::default(), settings()).err().unwrap();
        assert_eq!(refused, OpenFault::UnknownFormat(version));
        let said = refused.to_string();
        assert!(said.contains(&format!("format {version}")) && said.contains("Start the version of mintage that wrote it"), "{said}");
        let db = redb::Database::open(&file).unwrap();
        assert_eq!(db.begin_read().unwrap().list_tables().unwrap().count(), 1, "nothing was added");
    }
}

/// A store of this format as it was written when the format began, all its rows, never written anew.
const AS_IT_BEGAN: &[u8] = include_bytes!("format_2.backup");

#[tokio::test]
async fn rows_that_were_written_when_this_format_began_are_read() {
    assert_eq!(super::tables::FORMAT, 2, "a new format begins with a backup of its own: WRITE_FORMAT=1 writes it");
    write_where_asked().await;
    let folder = tempfile::tempdir().unwrap();
    restore(AS_IT_BEGAN, folder.path(), &another_life()).unwrap();
    let clock = Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000)));
    let on = Bench {
        store: Arc::new(Embedded::open(folder.path(), clock.clone(), &Counting::default(), settings()).unwrap()),
        clock,
        entropy: Counting::default(),
    };
    let page = on.store.sessions(Filter::default(), None, 10).await.unwrap();
    let ended: Vec<bool> = page.sessions.iter().map(|session| session.ended.is_some()).collect();
    assert_eq!(ended, [false, true, true], "alive, void by its subject, called back");
    let log = on.store.log(Position::default(), 10).await.unwrap();
    assert_eq!(log.entries.len(), 2);
    let again = Idempotency { key: [7; 32], request: [8; 32], sealed: vec![9], keep: Duration::from_secs(60) };
    let revoke = Revoke { idempotency: Some(again), ..on.revocation(Revocable::Session(page.sessions[2].sid)) };
    assert!(matches!(on.store.revoke(revoke, Known::default()).await, Ok(RevokeAnswer::Again(_))), "revocations and what was remembered");
    assert_eq!(on.store.clients().await, Ok(vec![a_client("shop", "read")]), "or it is written anew, with another FORMAT");
    assert_eq!(on.store.keys().await, Ok(vec!["kid".to_owned()]));
    assert_eq!(on.store.remember_key("old".to_owned()).await, Ok(false));
    assert_eq!(on.store.spend([3; 32], Duration::from_secs(60)).await, Ok(false));
}

#[expect(clippy::disallowed_methods, reason = "a switch of the developer's, read by the test alone")]
async fn write_where_asked() {
    if std::env::var_os("WRITE_FORMAT").is_some() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/embedded/format_2.backup");
        std::fs::write(place, whole(&filled_with(2).await.store)).unwrap();
    }
}
