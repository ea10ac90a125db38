//! Epochs and stamps.

use super::*;

fn targets() -> [Target; 4] {
    let both = Target::SubjectAtClient { subject: "alice".to_owned(), client: "app".to_owned() };
    [Target::All, Target::Client("app".to_owned()), subject("alice"), both]
}

pub(super) async fn an_epoch_over_sessions_spares_what_is_opened_later<S: Store>(on: Bench<S>) {
    let reasons = [EndReason::AllRevoked, EndReason::ClientRevoked, EndReason::SubjectRevoked, EndReason::SubjectRevoked];
    for (target, reason) in targets().into_iter().zip(reasons) {
        let before = on.open(session()).await;
        let epoch = on.epoch(target, Extent::Sessions).await;
        assert!(epoch >= before.sid.stamp());
        assert_eq!(on.refresh(token(&before, 0)).await, Refreshed::Gone(Some(reason)));
        assert_eq!(on.end_of(&before).await, Some(reason));
        let (after, stamp, _) = on.opened(on.opening(session())).await;
        assert!(stamp > epoch && after.sid.stamp() > epoch, "opened at the same moment, and alive");
        let Refreshed::Granted { stamp, .. } = on.refresh(token(&after, 0)).await else { panic!("a later session is spared") };
        assert!(stamp > epoch);
    }
}

pub(super) async fn an_epoch_over_access_tokens_lets_sessions_go_on<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    for target in targets() {
        let epoch = on.epoch(target, Extent::AccessTokens).await;
        assert_eq!(on.end_of(&opened).await, None);
        let Refreshed::Granted { stamp, .. } = on.refresh(token(&opened, 0)).await else { panic!("the session goes on") };
        assert!(stamp > epoch, "a fresh access token is not void");
        let sessionless = on.store.stamp("alice".to_owned(), "app".to_owned(), Known::default()).await.expect("the store works");
        assert!(sessionless > epoch);
    }
}

pub(super) async fn an_epoch_lies_above_every_other_epoch<S: Store>(on: Bench<S>) {
    let mut last = on.beat().await.reading;
    for target in targets().into_iter().chain([subject("bob"), Target::Client("web".to_owned())]) {
        for extent in [Extent::Sessions, Extent::AccessTokens] {
            let epoch = on.epoch(target.clone(), extent).await;
            assert!(epoch > last, "{target:?}");
            last = epoch;
        }
    }
    let known = Known { reading: Stamp::ZERO, epochs: heard(last.plus(5_000)) };
    let revoke = on.revocation(Revocable::Epoch { target: Target::All, extent: Extent::Sessions });
    let Ok(RevokeAnswer::Done { revoked, .. }) = on.store.revoke(revoke, known).await else { panic!("not revoked") };
    assert!(revoked.stamp > last.plus(5_000), "above what the caller knows");
}

pub(super) async fn an_epoch_concerns_nobody_else<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    for other in [
        subject("bob"),
        Target::Client("web".to_owned()),
        Target::SubjectAtClient { subject: "alice".to_owned(), client: "web".to_owned() },
        Target::SubjectAtClient { subject: "bob".to_owned(), client: "app".to_owned() },
    ] {
        on.epoch(other, Extent::Sessions).await;
    }
    assert_eq!(on.present(&opened, 0).await, "Rotated");
    assert_eq!(on.end_of(&opened).await, None);
}

pub(super) async fn who_set_an_epoch_shows_in_its_sessions<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let at = on.clock.wall();
    on.epoch(subject("alice"), Extent::Sessions).await;
    on.clock.advance(SECOND);
    on.epoch(subject("alice"), Extent::AccessTokens).await;
    let ended = on.session(&opened).await.ended.expect("over");
    assert_eq!((ended.reason, ended.by.as_str(), ended.at), (EndReason::SubjectRevoked, "admin", at));
}

pub(super) async fn what_the_caller_knows_counts_like_what_the_store_knows<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let ahead = opened.sid.stamp().plus(60_000);
    let known = Known { reading: ahead, epochs: Epochs::default() };
    let Ok(Refreshed::Granted { stamp, .. }) = on.store.refresh(token(&opened, 0), known).await else { panic!("not granted") };
    assert!(stamp >= ahead, "a store that went back is told the time");
    assert!(on.beat().await.reading >= ahead, "and remembers it");
    let known = Known { reading: Stamp::ZERO, epochs: heard(ahead) };
    let gone = on.store.refresh(token(&opened, 1), known).await;
    assert_eq!(gone, Ok(Refreshed::Gone(Some(EndReason::AllRevoked))), "an epoch that it lost holds all the same");
    let Ok(Opened::New { session, .. }) = on.store.open(on.opening(session()), known).await else { panic!("not opened") };
    assert!(session.sid.stamp() > ahead);
    let stamp = on.store.stamp("x".to_owned(), "y".to_owned(), Known { reading: Stamp::ZERO, epochs: heard(ahead.plus(9)) }).await;
    assert!(stamp.expect("the store works") > ahead.plus(9));
}

pub(super) async fn an_epoch_voids_what_was_opened_above_one_that_only_its_caller_knew<S: Store>(on: Bench<S>) {
    let ahead = on.beat().await.reading.plus(60_000);
    let known = Known { reading: Stamp::ZERO, epochs: heard(ahead) };
    let Ok(Opened::New { session, .. }) = on.store.open(on.opening(session()), known).await else { panic!("not opened") };
    on.epoch(subject("alice"), Extent::Sessions).await;
    assert_eq!(on.end_of(&session).await, Some(EndReason::SubjectRevoked));
}

pub(super) async fn another_clients_epoch_does_not_end_a_session<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let mut epochs = Epochs::default();
    epochs.client.raise(Extent::Sessions, opened.sid.stamp().plus(1));
    let known = Known { reading: Stamp::ZERO, epochs };
    let stranger = Request { client_id: "web".to_owned(), ..token(&opened, 0) };
    assert_eq!(on.store.refresh(stranger, known).await, Ok(Refreshed::Foreign), "known of the client web, not of app");
    let web = on.opening(Session { client_id: "web".to_owned(), ..session() });
    on.store.open(web, known).await.expect("the store works");
    assert_eq!(on.end_of(&opened).await, None);
}

pub(super) async fn stamps_never_go_back_when_the_clock_does<S: Store>(on: Bench<S>) {
    let mut last = Stamp::ZERO;
    let start = on.clock.wall();
    for offset in [0_u64, 400, 300, 0, 900, 100, 5_000, 10] {
        on.clock.jump_to(start.plus(Duration::from_millis(offset)));
        let stamp = on.store.stamp("alice".to_owned(), "app".to_owned(), Known::default()).await.expect("the store works");
        let opened = on.open(session()).await;
        let reading = on.beat().await.reading;
        assert!(stamp >= last && opened.sid.stamp() >= stamp && reading >= stamp);
        last = reading;
    }
}

pub(super) async fn a_clock_an_hour_back_voids_every_session_opened_before<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.clock.jump_to(on.clock.wall().minus(Duration::from_secs(3_600)));
    on.epoch(subject("alice"), Extent::Sessions).await;
    assert_eq!(on.end_of(&opened).await, Some(EndReason::SubjectRevoked));
    let later = on.open(session()).await;
    assert_eq!(on.end_of(&later).await, None);
}

/// An epoch at everything that the caller has heard of.
fn heard(stamp: Stamp) -> Epochs {
    let mut epochs = Epochs::default();
    epochs.all.raise(Extent::Sessions, stamp);
    epochs
}
