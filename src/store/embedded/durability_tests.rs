//! What only a store on a disk can show: it comes back, it can be put back, and its disk can fail.

use std::sync::Arc;
use std::time::Duration;

use super::super::conformance::{Bench, Counting, Fault, IDLE, SECOND, Storage, WINDOW, row, scopes, session, settings, subject, token};
use super::super::*;
use super::OpenFault;
use crate::ambient::{Clock, ManualClock};
use crate::policy::EndReason;
use crate::revocation::Extent;
use crate::time::Moment;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000)))
}

fn start(storage: &Storage, clock: &Arc<ManualClock>) -> Bench<Embedded> {
    let entropy = Counting::default();
    let store = Embedded::with_backend(storage.clone(), clock.clone(), &entropy, settings()).unwrap();
    Bench { store: Arc::new(store), clock: clock.clone(), entropy }
}

async fn open(on: &Bench<Embedded>) -> Session {
    let Ok(Opened::New { session, .. }) = on.store.open(on.opening(session()), Known::default()).await else { panic!("not opened") };
    *session
}

async fn present(on: &Bench<Embedded>, session: &Session, generation: u32) -> String {
    row(&on.store.refresh(token(session, generation), Known::default()).await.unwrap())
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let (storage, clock) = (Storage::default(), clock());
    let on = start(&storage, &clock);
    let (kept, ended) = (open(&on).await, open(&on).await);
    assert_eq!(present(&on, &kept, 0).await, "Rotated");
    on.store.revoke(on.revocation(Revocable::Session(ended.sid)), Known::default()).await.unwrap();
    let void = on.revocation(Revocable::Epoch { target: subject("bob"), extent: Extent::Sessions });
    let id = void.id;
    on.store.revoke(void, Known::default()).await.unwrap();
    on.store.remember_key("kid".to_owned()).await.unwrap();
    assert_eq!(on.store.spend([1; 32], WINDOW).await, Ok(true));
    let before = (
        on.store.session(kept.sid).await,
        on.store.session(ended.sid).await,
        on.store.log(Position::default(), 100).await,
        on.store.revocation(id).await,
        on.store.keys().await,
    );
    drop(on);
    let on = start(&storage, &clock);
    let after = (
        on.store.session(kept.sid).await,
        on.store.session(ended.sid).await,
        on.store.log(Position::default(), 100).await,
        on.store.revocation(id).await,
        on.store.keys().await,
    );
    assert_eq!(before, after);
    assert_eq!(on.store.spend([1; 32], WINDOW).await, Ok(false));
    assert_eq!(present(&on, &kept, 0).await, "Retried");
    let bob = Session { subject: "bob".to_owned(), ..session() };
    let Ok(Opened::New { session, .. }) = on.store.open(on.opening(bob), Known::default()).await else { panic!("not opened") };
    assert_eq!(on.store.session(session.sid).await.unwrap().unwrap().ended, None, "opened above the epoch");
}

#[tokio::test]
async fn the_reading_stays_when_the_clock_went_back_between_two_lives() {
    let (storage, clock) = (Storage::default(), clock());
    let on = start(&storage, &clock);
    on.store.heartbeat().await.unwrap();
    clock.advance(Duration::from_millis(300));
    let opened = open(&on).await;
    drop(on);
    clock.jump_to(clock.wall().minus(Duration::from_secs(3_600)));
    let on = start(&storage, &clock);
    assert!(on.store.heartbeat().await.unwrap().reading >= opened.sid.stamp());
    assert!(open(&on).await.sid.stamp() >= opened.sid.stamp());
}

#[tokio::test]
async fn a_store_that_is_put_back_heals_and_no_honest_client_is_logged_out() {
    let (storage, clock) = (Storage::default(), clock());
    let on = start(&storage, &clock);
    on.store.heartbeat().await.unwrap();
    let opened = open(&on).await;
    let backup = storage.copy();
    for generation in 0..3 {
        let strict = crate::policy::rotation::Request { rotation_pause: Duration::ZERO, ..token(&opened, generation) };
        assert_eq!(row(&on.store.refresh(strict, Known::default()).await.unwrap()), "Rotated");
    }
    let position = on.store.revoke(on.revocation(Revocable::Key("kid".to_owned())), Known::default()).await;
    let Ok(RevokeAnswer::Done { revoked, .. }) = position else { panic!("not revoked") };
    drop(on);
    let on = start(&backup, &clock);
    assert_eq!(present(&on, &opened, 3).await, "Healed");
    assert_eq!(present(&on, &opened, 3).await, "Kept");
    assert!(on.store.log(revoked.position, 100).await.unwrap().gap, "a follower learns that the log went back");
    clock.advance(SECOND);
    on.store.heartbeat().await.unwrap();
    assert_eq!(present(&on, &opened, 0).await, "Reused", "what was superseded before stays so");
    assert_eq!(on.store.session(opened.sid).await.unwrap().unwrap().ended.unwrap().reason, EndReason::RefreshTokenReused);
}

#[tokio::test]
async fn a_failed_fsync_ends_the_writer_and_nothing_is_answered_as_done() {
    let (storage, clock) = (Storage::default(), clock());
    let on = start(&storage, &clock);
    let opened = open(&on).await;
    storage.fail(Some(Fault::Sync));
    let failed = on.store.refresh(token(&opened, 0), Known::default()).await;
    assert!(matches!(failed, Err(StoreFault::Down(_))), "{failed:?}");
    storage.fail(None);
    let later = on.store.refresh(token(&opened, 0), Known::default()).await;
    assert!(matches!(later, Err(StoreFault::Down(_))), "no second try, even when the disk seems well again: {later:?}");
    assert!(matches!(on.store.session(opened.sid).await, Err(StoreFault::Down(_))));
    assert!(matches!(on.store.heartbeat().await, Err(StoreFault::Down(_))));
    drop(on);
    let on = start(&storage, &clock);
    let answer = present(&on, &opened, 0).await;
    assert!(answer == "Rotated" || answer == "Retried", "a restart goes on, whichever way the write went: {answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_does_not_overtake_the_write_in_flight() {
    let (storage, clock) = (Storage::default(), clock());
    let on = start(&storage, &clock);
    let opened = open(&on).await;
    clock.advance(IDLE - SECOND);
    storage.hold();
    let (store, request) = (on.store.clone(), token(&opened, 0));
    let refresh = tokio::spawn(async move { store.refresh(request, Known::default()).await });
    storage.wait_until_held();
    clock.advance(2 * SECOND);
    let (read, page) = (on.store.session(opened.sid).await, on.store.sessions(Filter::default(), None, 10).await);
    storage.release();
    assert_eq!(row(&refresh.await.unwrap().unwrap()), "Rotated");
    assert_eq!(read.unwrap().unwrap().ended, None, "it was judged alive before, though nobody had been told yet");
    assert_eq!(page.unwrap().sessions[0].ended, None);
    assert_eq!(on.store.session(opened.sid).await.unwrap().unwrap().ended, None);
    clock.advance(IDLE);
    assert_eq!(on.store.session(opened.sid).await.unwrap().unwrap().ended.unwrap().reason, EndReason::Idle);
}

#[tokio::test]
async fn many_waiting_operations_share_few_fsyncs() {
    let storage = Storage::default();
    let on = start(&storage, &clock());
    let before = storage.syncs();
    let calls: Vec<_> = (0..200_u8)
        .map(|n| {
            let store = on.store.clone();
            tokio::spawn(async move { store.spend([n; 32], WINDOW).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(true));
    }
    assert!(storage.syncs() - before < 200, "{} fsyncs for 200 operations", storage.syncs() - before);
}

#[tokio::test]
async fn a_folder_has_one_owner_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let open = || Embedded::open(&data, clock(), &Counting::default(), settings());
    let first = open().unwrap();
    let refused = open().err().unwrap();
    assert!(matches!(refused, OpenFault::AlreadyOpen(_)), "{refused}");
    assert!(refused.to_string().contains("another mintage holds"), "{refused}");
    #[cfg(unix)]
    for (path, mode) in [(data.clone(), 0o700), (data.join("store.redb"), 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
    first.remember_key("kid".to_owned()).await.unwrap();
    drop(first);
    assert_eq!(open().unwrap().keys().await, Ok(vec!["kid".to_owned()]));
}

#[test]
fn a_damaged_or_foreign_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    std::fs::write(&file, vec![b'x'; 8192]).unwrap();
    let refused = Embedded::open(folder.path(), clock(), &Counting::default(), settings()).err().unwrap();
    assert!(matches!(refused, OpenFault::Corrupt(_)), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), vec![b'x'; 8192]);
}

#[tokio::test]
async fn a_damaged_page_is_told_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.redb");
    drop(Embedded::open(folder.path(), clock(), &Counting::default(), settings()).unwrap());
    let whole = std::fs::read(&file).unwrap();
    let mut told = 0;
    for page in (0..whole.len()).step_by(4096) {
        let mut damaged = whole.clone();
        damaged[page..page + 4096].iter_mut().step_by(7).for_each(|byte| *byte ^= 0xff);
        std::fs::write(&file, damaged).unwrap();
        match Embedded::open(folder.path(), clock(), &Counting::default(), settings()) {
            Ok(store) => told += usize::from(store.keys().await.is_err() || store.log(Position::default(), 10).await.is_err()),
            Err(fault) => told += usize::from(matches!(fault, OpenFault::Corrupt(_) | OpenFault::UnknownFormat(_))),
        }
    }
    assert!(told >= 3, "{told}");
}

#[test]
fn a_store_of_another_format_is_refused() {
    let storage = Storage::default();
    let db = redb::Database::builder().create_with_backend(storage.clone()).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(super::tables::META).unwrap().insert(super::tables::FORMAT_ROW, &99_u32.to_be_bytes()[..]).unwrap();
    txn.commit().unwrap();
    drop(db);
    let refused = Embedded::with_backend(storage, clock(), &Counting::default(), settings()).err();
    assert_eq!(refused, Some(OpenFault::UnknownFormat(99)));
}

#[tokio::test]
async fn a_rotation_writes_the_session_and_nothing_else() {
    let storage = Storage::default();
    let on = start(&storage, &clock());
    let opened = open(&on).await;
    let log = on.store.log(Position::default(), 10).await.unwrap();
    let narrowed = crate::policy::rotation::Request { scope: Some(scopes("read")), ..token(&opened, 0) };
    let Ok(Refreshed::Granted { session, .. }) = on.store.refresh(narrowed, Known::default()).await else { panic!("not granted") };
    let expected = Session { generation: 1, mac_key: 2, ..opened.clone() };
    assert_eq!((*session, on.store.log(Position::default(), 10).await), (expected, Ok(log)));
}
