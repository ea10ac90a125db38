//! What is kept how long, and what is registered.

use std::collections::BTreeSet;

use super::*;
use crate::id::Jti;
use crate::registry::{Client, ClientType, OpensFor, Overrides, TokenFormat};

fn a_token() -> Revocable {
    Revocable::Token(Jti::new(Stamp::from_millis(7), &[1; 10]))
}

pub(in crate::store) fn a_client(id: &str, scope: &str) -> Client {
    Client {
        id: id.to_owned(),
        kind: ClientType::Public,
        secrets: Vec::new(),
        keys: vec![],
        grants: BTreeSet::new(),
        scopes: scopes(scope),
        audiences: Vec::new(),
        opens_for: OpensFor::These(BTreeSet::from(["app".to_owned()])),
        format: TokenFormat::Paseto,
        origins: Vec::new(),
        overrides: Overrides { access_ttl: Some(SECOND), ..Overrides::default() },
        rotates: true,
        dpop_bound: false,
        sessions_per_slot: Some(2),
        disabled: false,
    }
}

pub(super) async fn a_clock_that_jumps_forgets_nothing<S: Store>(on: Bench<S>) {
    let opened = on.open(Session { idle: 2 * LIFETIME, ..session() }).await;
    on.revoke(Revocable::Session(opened.sid)).await;
    on.epoch(subject("alice"), Extent::Sessions).await;
    let before = on.log().await;
    for _ in 0..3 {
        on.clock.advance(Duration::from_secs(3_600));
        on.beat().await;
        on.clock.jump_to(on.clock.wall().minus(Duration::from_secs(3_600)));
        on.beat().await;
        on.clock.advance(Duration::from_secs(86_400));
        on.beat().await;
        assert_eq!(on.sweep().await, Swept::default());
    }
    assert_eq!(on.log().await, before);
    assert_eq!(on.end_of(&opened).await, Some(EndReason::Revoked));
}

pub(super) async fn an_entry_goes_when_enough_heartbeats_have_confirmed_it<S: Store>(on: Bench<S>) {
    let (revoked, _) = on.revoke(a_token()).await;
    on.pass(settings().keep_log).await;
    on.sweep().await;
    assert_eq!(on.log().await.entries.len(), 1, "kept that long");
    on.pass(SECOND).await;
    assert_eq!(on.sweep().await, Swept { entries: 2, ..Swept::default() }, "the entry and the record of it");
    assert_eq!((on.log().await.entries.len(), on.store.revocation(revoked.id).await), (0, Ok(None)));
    assert_eq!(on.revoke(a_token()).await.1.len(), 1);
    assert_eq!(on.log().await.entries.len(), 1, "asked again, it is written again");
}

pub(super) async fn the_entry_of_a_key_stays_as_long_as_the_key<S: Store>(on: Bench<S>) {
    on.store.remember_key("kid".to_owned()).await.expect("the store works");
    on.revoke(Revocable::Key("kid".to_owned())).await;
    for _ in 0..3 {
        on.pass(settings().keep_log + SECOND).await;
        on.sweep().await;
        assert_eq!(on.log().await.entries.len(), 1);
    }
    on.store.forget_key("kid".to_owned()).await.expect("the store works");
    on.pass(settings().keep_log + SECOND).await;
    on.sweep().await;
    assert_eq!(on.log().await.entries.len(), 0);
}

pub(super) async fn an_epoch_outlives_the_longest_session<S: Store>(on: Bench<S>) {
    let open = Open { lifetime: LIFETIME, ..on.opening(Session { idle: LIFETIME, ..session() }) };
    let (opened, ..) = on.opened(open).await;
    on.epoch(subject("alice"), Extent::Sessions).await;
    on.pass(settings().keep_log + SECOND).await;
    assert_eq!(on.sweep().await.entries, 2, "the log's entry is trimmed, the record of it goes, the epoch stays");
    assert_eq!(on.end_of(&opened).await, Some(EndReason::SubjectRevoked));
    assert_eq!(on.present(&opened, 0).await, "Gone Some(SubjectRevoked)");
}

pub(super) async fn a_client_whose_tokens_live_longer_lengthens_what_is_kept<S: Store>(on: Bench<S>) {
    let usual = settings().keep_log;
    let keep = |log| Keep { log, session: Duration::ZERO };
    assert_eq!(on.beat().await.keep_log, usual);
    on.store.put_client(a_client("tv", "read"), keep(usual * 3)).await.expect("the store works");
    on.store.put_client(a_client("tv", "read"), keep(SECOND)).await.expect("the store works");
    on.store.remove_client("tv".to_owned()).await.expect("the store works");
    assert_eq!(on.beat().await.keep_log, usual * 3, "tokens that it got live on");
    on.revoke(a_token()).await;
    on.pass(usual * 3).await;
    on.sweep().await;
    assert_eq!(on.log().await.entries.len(), 1);
    on.pass(SECOND).await;
    on.sweep().await;
    assert_eq!(on.log().await.entries.len(), 0);
}

pub(super) async fn a_session_is_remembered_for_its_grace<S: Store>(on: Bench<S>) {
    let (ended, lives) = (on.open(session()).await, on.open(session()).await);
    let (short, ..) = on.opened(Open { lifetime: SECOND, ..on.opening(session()) }).await;
    on.revoke(Revocable::Session(ended.sid)).await;
    on.pass(settings().grace).await;
    assert_eq!(on.sweep().await.sessions, 0);
    assert_eq!(on.end_of(&ended).await, Some(EndReason::Revoked), "why was I signed out?");
    on.pass(2 * SECOND).await;
    assert_eq!(on.sweep().await.sessions, 2);
    assert_eq!(on.store.session(ended.sid).await, Ok(None));
    assert_eq!(on.store.session(short.sid).await, Ok(None));
    assert_eq!(on.refresh(token(&ended, 0)).await, Refreshed::Gone(None));
    assert_eq!(on.end_of(&lives).await, None);
    let page = on.store.sessions(Filter { subject: Some("alice".to_owned()), ..Filter::default() }, None, 100).await;
    assert_eq!(page.expect("the store works").sessions.len(), 1);
}

pub(super) async fn a_repeatable_call_is_forgotten_after_its_time<S: Store>(on: Bench<S>) {
    let open = |on: &Bench<S>| Open { idempotency: key(1, 1), ..on.opening(session()) };
    on.opened(open(&on)).await;
    on.pass(30 * SECOND).await;
    on.sweep().await;
    assert!(matches!(on.store.open(open(&on), Known::default()).await, Ok(Opened::Again { .. })));
    on.pass(SECOND).await;
    assert_eq!(on.sweep().await.entries, 1);
    assert!(matches!(on.store.open(open(&on), Known::default()).await, Ok(Opened::New { .. })));
}

pub(super) async fn an_id_is_spent_once_however_many_try<S: Store>(on: Bench<S>) {
    let answers = race(&on, 50, |store| async move { store.spend([4; 32], 10 * SECOND).await }).await;
    assert_eq!(answers.into_iter().filter(|spent| *spent).count(), 1);
    assert_eq!(on.store.spend([5; 32], SECOND).await, Ok(true), "another id");
    on.pass(10 * SECOND).await;
    on.sweep().await;
    assert_eq!(on.store.spend([4; 32], SECOND).await, Ok(false));
    on.pass(SECOND).await;
    on.sweep().await;
    assert_eq!(on.store.spend([4; 32], SECOND).await, Ok(true), "its assertion has expired");
}

pub(super) async fn clients_are_replaced_whole<S: Store>(on: Bench<S>) {
    for written in [a_client("b", "read"), a_client("a", "read"), a_client("b", "write")] {
        on.store.put_client(written, Keep::default()).await.expect("the store works");
    }
    assert_eq!(on.store.clients().await, Ok(vec![a_client("a", "read"), a_client("b", "write")]));
    assert_eq!(on.store.remove_client("b".to_owned()).await, Ok(true));
    assert_eq!(on.store.remove_client("b".to_owned()).await, Ok(false));
    assert_eq!(on.store.clients().await, Ok(vec![a_client("a", "read")]));
}

pub(super) async fn keys_are_remembered_until_they_are_forgotten<S: Store>(on: Bench<S>) {
    assert_eq!(on.store.keys().await, Ok(Vec::new()));
    for kid in ["b", "a", "b"] {
        on.store.remember_key(kid.to_owned()).await.expect("the store works");
    }
    assert_eq!(on.store.keys().await, Ok(vec!["a".to_owned(), "b".to_owned()]));
    on.store.forget_key("a".to_owned()).await.expect("the store works");
    on.store.forget_key("unknown".to_owned()).await.expect("the store works");
    assert_eq!(on.store.keys().await, Ok(vec!["b".to_owned()]));
    assert_eq!(on.store.remember_key("a".to_owned()).await, Ok(false), "an old copy of its file does not bring it back");
    assert_eq!(on.store.remember_key("b".to_owned()).await, Ok(true));
    assert_eq!(on.store.keys().await, Ok(vec!["b".to_owned()]));
}

pub(super) async fn what_is_over_keeps_its_first_reason<S: Store>(on: Bench<S>) {
    let at_once = |open: &Bench<S>| Open { lifetime: SECOND, ..open.opening(session()) };
    let (refused, told, (swept, ..)) = (on.opened(at_once(&on)).await.0, on.opened(at_once(&on)).await.0, {
        let other = Session { subject: "bob".to_owned(), ..session() };
        on.opened(Open { session: other, ..at_once(&on) }).await
    });
    on.pass(2 * SECOND).await;
    assert_eq!(on.present(&refused, 0).await, "Gone Some(Expired)");
    on.clock.jump_to(on.clock.wall().minus(Duration::from_millis(1_500)));
    assert_eq!(on.present(&refused, 0).await, "Gone Some(Expired)", "no clock that goes back revives what was refused");
    on.pass(2 * SECOND).await;
    on.epoch(subject("alice"), Extent::Sessions).await;
    assert_eq!(on.end_of(&told).await, Some(EndReason::Expired), "a later epoch does not change why");
    on.pass(Duration::from_secs(100)).await;
    let first = on.session(&swept).await.ended;
    on.epoch(Target::All, Extent::Sessions).await;
    let later = on.session(&swept).await.ended;
    assert_eq!(first.map(|ended| ended.reason), Some(EndReason::Expired));
    assert_eq!(later.map(|ended| ended.reason), Some(EndReason::AllRevoked), "until the sweep has written it down");
}

pub(super) async fn a_sweep_removes_no_more_than_it_may<S: Store>(on: Bench<S>) {
    for n in 0..6 {
        on.open(Session { subject: format!("user {n}"), ..session() }).await;
        on.store.spend([n; 32], SECOND).await.expect("the store works");
    }
    on.epoch(Target::All, Extent::Sessions).await;
    on.pass(settings().grace + 2 * SECOND).await;
    let (mut removed, mut rounds) = (0, 0);
    loop {
        let swept = on.store.sweep(5).await.expect("the store works");
        assert!(swept.sessions + swept.entries <= 5);
        removed += swept.sessions + swept.entries;
        rounds += 1;
        if !swept.more {
            break;
        }
    }
    assert_eq!(removed, 6 + 6 + 2, "sessions, ids, the log's entry and the record of it");
    assert!(rounds >= 3);
}
