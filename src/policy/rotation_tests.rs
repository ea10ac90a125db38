use proptest::prelude::*;

use super::*;
use crate::id::Stamp;
use crate::policy::Ended;
use crate::revocation::{Epoch, Extent};

const WINDOW: Duration = Duration::from_secs(30);
const MS: Duration = Duration::from_millis(1);
const OPENED: Moment = Moment::from_seconds(1_000_000);
const ROTATED: Moment = Moment::from_seconds(1_000_100);

fn sid() -> Sid {
    Sid::in_shard(Stamp::from_millis(OPENED.millis()), 3, &[7; 10])
}

fn session(generation: u32) -> Session {
    Session {
        sid: sid(),
        subject: "alice".into(),
        client_id: "app".into(),
        opened_at: OPENED,
        last_refreshed_at: ROTATED,
        expires_at: OPENED.plus(Duration::from_secs(30 * 86_400)),
        idle: Duration::from_secs(7 * 86_400),
        generation,
        rotated_at: ROTATED,
        mac_key: 1,
        secret_hash: [9; 32],
        audience: vec!["https://api.example".into(), "https://other.example".into()],
        opened_scope: "read write".parse().expect("a scope"),
        scope: "read".parse().expect("a scope"),
        claims: "{}".into(),
        auth_time: None,
        acr: None,
        amr: vec![],
        sender_key: None,
        device: None,
        slot: None,
        upstream: None,
        ended: None,
    }
}

fn request(generation: u32) -> Request {
    Request {
        sid: sid(),
        generation,
        mac_key: 1,
        secret_hash: [9; 32],
        client_id: "app".into(),
        authenticated: false,
        sender_key: None,
        scope: None,
        audience: None,
        rotates: true,
        retry_window: WINDOW,
        rotation_pause: WINDOW,
        next_mac_key: 2,
    }
}

/// A store that has run without trouble since long before.
fn steady(now: Moment) -> StoreTime {
    StoreTime { now, last_heartbeat: now, steady_since: Moment::from_seconds(1) }
}

fn after(age: Duration) -> StoreTime {
    steady(ROTATED.plus(age))
}

fn judge_at(session: &Session, request: &Request, age: Duration) -> Outcome {
    judge(session, request, Epochs::default(), after(age))
}

#[test]
fn a_session_that_is_over_is_gone_with_its_reason() {
    let late = Duration::from_secs(40 * 86_400);
    assert_eq!(judge_at(&session(4), &request(4), late), Outcome::Gone(EndReason::Expired));
    assert_eq!(judge_at(&session(4), &request(4), Duration::from_secs(7 * 86_400)), Outcome::Gone(EndReason::Idle));
    assert_eq!(judge_at(&session(4), &request(4), Duration::from_secs(7 * 86_400) - MS), Outcome::Rotated);
    let mut ended = session(4);
    ended.ended = Some(Ended { reason: EndReason::LoggedOut, by: "app".into(), at: ROTATED });
    assert_eq!(judge_at(&ended, &request(4), late), Outcome::Gone(EndReason::LoggedOut), "what ended it first stays the reason");
}

#[test]
fn an_epoch_over_sessions_ends_what_was_opened_at_or_before_it() {
    let opened = sid().stamp();
    let epoch = |extent, stamp| {
        let mut epoch = Epoch::default();
        epoch.raise(extent, stamp);
        epoch
    };
    type Place = fn(&mut Epochs) -> &mut Epoch;
    let places: [(Place, EndReason); 4] = [
        (|e| &mut e.all, EndReason::AllRevoked),
        (|e| &mut e.client, EndReason::ClientRevoked),
        (|e| &mut e.subject, EndReason::SubjectRevoked),
        (|e| &mut e.subject_at_client, EndReason::SubjectRevoked),
    ];
    for (place, reason) in places {
        let judged = |extent, stamp| {
            let mut epochs = Epochs::default();
            *place(&mut epochs) = epoch(extent, stamp);
            judge(&session(4), &request(4), epochs, after(WINDOW))
        };
        assert_eq!(judged(Extent::Sessions, opened), Outcome::Gone(reason));
        assert_eq!(judged(Extent::Sessions, Stamp::from_millis(opened.millis() - 1)), Outcome::Rotated);
        assert_eq!(judged(Extent::AccessTokens, opened.plus(9)), Outcome::Rotated, "sessions go on");
    }
}

#[test]
fn another_secret_client_or_sender_is_foreign_and_touches_nothing() {
    let mut bound = session(4);
    bound.sender_key = Some("thumb".into());
    let own = Request { sender_key: Some("thumb".into()), ..request(4) };
    assert_eq!(judge_at(&bound, &own, WINDOW), Outcome::Rotated);
    let strangers = [
        Request { secret_hash: [8; 32], ..own.clone() },
        Request { client_id: "web".into(), ..own.clone() },
        Request { sender_key: Some("other".into()), ..own.clone() },
        Request { sender_key: None, ..own.clone() },
    ];
    for stranger in strangers {
        for generation in [0, 2, 3, 4, 5, u32::MAX] {
            let stranger = Request { generation, ..stranger.clone() };
            assert_eq!(judge_at(&bound, &stranger, WINDOW), Outcome::Foreign, "{stranger:?}");
            let mut untouched = bound.clone();
            assert!(!apply(Outcome::Foreign, &mut untouched, &stranger, ROTATED.plus(WINDOW)));
            assert_eq!(untouched, bound);
        }
    }
    let authenticated = Request { authenticated: true, sender_key: None, ..request(4) };
    assert_eq!(judge_at(&bound, &authenticated, WINDOW), Outcome::Rotated, "a client that authenticates is not asked for the sender key");
    assert_eq!(judge_at(&session(4), &own, WINDOW), Outcome::Rotated, "a session that is bound to no key takes any sender");
}

#[test]
fn more_than_the_session_has_is_refused_before_theft_is_judged() {
    let scope = |text: &str| Some(text.parse().expect("a scope"));
    for generation in [2, 3, 4, 5] {
        let wider = Request { scope: scope("read admin"), ..request(generation) };
        assert_eq!(judge_at(&session(4), &wider, WINDOW), Outcome::Refused(Above::Scope));
        let elsewhere = Request { audience: Some("https://third.example".into()), ..request(generation) };
        assert_eq!(judge_at(&session(4), &elsewhere, WINDOW), Outcome::Refused(Above::Audience));
    }
    for taken in ["write", "read write"] {
        let since = Request { scope: scope(taken), ..request(4) };
        assert_eq!(judge_at(&session(4), &since, WINDOW), Outcome::Refused(Above::Scope), "what was taken since is not granted any more");
    }
    let within = Request { scope: scope("read"), ..request(4) };
    assert_eq!(judge_at(&session(4), &within, WINDOW), Outcome::Rotated);
    let second = Request { audience: Some("https://other.example".into()), ..request(4) };
    assert_eq!(judge_at(&session(4), &second, WINDOW), Outcome::Rotated);
    let mut untouched = session(4);
    assert!(!apply(Outcome::Refused(Above::Scope), &mut untouched, &request(4), ROTATED.plus(WINDOW)));
    assert_eq!(untouched, session(4));
}

#[test]
fn the_current_token_rests_for_the_pause_and_then_rotates() {
    assert_eq!(judge_at(&session(4), &request(4), Duration::ZERO), Outcome::Kept);
    assert_eq!(judge_at(&session(4), &request(4), WINDOW - MS), Outcome::Kept);
    assert_eq!(judge_at(&session(4), &request(4), WINDOW), Outcome::Rotated);
    assert_eq!(
        judge_at(&session(0), &request(0), Duration::ZERO),
        Outcome::Rotated,
        "the first token has not rotated: nothing to rest from"
    );
    let restless = Request { rotation_pause: Duration::ZERO, ..request(4) };
    assert_eq!(judge_at(&session(4), &restless, Duration::ZERO), Outcome::Rotated);
    let fixed = Request { rotates: false, authenticated: true, ..request(0) };
    assert_eq!(judge_at(&session(0), &fixed, WINDOW), Outcome::Kept, "a client that does not rotate keeps its token for ever");
    let mut bound = session(0);
    bound.sender_key = Some("thumb".into());
    let sender = Request { rotates: false, sender_key: Some("thumb".into()), ..request(0) };
    assert_eq!(judge_at(&bound, &sender, WINDOW), Outcome::Kept, "so does one whose session is bound to a key");
    let unproven = Request { rotates: false, ..request(0) };
    assert_eq!(judge_at(&session(0), &unproven, WINDOW), Outcome::Rotated, "whoever proves nothing rotates all the same");
}

#[test]
fn the_superseded_token_gets_the_same_successor_inside_the_window_only() {
    assert_eq!(judge_at(&session(4), &request(3), Duration::ZERO), Outcome::Retried);
    assert_eq!(judge_at(&session(4), &request(3), WINDOW - MS), Outcome::Retried);
    assert_eq!(judge_at(&session(4), &request(3), WINDOW), Outcome::Reused);
    assert_eq!(judge_at(&session(1), &request(0), WINDOW - MS), Outcome::Retried);
    let strict = Request { retry_window: Duration::ZERO, ..request(3) };
    assert_eq!(judge_at(&session(4), &strict, Duration::ZERO), Outcome::Reused);
}

#[test]
fn who_proves_himself_may_retry_without_limit_unless_the_window_is_nothing() {
    let late = Duration::from_secs(5 * 86_400);
    let authenticated = Request { authenticated: true, ..request(3) };
    assert_eq!(judge_at(&session(4), &authenticated, late), Outcome::Retried);
    let mut bound = session(4);
    bound.sender_key = Some("thumb".into());
    let sender = Request { sender_key: Some("thumb".into()), ..request(3) };
    assert_eq!(judge_at(&bound, &sender, late), Outcome::Retried);
    for proven in [authenticated, sender] {
        let strict = Request { retry_window: Duration::ZERO, ..proven.clone() };
        assert_eq!(judge_at(&bound, &strict, Duration::ZERO), Outcome::Reused);
        let older = Request { generation: 2, ..proven };
        assert_eq!(judge_at(&bound, &older, Duration::ZERO), Outcome::Reused, "two generations old is theft whoever presents it");
    }
}

#[test]
fn two_generations_old_is_theft_even_inside_the_window() {
    for (current, presented) in [(2, 0), (4, 2), (4, 0), (u32::MAX, 0), (u32::MAX, u32::MAX - 2)] {
        assert_eq!(judge_at(&session(current), &request(presented), Duration::ZERO), Outcome::Reused);
    }
    let mut stolen = session(4);
    let now = ROTATED.plus(MS);
    assert!(apply(Outcome::Reused, &mut stolen, &request(2), now));
    assert_eq!(stolen.ended, Some(Ended { reason: EndReason::RefreshTokenReused, by: "mintage".into(), at: now }));
    assert_eq!(judge_at(&stolen, &request(4), WINDOW), Outcome::Gone(EndReason::RefreshTokenReused), "the current token dies with it");
}

#[test]
fn a_generation_from_the_future_heals_a_store_that_went_back() {
    for (current, presented) in [(0, 1), (4, 5), (4, 900), (0, u32::MAX)] {
        let token = Request { mac_key: 7, ..request(presented) };
        assert_eq!(judge_at(&session(current), &token, Duration::ZERO), Outcome::Healed);
        let mut healed = session(current);
        let now = ROTATED.plus(Duration::from_secs(3));
        assert!(apply(Outcome::Healed, &mut healed, &token, now));
        assert_eq!((healed.generation, healed.mac_key, healed.rotated_at, healed.last_refreshed_at), (presented, 7, now, now));
        assert_eq!(judge(&healed, &token, Epochs::default(), steady(now)), Outcome::Kept, "the client keeps the token that it has");
    }
}

#[test]
fn the_last_generation_is_kept_and_nothing_overflows() {
    assert_eq!(judge_at(&session(u32::MAX), &request(u32::MAX), WINDOW), Outcome::Kept);
    assert_eq!(judge_at(&session(u32::MAX - 1), &request(u32::MAX - 1), WINDOW), Outcome::Rotated);
    assert_eq!(judge_at(&session(u32::MAX), &request(u32::MAX - 1), Duration::ZERO), Outcome::Retried);
    let mut last = session(u32::MAX - 1);
    assert!(apply(Outcome::Rotated, &mut last, &request(u32::MAX - 1), ROTATED.plus(WINDOW)));
    assert_eq!(last.generation, u32::MAX);
}

#[test]
fn at_generation_nothing_there_is_no_generation_before() {
    for age in [Duration::ZERO, WINDOW] {
        assert_eq!(judge_at(&session(0), &request(0), age), Outcome::Rotated);
        assert_eq!(judge_at(&session(0), &request(u32::MAX), age), Outcome::Healed);
    }
}

#[test]
fn rotating_moves_to_the_next_key_and_begins_the_window_anew() {
    let now = ROTATED.plus(WINDOW);
    let mut moved = session(4);
    assert!(apply(Outcome::Rotated, &mut moved, &request(4), now));
    let expected = Session { generation: 5, rotated_at: now, last_refreshed_at: now, mac_key: 2, ..session(4) };
    assert_eq!(moved, expected, "and the absolute end stays where it was");
}

#[test]
fn a_retry_writes_only_when_a_tenth_of_the_idle_time_has_gone() {
    let tenth = session(4).idle / 10;
    for outcome in [Outcome::Kept, Outcome::Retried] {
        let mut early = session(4);
        assert!(!apply(outcome, &mut early, &request(4), ROTATED.plus(tenth)));
        assert_eq!(early, session(4));
        let mut due = session(4);
        let now = ROTATED.plus(tenth + MS);
        assert!(apply(outcome, &mut due, &request(4), now));
        assert_eq!(due, Session { last_refreshed_at: now, ..session(4) }, "the window does not slide");
    }
}

#[test]
fn ages_count_as_nothing_while_the_store_is_unsteady() {
    let gap = STEADY_WITHIN + MS;
    for last_heartbeat in [ROTATED.plus(WINDOW).minus(gap), ROTATED.plus(WINDOW).plus(gap)] {
        let time = StoreTime { last_heartbeat, ..after(WINDOW) };
        assert!(time.is_unsteady());
        assert_eq!(judge(&session(4), &request(3), Epochs::default(), time), Outcome::Retried);
        assert_eq!(judge(&session(4), &request(4), Epochs::default(), time), Outcome::Kept);
        let strict = Request { retry_window: Duration::ZERO, ..request(3) };
        assert_eq!(judge(&session(4), &strict, Epochs::default(), time), Outcome::Reused, "no window is no window");
    }
    for last_heartbeat in [ROTATED.plus(WINDOW).minus(STEADY_WITHIN), ROTATED.plus(WINDOW).plus(STEADY_WITHIN)] {
        assert!(!StoreTime { last_heartbeat, ..after(WINDOW) }.is_unsteady());
    }
}

#[test]
fn an_outage_does_not_eat_the_window() {
    let back = ROTATED.plus(Duration::from_secs(3_600));
    let time = |since_back| StoreTime { now: back.plus(since_back), last_heartbeat: back.plus(since_back), steady_since: back };
    assert_eq!(judge(&session(4), &request(3), Epochs::default(), time(WINDOW - MS)), Outcome::Retried);
    assert_eq!(judge(&session(4), &request(3), Epochs::default(), time(WINDOW)), Outcome::Reused);
}

#[test]
fn a_rotation_in_the_future_counts_from_the_steady_time() {
    let back = ROTATED.minus(Duration::from_secs(3_600));
    let time = |since_back| StoreTime { now: back.plus(since_back), last_heartbeat: back.plus(since_back), steady_since: back };
    assert_eq!(time(WINDOW - MS).age(ROTATED), WINDOW - MS);
    assert_eq!(judge(&session(4), &request(3), Epochs::default(), time(WINDOW - MS)), Outcome::Retried);
    assert_eq!(judge(&session(4), &request(3), Epochs::default(), time(WINDOW)), Outcome::Reused, "not an hour of free retries");
}

#[test]
fn a_small_step_back_of_the_clock_is_no_theft() {
    let stepped = steady(ROTATED.minus(Duration::from_secs(2)));
    assert!(!stepped.is_unsteady(), "too small to be noticed by a heartbeat");
    assert_eq!(stepped.age(ROTATED), Duration::ZERO);
    assert_eq!(judge(&session(4), &request(3), Epochs::default(), stepped), Outcome::Retried);
    assert_eq!(judge(&session(4), &request(4), Epochs::default(), stepped), Outcome::Kept);
}

proptest! {
    #[test]
    fn whatever_is_presented_at_most_one_generation_can_rotate(
        current in prop_oneof![0_u32..6, (u32::MAX - 3)..=u32::MAX],
        age in 0_u64..90_000,
        window in prop_oneof![Just(0_u64), Just(30_000)],
        pause in prop_oneof![Just(0_u64), Just(30_000)],
        authenticated: bool,
    ) {
        let near: Vec<u32> = (0..6).chain(u32::MAX - 3..=u32::MAX).collect();
        let mut moves = 0;
        for generation in near {
            let request = Request {
                authenticated,
                retry_window: Duration::from_millis(window),
                rotation_pause: Duration::from_millis(pause),
                ..request(generation)
            };
            let mut moved = session(current);
            let outcome = judge_at(&moved, &request, Duration::from_millis(age));
            apply(outcome, &mut moved, &request, ROTATED.plus(Duration::from_millis(age)));
            prop_assert!(moved.generation >= current, "a generation never decreases");
            prop_assert_eq!(moved.ended.is_some(), outcome == Outcome::Reused);
            match outcome {
                Outcome::Rotated => moves += 1,
                Outcome::Healed => prop_assert_eq!((moved.generation, generation > current), (generation, true)),
                _ => prop_assert_eq!(moved.generation, current),
            }
        }
        prop_assert!(moves <= 1);
    }
}

#[path = "rotation_history_tests.rs"]
mod histories;
