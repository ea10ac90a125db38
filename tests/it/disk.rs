//! The disk under a running node fills up or fails: what its clients and its operator see.

use std::time::Duration;

use mintage::verify::HARD_AGE;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, Opened, TestApp};
use crate::storage::{Fault, Storage};

const NO_PAUSE: &str = "[defaults]\nretry_window = \"30s\"\nrotation_pause = \"0s\"\n";

/// What was acknowledged before the fault.
struct Before {
    rotated: (Opened, String),
    untouched: Opened,
    revoked: Opened,
    opened: Vec<Opened>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_503_before_any_effect_and_a_restart_with_room_goes_on() {
    for fault in [Fault::FullAtWrite, Fault::FullAtGrowth] {
        survives(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_is_503_from_then_on_and_a_restart_finds_what_was_acknowledged() {
    survives(Fault::Sync).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_given_back_while_the_view_is_too_old_is_not_called_revoked() {
    let disk = Storage::default();
    let app = TestApp::on_disk("", &disk).await;
    let session = app.open("alice").await;
    disk.fail(Some(Fault::Sync));
    app.beat().await;
    app.clock.advance(HARD_AGE + Duration::from_secs(1));
    for token in [&session.access, &session.refresh] {
        app.form("/oauth/revoke", &[("client_id", "app"), ("token", token)]).await.must_be(503);
    }
    app.form("/oauth/revoke", &[("client_id", "app"), ("token", "no token of ours")]).await.must_be(200);
}

async fn survives(fault: Fault) {
    let disk = Storage::default();
    let mut app = TestApp::on_disk(NO_PAUSE, &disk).await;
    let mut before = acknowledge(&app).await;
    let admin = app.admin().await;
    disk.fail(Some(fault));
    until_it_is_refused(&app, &admin, &mut before).await;

    let mut refused = 0;
    for round in 0..2 {
        for answer in everything(&app, &admin, &before).await {
            must_be_down(&answer);
            refused += 1;
        }
        let ready = app.send(app.request(Method::GET, "/healthz/ready")).await.must_be(503);
        assert_eq!((&ready.body["ready"], &ready.body["store"]), (&json!(false), &json!(false)), "at once, not when a heartbeat is missed");
        app.send(app.request(Method::GET, "/healthz/live")).await.must_be(204);
        app.beat().await;
        assert!(app.metrics().await.lines().any(|line| line.starts_with("mintage_store_up") && line.ends_with(" 0")));
        if round == 0 {
            // All seems well again: nothing is tried a second time.
            disk.fail(None);
        }
    }

    disk.fail(Some(fault));
    app.stop().await;
    let started = app.try_begin().await;
    if started.is_ok() {
        app.stop().await;
    }
    disk.fail(None);
    app.try_begin().await.expect("with a disk that works it starts");
    let effects = everything_is_there(&app, &before).await;
    println!(
        "{fault:?} over HTTP: {effects} acknowledged effects, 0 lost; {refused} answers, all 503 with Retry-After; a start on that disk: {started:?}"
    );
}

async fn acknowledge(app: &TestApp) -> Before {
    let rotated = app.open("alice").await;
    let successor = app.refresh(&rotated.refresh).await.must_be(200).text("/refresh_token");
    let revoked = app.open("carol").await;
    app.revoke(json!({ "type": "session", "sid": revoked.sid }), "sessions").await.must_be(201);
    Before { rotated: (rotated, successor), untouched: app.open("bob").await, revoked, opened: Vec::new() }
}

/// Opens sessions until the store says no: a disk that is full at growth still has some room inside its file.
async fn until_it_is_refused(app: &TestApp, admin: &str, before: &mut Before) {
    for n in 0..5_000 {
        let body = json!({ "subject": format!("user {n}"), "client_id": "app", "claims": { "note": "x".repeat(2_000) } });
        let answer = app.post("/v1/sessions", admin, &body).await;
        if answer.status != 201 {
            return must_be_down(&answer);
        }
        before.opened.push(Opened {
            sid: answer.text("/session/sid"),
            access: answer.text("/access_token"),
            refresh: answer.text("/refresh_token"),
        });
    }
    panic!("the disk never filled");
}

/// Each verb that writes, and one that reads.
async fn everything(app: &TestApp, admin: &str, before: &Before) -> Vec<Answer> {
    let sid = &before.untouched.sid;
    let target = json!({ "target": { "type": "session", "sid": sid }, "extent": "sessions" });
    let patch = app.request(Method::PATCH, &format!("/v1/sessions/{sid}")).bearer_auth(admin).json(&json!({ "claims": { "role": "x" } }));
    vec![
        app.refresh(&before.untouched.refresh).await,
        app.refresh(&before.rotated.1).await,
        app.form("/oauth/revoke", &[("client_id", "app"), ("token", &before.untouched.refresh)]).await,
        app.post("/v1/sessions", admin, &json!({ "subject": "dave", "client_id": "app" })).await,
        app.post("/v1/revocations", admin, &target).await,
        app.send(patch).await,
        app.get(&format!("/v1/sessions/{sid}"), admin).await,
    ]
}

/// Ours to mend, and safe to ask again: never `invalid_grant`, on which a client would throw its token away.
#[track_caller]
fn must_be_down(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
    let code = if answer.body["code"] == Value::Null { &answer.body["mintage_code"] } else { &answer.body["code"] };
    assert_eq!(code, "store_down", "{}", answer.text);
    assert!(!answer.text.contains("disk"), "what is wrong with our disk is the operator's to know: {}", answer.text);
}

async fn everything_is_there(app: &TestApp, before: &Before) -> usize {
    let Before { rotated: (first, successor), untouched, revoked, opened } = before;
    let again = app.refresh(&first.refresh).await.must_be(200);
    assert_eq!(&again.text("/refresh_token"), successor, "a retry gets the same bytes");
    app.refresh(successor).await.must_be(200);
    app.refresh(&untouched.refresh).await.must_be(200);
    assert_eq!(app.session(&untouched.sid).await["state"], "active", "what was answered 503 had no effect");
    assert_eq!(app.session(&revoked.sid).await["ended"]["reason"], "revoked");
    assert!(!app.is_active(&revoked.access).await);
    for session in opened {
        assert_eq!(app.session(&session.sid).await["state"], "active");
    }
    app.refresh(&revoked.refresh).await.must_be(400).must_be_error("invalid_grant");
    5 + opened.len()
}
