//! The machine's clock jumps: nothing that was called back comes back, stamps do not go back, and honest clients go on.

use std::time::Duration;

use mintage::ambient::Clock as _;
use reqwest::Method;
use serde_json::json;

use crate::app::TestApp;

const NO_PAUSE: &str = "[defaults]\nretry_window = \"30s\"\nrotation_pause = \"0s\"\n";
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const A_MOMENT: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Counted {
    jumps: usize,
    retries: usize,
    rotations: usize,
    kept_void: usize,
    stamps: usize,
    thefts: usize,
}

fn jump(app: &TestApp, by: i64) {
    let (wall, far) = (app.clock.wall(), Duration::from_secs(by.unsigned_abs()));
    app.clock.jump_to(if by > 0 { wall.plus(far) } else { wall.minus(far) });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_clock_revives_nothing_and_logs_nobody_out() {
    let mut counted = Counted::default();
    for by in [MINUTE, -MINUTE, HOUR, -HOUR] {
        there_and_back(by, &mut counted).await;
    }
    let Counted { jumps, retries, rotations, kept_void, stamps, thefts } = counted;
    println!(
        "clock: {jumps} jumps of 60 s and 1 h; {rotations} honest refreshes and {retries} retries, 0 refused; {kept_void} checks of what \
         was revoked, 0 revived; {stamps} stamps, 0 went back; {thefts} thefts, all told"
    );
}

/// The clock jumps, is wrong for a while, and jumps back.
async fn there_and_back(by: i64, counted: &mut Counted) {
    let app = TestApp::with(NO_PAUSE).await;
    app.pass(A_MOMENT).await;
    let (mut honest, robbed, revoked) = (app.open("alice").await, app.open("bob").await, app.open("carol").await);
    let voided = app.open("dave").await;
    app.revoke(json!({ "type": "session", "sid": revoked.sid }), "sessions").await.must_be(201);
    let epoch = app.revoke(json!({ "type": "subject", "subject": "dave" }), "sessions").await.must_be(201).text("/id");
    let stolen = robbed.refresh.clone();
    let second = app.refresh(&stolen).await.must_be(200).text("/refresh_token");
    app.refresh(&second).await.must_be(200);
    let mut last_sid = honest.sid.clone();
    for jumped in [by, -by] {
        let answered = app.refresh(&honest.refresh).await.must_be(200).text("/refresh_token");
        jump(&app, jumped);
        counted.jumps += 1;
        // The answer was lost: the retry comes after the jump, before and after the heartbeat that notices it.
        for beats in [0, 2] {
            for _ in 0..beats {
                app.pass(A_MOMENT).await;
            }
            app.beat().await;
            assert_eq!(app.refresh(&honest.refresh).await.must_be(200).text("/refresh_token"), answered, "{by}: a retry stays a retry");
            counted.retries += 1;
        }
        honest.refresh = answered;
        let next = app.refresh(&honest.refresh).await.must_be(200);
        assert!(app.is_active(&next.text("/access_token")).await);
        honest.refresh = next.text("/refresh_token");
        counted.rotations += 2;

        app.sweep().await;
        for gone in [&revoked, &voided] {
            assert!(!app.is_active(&gone.access).await, "{by}: a revoked access token came back");
            app.refresh(&gone.refresh).await.must_be(400).must_be_error("invalid_grant");
            let reason = app.session(&gone.sid).await["ended"]["reason"].clone();
            assert_eq!(reason, if gone.sid == revoked.sid { "revoked" } else { "subject_revoked" }, "{by}: the reason is remembered");
            counted.kept_void += 3;
        }
        app.get(&format!("/v1/revocations/{epoch}"), &app.admin().await).await.must_be(200);
        let sid = app.open("erin").await.sid;
        assert!(sid[..13] >= last_sid[..13], "{by}: stamps never go back: {last_sid} then {sid}");
        last_sid = sid;
        counted.stamps += 1;
        app.pass(Duration::from_secs(40)).await;
    }
    app.refresh(&stolen).await.must_be(400).must_be_error("invalid_grant");
    assert_eq!(app.session(&robbed.sid).await["ended"]["reason"], "refresh_token_reused", "{by}: theft stays theft");
    counted.thefts += 1;
    app.refresh(&honest.refresh).await.must_be(200);
    assert_eq!(app.session(&honest.sid).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_voided_after_the_clock_went_back_includes_what_was_opened_before() {
    for by in [-MINUTE, -HOUR] {
        let app = TestApp::with(NO_PAUSE).await;
        app.pass(A_MOMENT).await;
        let before = app.open("alice").await;
        jump(&app, by);
        app.beat().await;
        let after = app.open("alice").await;
        app.revoke(json!({ "type": "subject", "subject": "alice" }), "sessions").await.must_be(201);
        for session in [&before, &after] {
            app.refresh(&session.refresh).await.must_be(400).must_be_error("invalid_grant");
            assert!(!app.is_active(&session.access).await, "{by}");
        }
        app.refresh(&app.open("alice").await.refresh).await.must_be(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_ahead_forgets_no_revocation_and_no_reason() {
    let app = TestApp::with("[sessions]\ngrace = \"30m\"\n").await;
    app.pass(A_MOMENT).await;
    let session = app.open("alice").await;
    let id = app.revoke(json!({ "type": "session", "sid": session.sid }), "sessions").await.must_be(201).text("/id");
    jump(&app, HOUR);
    app.beat().await;
    app.sweep().await;
    app.pass(Duration::from_secs(300)).await;
    app.sweep().await;
    assert_eq!(app.session(&session.sid).await["ended"]["reason"], "revoked", "a grace of half an hour is not over after five minutes");
    app.get(&format!("/v1/revocations/{id}"), &app.admin().await).await.must_be(200);
    app.pass(Duration::from_secs(400)).await;
    app.sweep().await;
    let gone = app.send(app.request(Method::GET, &format!("/v1/sessions/{}", session.sid)).bearer_auth(app.admin().await)).await;
    gone.must_be(404);
    let swept = app.metrics().await;
    assert!(swept.lines().any(|line| line.contains("mintage_swept_total") && line.contains("sessions") && line.ends_with(" 1")), "{swept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_ahead_ends_whom_it_refuses_and_nobody_else() {
    let app = TestApp::with("[defaults]\nidle = \"30m\"\nrotation_pause = \"0s\"\n").await;
    app.pass(A_MOMENT).await;
    let (asks, silent, reads) = (app.open("alice").await, app.open("bob").await, app.open("carol").await);
    jump(&app, HOUR);
    app.beat().await;
    app.sweep().await;
    app.refresh(&asks.refresh).await.must_be(400).must_be_error("invalid_grant");
    assert_eq!(app.session(&reads.sid).await["state"], "ended", "by the clock of this moment");
    app.pass(Duration::from_secs(300)).await;
    app.sweep().await;
    jump(&app, -HOUR);
    app.beat().await;
    app.refresh(&asks.refresh).await.must_be(400).must_be_error("invalid_grant");
    assert_eq!(app.session(&asks.sid).await["ended"]["reason"], "idle", "a client that was refused has thrown its token away");
    for gone_on in [&silent, &reads] {
        let next = app.refresh(&gone_on.refresh).await.must_be(200);
        assert!(app.is_active(&next.text("/access_token")).await);
    }
    println!("clock: +1 h for five minutes, idle time 30 min: 3 sessions, 1 refused in that time and ended, 2 went on, 0 swept");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_made_by_a_wrong_clock_cost_one_refresh() {
    let (mut inactive, mut refreshed) = (0, 0);
    for by in [MINUTE, -MINUTE, HOUR, -HOUR] {
        let app = TestApp::with(NO_PAUSE).await;
        app.pass(A_MOMENT).await;
        let mut session = app.open("alice").await;
        for jumped in [by, -by] {
            jump(&app, jumped);
            app.beat().await;
            inactive += usize::from(!app.is_active(&session.access).await);
            let next = app.refresh(&session.refresh).await.must_be(200);
            assert!(app.is_active(&next.text("/access_token")).await, "{by}: what is made now is good now");
            (session.access, session.refresh) = (next.text("/access_token"), next.text("/refresh_token"));
            refreshed += 1;
        }
    }
    println!(
        "clock: 8 jumps of 60 s and 1 h: {inactive} access tokens of before were refused after the jump, {refreshed} of {refreshed} refreshes gave a good one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_jump_beyond_the_life_of_the_keys_and_back_tokens_are_issued_again() {
    let mut app = TestApp::with(NO_PAUSE).await;
    app.pass(A_MOMENT).await;
    let mut session = app.open("alice").await;
    for by in [40 * DAY, 400 * DAY] {
        jump(&app, by);
        for _ in 0..2 {
            app.pass(Duration::from_secs(37)).await;
            app.tend().await;
        }
        jump(&app, -by);
        if by == 400 * DAY {
            // Longer than any session: what the older MAC key made is over, and its file was buried.
            app.refresh(&session.refresh).await.must_be(400).must_be_error("invalid_grant");
            app.beat().await;
            session = app.open("alice").await;
        }
        // Before the minute's job has run, and after it.
        for then in [Duration::ZERO, Duration::from_secs(60)] {
            app.pass(then).await;
            app.beat().await;
            let next = app.refresh(&session.refresh).await.must_be(200);
            (session.access, session.refresh) = (next.text("/access_token"), next.text("/refresh_token"));
            assert!(app.is_active(&session.access).await, "{by}");
            assert!(app.is_active(&app.open("bob").await.access).await, "{by}");
            app.tend().await;
        }
    }
    app.restart().await;
    app.refresh(&session.refresh).await.must_be(200);
    // The times come that the wrong clock wrote down.
    for _ in 0..60 {
        app.clock.advance(Duration::from_secs(10 * 86_400));
        app.pass(A_MOMENT).await;
        assert!(app.is_active(&app.open("carol").await.access).await, "no gap, also before the minute's job");
        app.tend().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_before_the_time_it_was_made_stops_no_start() {
    let mut app = TestApp::start().await;
    app.pass(A_MOMENT).await;
    jump(&app, -HOUR);
    app.beat().await;
    let active = |list: &serde_json::Value| {
        let items = list["items"].as_array().expect("items").clone();
        items.into_iter().find(|key| key["algorithm"] == "EdDSA").expect("a key")["kid"].as_str().expect("a kid").to_owned()
    };
    let kid = active(&app.get("/v1/keys", &app.admin().await).await.must_be(200).body);
    app.post(&format!("/v1/keys/{kid}/revoke"), &app.admin().await, &json!({})).await.must_be(200);
    app.restart().await;
    assert!(app.is_active(&app.open("alice").await.access).await);
}
