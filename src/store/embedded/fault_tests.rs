//! What a power cut, a torn file and a disk without room do to what was acknowledged: nothing.

use std::sync::Arc;
use std::time::Duration;

use super::super::conformance::{Bench, Counting, Dice, Fault, SECOND, Storage, WINDOW, session, settings, token};
use super::super::*;
use super::OpenFault;
use crate::ambient::ManualClock;
use crate::id::{Jti, Sid, Stamp};
use crate::policy::Session;
use crate::policy::rotation::Request;
use crate::revocation::{Extent, Revocation, Target};
use crate::time::Moment;

/// What has been acknowledged.
#[derive(Default)]
struct Acknowledged {
    sessions: Vec<(Session, u32)>,
    ended: Vec<Sid>,
    log: Vec<Revocation>,
    spent: Vec<[u8; 32]>,
    effects: usize,
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Moment::from_seconds(1_800_000_000)))
}

fn try_start(storage: &Storage, clock: &Arc<ManualClock>) -> Result<Bench<Embedded>, OpenFault> {
    let entropy = Counting::default();
    let store = Arc::new(Embedded::with_backend(storage.clone(), clock.clone(), &entropy, settings())?);
    Ok(Bench { store, clock: clock.clone(), entropy })
}

/// Opens, rotates, ends and voids, until everything is done or the store says no.
async fn live(on: &Bench<Embedded>, rounds: u8) -> (Acknowledged, Option<StoreFault>) {
    let mut so_far = Acknowledged::default();
    for round in 0..rounds {
        if let Err(fault) = live_a_round(on, round, &mut so_far).await {
            return (so_far, Some(fault));
        }
    }
    (so_far, None)
}

async fn live_a_round(on: &Bench<Embedded>, round: u8, so_far: &mut Acknowledged) -> Result<(), StoreFault> {
    let known = Known::default();
    on.clock.advance(SECOND);
    on.store.heartbeat().await?;
    for who in ["kept", "ended"] {
        let subject = format!("{who} {round}");
        let Opened::New { session, .. } = on.store.open(on.opening(Session { subject, ..session() }), known).await? else { unreachable!() };
        so_far.sessions.push((*session, 0));
        so_far.effects += 1;
    }
    let at = so_far.sessions.len() - 2;
    for generation in 0..2 {
        let rotation = presented(&so_far.sessions[at].0, generation);
        assert!(matches!(on.store.refresh(rotation, known).await?, Refreshed::Granted { .. }));
        so_far.sessions[at].1 = generation + 1;
        so_far.effects += 1;
    }
    let (ended, _) = so_far.sessions.pop().unwrap();
    let voided = Revocable::Epoch { target: Target::Subject(format!("void {round}")), extent: Extent::Sessions };
    let token = Revocable::Token(Jti::new(Stamp::from_millis(7), &[round; 10]));
    for what in [Revocable::Session(ended.sid), voided, token] {
        let RevokeAnswer::Done { entries, .. } = on.store.revoke(on.revocation(what), known).await? else { unreachable!() };
        so_far.log.extend(entries.into_iter().map(|entry| entry.revocation));
        so_far.effects += 1;
    }
    so_far.ended.push(ended.sid);
    on.store.spend([round; 32], WINDOW).await?;
    so_far.spent.push([round; 32]);
    so_far.effects += 1;
    Ok(())
}

/// With neither window nor pause but for a client that proves itself: a generation behind is `Retried`, for ever.
fn presented(session: &Session, generation: u32) -> Request {
    Request { authenticated: true, rotation_pause: Duration::ZERO, ..token(session, generation) }
}

/// How much of what was acknowledged is not there; an error is told and nothing lost.
async fn lost(on: &Bench<Embedded>, acknowledged: &Acknowledged) -> Result<usize, StoreFault> {
    let log = on.store.log(Position::default(), 10_000).await?;
    let log: Vec<Revocation> = log.entries.into_iter().map(|entry| entry.revocation).collect();
    let mut lost = acknowledged.log.iter().filter(|revocation| !log.contains(revocation)).count();
    for sid in &acknowledged.ended {
        lost += usize::from(on.store.session(*sid).await?.is_none_or(|session| session.ended.is_none()));
    }
    for (session, generation) in &acknowledged.sessions {
        let held = on.store.session(session.sid).await?;
        // One generation more is a rotation that was not answered: its retry gets the same successor.
        lost += usize::from(!held.is_some_and(|held| held.ended.is_none() && (*generation..=generation + 1).contains(&held.generation)));
        let again = on.store.refresh(presented(session, *generation), Known::default()).await?;
        lost += usize::from(!matches!(again, Refreshed::Granted { how: Granted::Rotated | Granted::Retried, .. }));
    }
    for id in &acknowledged.spent {
        lost += usize::from(on.store.spend(*id, WINDOW).await?);
    }
    Ok(lost)
}

#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    let (mut cuts, mut effects, mut refused, mut gone, mut unharmed) = (0, 0, 0, 0, 0);
    let mut dice = Dice(1);
    for after in (0..).map(|n: u64| n * 3 / 2) {
        let (storage, clock) = (Storage::default(), clock());
        storage.cut_after(after);
        let Ok(on) = try_start(&storage, &clock) else { continue };
        let (acknowledged, fault) = live(&on, 3).await;
        drop(on);
        unharmed += usize::from(fault.is_none());
        for _ in 0..4 {
            cuts += 1;
            effects += acknowledged.effects;
            match try_start(&storage.after_the_cut(&mut dice), &clock) {
                Ok(on) => gone += lost(&on, &acknowledged).await.unwrap(),
                Err(_) => refused += 1,
            }
        }
        if unharmed == 2 {
            break;
        }
    }
    println!("power cut: {cuts} cuts, {effects} acknowledged effects, {gone} lost, {refused} starts refused");
    assert!(cuts > 100 && effects > 500);
    assert_eq!((gone, refused), (0, 0));
}

#[tokio::test]
async fn a_torn_file_loses_nothing_or_is_refused() {
    let (storage, clock) = (Storage::default(), clock());
    let on = try_start(&storage, &clock).unwrap();
    let (acknowledged, fault) = live(&on, 4).await;
    assert_eq!(fault, None);
    // As after a crash: the store is not closed.
    let whole = storage.content();
    let folder = tempfile::tempdir().unwrap();
    let (mut whole_again, mut refused, mut told, mut silently) = (0, 0, 0, 0);
    let mut message = String::new();
    for content in torn(&whole) {
        std::fs::write(folder.path().join("store.redb"), content).unwrap();
        let entropy = Counting::default();
        match Embedded::open(folder.path(), clock.clone(), &entropy, settings()) {
            Err(fault) => {
                refused += 1;
                message = fault.to_string();
                assert!(message.contains("restore it from a backup"), "{message}");
            }
            Ok(store) => match lost(&Bench { store: Arc::new(store), clock: clock.clone(), entropy }, &acknowledged).await {
                Ok(0) => whole_again += 1,
                Ok(_) => silently += 1,
                Err(_) => told += 1,
            },
        }
    }
    let message = message.replace(&folder.path().display().to_string(), "data");
    println!(
        "torn file: {whole_again} whole, {refused} refused at the start, {told} told at the first use, {silently} lost; \"{message}\""
    );
    assert!(refused > 0);
    assert_eq!(silently, 0, "{} effects were acknowledged", acknowledged.effects);
}

/// The file cut short, and with one byte flipped, at many places: more at its end.
fn torn(whole: &[u8]) -> Vec<Vec<u8>> {
    let used = whole.len() - whole.iter().rev().take_while(|byte| **byte == 0).count();
    let tail = (0..12).map(|n| whole.len().saturating_sub(1 << n));
    let cuts = tail.chain((0..24).map(|n| used - used * n / 24));
    let cut = cuts.map(|at| whole[..at].to_vec());
    let flip = (0..used.div_ceil(1024)).map(|n| {
        let mut bytes = whole.to_vec();
        bytes[(n * 1024 + 77).min(used - 1)] ^= 0x10;
        bytes
    });
    cut.chain(flip).collect()
}

#[tokio::test]
async fn a_full_disk_refuses_before_any_effect_and_says_what_to_do() {
    for fault in [Fault::FullAtWrite, Fault::FullAtGrowth] {
        let (storage, clock) = (Storage::default(), clock());
        let on = try_start(&storage, &clock).unwrap();
        let mut acknowledged = live(&on, 3).await.0;
        storage.fail(Some(fault));
        let refused = loop {
            let big = Session { subject: "someone".to_owned(), claims: format!(r#"{{"note":"{}"}}"#, "x".repeat(2_000)), ..session() };
            match on.store.open(Open { sessions_per_slot: None, ..on.opening(big) }, Known::default()).await {
                Ok(_) => acknowledged.effects += 1,
                Err(fault) => break fault,
            }
        };
        assert!(refused.to_string().contains("make room") && refused.to_string().contains("restart"), "{refused}");
        assert_eq!(on.store.heartbeat().await, Err(refused.clone()), "the same cause is told to everybody");
        assert!(!on.store.is_up());
        drop(on);
        let at_start = try_start(&storage, &clock).err();
        storage.fail(None);
        let on = try_start(&storage, &clock).unwrap();
        assert_eq!(lost(&on, &acknowledged).await, Ok(0));
        let at_start = at_start.map_or_else(|| "it starts".to_owned(), |fault| fault.to_string());
        println!(
            "{fault:?}: {} effects acknowledged, 0 lost; running: \"{refused}\"; started again before there is room: \"{at_start}\"",
            acknowledged.effects
        );
    }
}

#[tokio::test]
async fn a_failed_fsync_says_what_to_do() {
    let (storage, clock) = (Storage::default(), clock());
    let on = try_start(&storage, &clock).unwrap();
    let acknowledged = live(&on, 3).await.0;
    storage.fail(Some(Fault::Sync));
    let refused = on.store.spend([99; 32], WINDOW).await.unwrap_err();
    assert!(refused.to_string().contains("the disk is gone") && refused.to_string().contains("restart"), "{refused}");
    drop(on);
    storage.fail(None);
    let on = try_start(&storage, &clock).unwrap();
    assert_eq!(lost(&on, &acknowledged).await, Ok(0));
    println!("fsync: {} effects acknowledged, 0 lost; running: \"{refused}\"", acknowledged.effects);
}

#[tokio::test]
async fn a_panic_of_the_writer_is_told_as_damage_and_ends_it() {
    let (storage, clock) = (Storage::default(), clock());
    let on = try_start(&storage, &clock).unwrap();
    let acknowledged = live(&on, 1).await.0;
    let refused = on.store.writer.run(|_| -> Result<(), _> { panic!("as redb does where a page is not what it wrote") }).await.unwrap_err();
    assert!(!on.store.is_up());
    let later = on.store.spend([99; 32], WINDOW).await.unwrap_err();
    assert_eq!(refused, later, "the first is told the cause as everybody after it");
    assert!(later.to_string().contains("restore it from a backup"), "{later}");
    drop(on);
    let on = try_start(&storage, &clock).unwrap();
    assert_eq!(lost(&on, &acknowledged).await, Ok(0));
    println!("panic: {} effects acknowledged, 0 lost; the first is told: \"{refused}\", the next: \"{later}\"", acknowledged.effects);
}
