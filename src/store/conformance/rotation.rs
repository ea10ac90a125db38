//! Every row of the rotation table, races and rollbacks included.

use super::*;
use crate::policy::rotation::Above;

pub(super) async fn a_current_token_rotates<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let Refreshed::Granted { how: Granted::Rotated, session: now, stamp } = on.refresh(token(&opened, 0)).await else {
        panic!("not rotated")
    };
    assert_eq!((now.generation, now.mac_key, now.rotated_at), (1, 2, on.clock.wall()));
    assert_eq!(now.expires_at, opened.expires_at, "rotation never extends the absolute end");
    assert!(stamp >= opened.sid.stamp());
    on.pass(WINDOW).await;
    assert_eq!(on.present(&opened, 1).await, "Rotated", "its successor is current");
    assert_eq!(on.session(&opened).await.generation, 2);
}

pub(super) async fn within_the_pause_a_token_is_kept<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.present(&opened, 0).await;
    on.pass(WINDOW - SECOND).await;
    assert_eq!(on.present(&opened, 1).await, "Kept");
    assert_eq!(on.session(&opened).await.generation, 1);
    on.pass(SECOND).await;
    assert_eq!(on.present(&opened, 1).await, "Rotated", "the pause does not slide");
}

pub(super) async fn a_superseded_token_gets_the_same_successor_again<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.present(&opened, 0).await;
    on.pass(WINDOW - SECOND).await;
    assert_eq!(on.present(&opened, 0).await, "Retried");
    let now = on.session(&opened).await;
    assert_eq!((now.generation, now.mac_key), (1, 2), "generation and MAC key compute the same token");
}

pub(super) async fn a_superseded_token_after_the_window_is_theft<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.present(&opened, 0).await;
    on.pass(WINDOW).await;
    let Refreshed::Reused { session: now, entry } = on.refresh(token(&opened, 0)).await else { panic!("not theft") };
    assert_eq!(entry.revocation, crate::revocation::Revocation::Session(opened.sid));
    assert_eq!(now.ended, on.session(&opened).await.ended);
    assert_eq!(on.end_of(&opened).await, Some(EndReason::RefreshTokenReused));
    assert_eq!(on.present(&opened, 1).await, "Gone Some(RefreshTokenReused)", "the thief's or the owner's: nobody can tell");
}

pub(super) async fn a_token_two_generations_old_is_theft_at_once<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.present(&opened, 0).await;
    on.pass(WINDOW).await;
    on.present(&opened, 1).await;
    assert_eq!(on.present(&opened, 0).await, "Reused");
}

pub(super) async fn a_client_that_proves_itself_may_retry_without_limit<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let bound = on.open(Session { sender_key: Some("key".to_owned()), ..session() }).await;
    let proven = Request { authenticated: true, ..token(&opened, 0) };
    let sender = Request { sender_key: Some("key".to_owned()), ..token(&bound, 0) };
    for request in [proven, sender] {
        assert_eq!(row(&on.refresh(request.clone()).await), "Rotated");
        on.pass(10 * WINDOW).await;
        assert_eq!(row(&on.refresh(request).await), "Retried");
    }
}

pub(super) async fn with_no_window_even_a_proven_client_commits_theft<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let strict = Request { authenticated: true, retry_window: Duration::ZERO, rotation_pause: Duration::ZERO, ..token(&opened, 0) };
    assert_eq!(row(&on.refresh(strict.clone()).await), "Rotated");
    assert_eq!(row(&on.refresh(strict).await), "Reused");
}

pub(super) async fn a_foreign_token_leaves_the_session_untouched<S: Store>(on: Bench<S>) {
    let opened = on.open(Session { sender_key: Some("key".to_owned()), ..session() }).await;
    let good = Request { sender_key: Some("key".to_owned()), ..token(&opened, 0) };
    for foreign in [
        Request { secret_hash: [8; 32], ..good.clone() },
        Request { client_id: "other".to_owned(), authenticated: true, ..good.clone() },
        Request { sender_key: Some("other".to_owned()), ..good.clone() },
        Request { sender_key: None, generation: 9, ..good.clone() },
    ] {
        assert_eq!(row(&on.refresh(foreign).await), "Foreign");
        assert_eq!(on.session(&opened).await, opened);
    }
    assert_eq!(row(&on.refresh(good).await), "Rotated", "its own next refresh works");
}

pub(super) async fn what_lies_above_the_ceiling_writes_nothing<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let wide = Request { scope: Some(scopes("read admin")), ..token(&opened, 0) };
    assert_eq!(on.refresh(wide).await, Refreshed::Refused(Above::Scope));
    let elsewhere = Request { audience: Some("https://c.example".to_owned()), ..token(&opened, 0) };
    assert_eq!(on.refresh(elsewhere).await, Refreshed::Refused(Above::Audience));
    assert_eq!(on.session(&opened).await, opened);
    let within = Request { scope: Some(scopes("read")), audience: Some("https://b.example".to_owned()), ..token(&opened, 0) };
    assert_eq!(row(&on.refresh(within).await), "Rotated");
    assert_eq!(on.session(&opened).await.scope, opened.scope, "narrowing is for the access token only");
}

pub(super) async fn a_client_that_does_not_rotate_keeps_its_token<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    for _ in 0..3 {
        assert_eq!(row(&on.refresh(Request { rotates: false, authenticated: true, ..token(&opened, 0) }).await), "Kept");
        on.pass(2 * WINDOW).await;
    }
    assert_eq!(on.session(&opened).await.generation, 0);
}

pub(super) async fn a_session_that_is_over_is_gone_with_its_reason<S: Store>(on: Bench<S>) {
    let (idle, short) = (on.open(session()).await, on.opening(session()));
    let (short, ..) = on.opened(Open { lifetime: WINDOW, ..short }).await;
    let unknown = Session { sid: Sid::in_shard(Stamp::from_millis(5), 0, &[9; 10]), ..session() };
    assert_eq!(on.refresh(token(&unknown, 0)).await, Refreshed::Gone(None));
    on.clock.advance(WINDOW);
    assert_eq!(on.present(&short, 0).await, "Gone Some(Expired)");
    on.clock.advance(IDLE - WINDOW);
    assert_eq!(on.present(&idle, 0).await, "Gone Some(Idle)");
    assert_eq!((on.end_of(&short).await, on.end_of(&idle).await), (Some(EndReason::Expired), Some(EndReason::Idle)));
    let ended = on.session(&short).await.ended.expect("over");
    assert_eq!((ended.by.as_str(), ended.at), ("mintage", short.expires_at));
}

pub(super) async fn a_token_ahead_of_the_store_heals_the_session<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.beat().await;
    let ahead = Request { mac_key: 5, ..token(&opened, 7) };
    assert_eq!(row(&on.refresh(ahead.clone()).await), "Healed");
    let now = on.session(&opened).await;
    assert_eq!((now.generation, now.mac_key), (7, 5), "the record follows the token");
    assert_eq!(on.present(&opened, 6).await, "Retried", "what it superseded is held to its window");
    assert_eq!(row(&on.refresh(ahead).await), "Kept");
    assert_eq!(on.present(&opened, 5).await, "Reused", "one live leaf");
}

pub(super) async fn of_many_racing_rotations_one_successor_wins<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let request = token(&opened, 0);
    let answers = race(&on, 100, |store| {
        let request = request.clone();
        async move { store.refresh(request, Known::default()).await }
    })
    .await;
    let mut rotated = 0;
    for answer in answers {
        let Refreshed::Granted { how, session, .. } = answer else { panic!("{answer:?}") };
        assert_eq!((session.generation, session.mac_key), (1, 2), "all get the same successor");
        rotated += u32::from(how == Granted::Rotated);
    }
    assert_eq!(rotated, 1);
    assert_eq!(on.session(&opened).await.generation, 1);
}

pub(super) async fn without_a_window_one_of_a_race_wins_and_the_session_ends<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let request = Request { retry_window: Duration::ZERO, rotation_pause: Duration::ZERO, ..token(&opened, 0) };
    let answers = race(&on, 100, |store| {
        let request = request.clone();
        async move { store.refresh(request, Known::default()).await }
    })
    .await;
    let count = |wanted: &str| answers.iter().filter(|answer| row(answer) == wanted).count();
    assert_eq!((count("Rotated"), count("Reused"), count("Gone Some(RefreshTokenReused)")), (1, 1, 98));
}

pub(super) async fn theft_is_told_to_the_log_once<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.present(&opened, 0).await;
    on.pass(WINDOW).await;
    on.present(&opened, 0).await;
    on.present(&opened, 0).await;
    let log = on.log().await;
    assert_eq!(log.entries.len(), 1);
    assert_eq!(log.entries[0].revocation, crate::revocation::Revocation::Session(opened.sid));
}

pub(super) async fn an_active_session_never_idles_out<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    let keeps = Request { rotates: false, authenticated: true, ..token(&opened, 0) };
    on.clock.advance(IDLE / 10);
    on.refresh(keeps.clone()).await;
    assert_eq!(on.session(&opened).await.last_refreshed_at, opened.opened_at, "not written before a tenth of the idle time");
    for _ in 0..20 {
        on.clock.advance(IDLE / 9);
        assert_eq!(row(&on.refresh(keeps.clone()).await), "Kept");
    }
    assert_eq!(on.session(&opened).await.last_refreshed_at, on.clock.wall());
}

pub(super) async fn an_outage_does_not_eat_the_window<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.pass(SECOND).await;
    on.present(&opened, 0).await;
    on.clock.advance(IDLE / 2);
    assert_eq!(on.present(&opened, 0).await, "Retried", "no heartbeat for half an hour: ages count as nothing");
    on.beat().await;
    on.pass(WINDOW - SECOND).await;
    assert_eq!(on.present(&opened, 0).await, "Retried", "the window begins anew when heartbeats do");
    on.pass(SECOND).await;
    assert_eq!(on.present(&opened, 0).await, "Reused");
}

pub(super) async fn before_the_first_heartbeat_nothing_has_an_age<S: Store>(on: Bench<S>) {
    let opened = on.open(session()).await;
    on.present(&opened, 0).await;
    on.clock.jump_to(Moment::from_seconds(1_800_000_000).minus(IDLE));
    assert_eq!(on.present(&opened, 0).await, "Retried");
    on.beat().await;
    on.pass(WINDOW - SECOND).await;
    assert_eq!(on.present(&opened, 0).await, "Retried", "what began in the future began when the clock became steady");
    on.pass(SECOND).await;
    assert_eq!(on.present(&opened, 0).await, "Reused");
}
