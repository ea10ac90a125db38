//! Revocations: idempotent, merging, atomic.

use super::*;
use crate::id::Jti;
use crate::revocation::Revocation;

fn jti(n: u64) -> Jti {
    Jti::new(Stamp::from_millis(n), &[3; 10])
}

pub(super) async fn a_revocation_can_be_read_again<S: Store>(on: Bench<S>) {
    let (revoked, entries) = on.revoke(Revocable::Token(jti(5))).await;
    assert_eq!(entries.last().map(|entry| &entry.position), Some(&revoked.position));
    assert_eq!((revoked.by.as_str(), revoked.reason_code.as_deref()), ("admin", Some("stolen")));
    assert_eq!(revoked.created_at, on.clock.wall());
    assert_eq!(on.store.revocation(revoked.id).await, Ok(Some(revoked)));
    assert_eq!(on.store.revocation(RevocationId::new(Stamp::ZERO, &[9; 10])).await, Ok(None));
}

pub(super) async fn a_repeated_key_gives_the_first_answer<S: Store>(on: Bench<S>) {
    let what = || Revocable::Epoch { target: subject("alice"), extent: Extent::Sessions };
    let with_key = |key| Revoke { idempotency: key, ..on.revocation(what()) };
    let Ok(RevokeAnswer::Done { revoked, .. }) = on.store.revoke(with_key(key(1, 1)), Known::default()).await else { panic!() };
    on.clock.advance(SECOND);
    let again = on.store.revoke(with_key(key(1, 1)), Known::default()).await;
    assert_eq!(again, Ok(RevokeAnswer::Again(revoked)));
    assert_eq!(on.store.revoke(with_key(key(1, 2)), Known::default()).await, Ok(RevokeAnswer::KeyReused));
    let open = Open { idempotency: key(1, 1), ..on.opening(session()) };
    assert_eq!(on.store.open(open, Known::default()).await, Ok(Opened::KeyReused), "a key is for one kind of call");
    assert_eq!(on.log().await.entries.len(), 1);
}

pub(super) async fn the_same_token_twice_has_one_entry<S: Store>(on: Bench<S>) {
    let (_, first) = on.revoke(Revocable::Token(jti(5))).await;
    let (revoked, second) = on.revoke(Revocable::Token(jti(5))).await;
    assert_eq!((&first, &revoked.position), (&second, &first[0].position));
    let (_, key) = on.revoke(Revocable::Key("kid".to_owned())).await;
    assert_eq!(on.revoke(Revocable::Key("kid".to_owned())).await.1, key);
    assert_eq!(on.log().await.entries, [first, key].concat());
}

pub(super) async fn an_unknown_session_is_logged_all_the_same<S: Store>(on: Bench<S>) {
    let sid = Sid::in_shard(Stamp::from_millis(5), 0, &[9; 10]);
    let (revoked, entries) = on.revoke(Revocable::Session(sid)).await;
    assert_eq!((revoked.sessions_ended, entries[0].revocation.clone()), (0, Revocation::Session(sid)));
    assert_eq!(on.log().await.entries, entries);
}

pub(super) async fn a_session_ends_once_and_keeps_its_first_reason<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let first = Revoke { end_reason: EndReason::LoggedOut, ..on.revocation(Revocable::Session(opened.sid)) };
    let Ok(RevokeAnswer::Done { revoked, owner, .. }) = on.store.revoke(first, Known::default()).await else { panic!() };
    let owner = owner.map(|owner| (owner.subject, owner.client_id));
    assert_eq!((revoked.sessions_ended, owner), (1, Some((opened.subject.clone(), opened.client_id.clone()))));
    on.clock.advance(SECOND);
    assert_eq!(on.revoke(Revocable::Session(opened.sid)).await.0.sessions_ended, 0);
    assert_eq!(on.end_of(&opened).await, Some(EndReason::LoggedOut));
    assert_eq!(on.present(&opened, 0).await, "Gone Some(LoggedOut)");
    assert_eq!(on.log().await.entries.len(), 1);
}

pub(super) async fn all_others_end_and_one_goes_on<S: Store>(on: Bench<S>) {
    let (kept, other) = (on.open(session()).await, on.open(session()).await);
    let elsewhere = on.open(Session { client_id: "web".to_owned(), ..session() }).await;
    let bob = on.open(Session { subject: "bob".to_owned(), ..session() }).await;
    let others =
        |client: Option<&str>| Revocable::Others { subject: "alice".to_owned(), client: client.map(str::to_owned), except: kept.sid };
    let (revoked, entries) = on.revoke(others(Some("app"))).await;
    assert_eq!((revoked.sessions_ended, entries.len()), (1, 1));
    assert_eq!(on.end_of(&other).await, Some(EndReason::Revoked));
    assert_eq!(on.end_of(&elsewhere).await, None, "another client's");
    assert_eq!(on.revoke(others(None)).await.0.sessions_ended, 1);
    assert_eq!(on.end_of(&elsewhere).await, Some(EndReason::Revoked));
    assert_eq!((on.end_of(&kept).await, on.end_of(&bob).await), (None, None));
    let sids: Vec<_> = on.log().await.entries.into_iter().map(|entry| entry.revocation).collect();
    assert_eq!(sids, [Revocation::Session(other.sid), Revocation::Session(elsewhere.sid)]);
    let (nothing, entries) = on.revoke(others(None)).await;
    assert_eq!((nothing.sessions_ended, entries.len()), (0, 0));
}

pub(super) async fn only_its_holder_revokes_a_session<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let by = |client: Option<&str>, secret_hash| Revoke {
        only_if: Some(Holder { client_id: client.map(str::to_owned), secret_hash }),
        ..on.revocation(Revocable::Session(opened.sid))
    };
    for stranger in [by(Some("web"), SECRET), by(Some("app"), [8; 32]), by(None, [8; 32])] {
        assert_eq!(on.store.revoke(stranger, Known::default()).await, Ok(RevokeAnswer::NotHeld));
    }
    let unknown = Revocable::Session(Sid::in_shard(Stamp::from_millis(5), 0, &[9; 10]));
    let unknown = Revoke { what: unknown, ..by(Some("app"), SECRET) };
    let Ok(RevokeAnswer::Done { entries, revoked, .. }) = on.store.revoke(unknown, Known::default()).await else { panic!() };
    assert_eq!((entries.len(), on.store.revocation(revoked.id).await), (0, Ok(None)), "nobody's: nothing is written");
    assert_eq!((on.end_of(&opened).await, on.log().await.entries.len()), (None, 0));
    let Ok(RevokeAnswer::Done { .. }) = on.store.revoke(by(Some("app"), SECRET), Known::default()).await else { panic!() };
    assert_eq!(on.end_of(&opened).await, Some(EndReason::Revoked));
}

pub(super) async fn racing_revocations_of_one_session_end_it_once<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let revoke = on.revocation(Revocable::Session(opened.sid));
    let answers = race(&on, 20, |store| {
        let revoke = revoke.clone();
        async move { store.revoke(revoke, Known::default()).await }
    })
    .await;
    let ended = |answer: &RevokeAnswer| matches!(answer, RevokeAnswer::Done { revoked, .. } if revoked.sessions_ended == 1);
    assert_eq!(answers.iter().filter(|answer| ended(answer)).count(), 1);
    assert_eq!(on.log().await.entries.len(), 1);
}
