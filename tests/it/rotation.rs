//! Refresh tokens: the rows of the rotation table, as clients meet them.

use std::time::Duration;

use serde_json::json;

use crate::app::TestApp;

const NO_PAUSE: &str = "[defaults]\nretry_window = \"30s\"\nrotation_pause = \"0s\"\n";
const STRICT: &str = "[defaults]\nretry_window = \"0s\"\nrotation_pause = \"0s\"\n";
const WINDOW: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_gives_a_new_pair_and_the_new_one_works() {
    let app = TestApp::with(NO_PAUSE).await;
    let mut session = app.open("alice").await;
    for _ in 0..5 {
        let answer = app.refresh(&session.refresh).await.must_be(200);
        let next = answer.text("/refresh_token");
        assert_ne!(next, session.refresh);
        assert!(app.is_active(&answer.text("/access_token")).await);
        session.refresh = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_the_window_a_retry_gets_the_very_same_successor() {
    let app = TestApp::with(NO_PAUSE).await;
    let session = app.open("alice").await;
    let first = app.refresh(&session.refresh).await.must_be(200);
    app.pass(WINDOW - Duration::from_secs(1)).await;
    let again = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(first.text("/refresh_token"), again.text("/refresh_token"));
    assert_ne!(first.text("/access_token"), again.text("/access_token"), "the access token is fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_window_a_superseded_token_is_theft() {
    let app = TestApp::with(NO_PAUSE).await;
    let session = app.open("alice").await;
    let rotated = app.refresh(&session.refresh).await.must_be(200);
    app.pass(WINDOW).await;
    app.refresh(&session.refresh).await.must_be(400).must_be_error("invalid_grant");
    theft_is_told(&app, &session.sid, &[&session.access, &rotated.text("/access_token")]).await;
    app.refresh(&rotated.text("/refresh_token")).await.must_be(400).must_be_error("invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_generations_old_is_theft_even_inside_the_window() {
    let app = TestApp::with(NO_PAUSE).await;
    let session = app.open("alice").await;
    let first = app.refresh(&session.refresh).await.must_be(200);
    let second = app.refresh(&first.text("/refresh_token")).await.must_be(200);
    app.refresh(&session.refresh).await.must_be(400).must_be_error("invalid_grant");
    theft_is_told(&app, &session.sid, &[&session.access, &first.text("/access_token"), &second.text("/access_token")]).await;
}

/// The cause of the end stands in the session and in the metrics, and its access tokens are void.
async fn theft_is_told(app: &TestApp, sid: &str, access: &[&str]) {
    let seen = app.session(sid).await;
    assert_eq!(seen["state"], "ended");
    assert_eq!(seen["ended"]["reason"], "refresh_token_reused");
    for token in access {
        assert!(!app.is_active(token).await, "access tokens of a stolen session are void");
    }
    let metrics = app.metrics().await;
    assert!(metrics.lines().any(|line| line.contains("refresh") && line.contains("reused") && line.ends_with(" 1")), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_window_the_second_use_is_theft() {
    let app = TestApp::with(STRICT).await;
    let session = app.open("alice").await;
    app.refresh(&session.refresh).await.must_be(200);
    app.refresh(&session.refresh).await.must_be(400).must_be_error("invalid_grant");
    assert_eq!(app.session(&session.sid).await["ended"]["reason"], "refresh_token_reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_hold_the_token_back_are_never_theft() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let mut tabs = [session.refresh.clone(), session.refresh.clone()];
    for round in 0..40 {
        // Each tab uses what it has, nine seconds after the other.
        let tab = round % 2;
        let answer = app.refresh(&tabs[tab]).await.must_be(200);
        if let Some(next) = answer.body["refresh_token"].as_str() {
            tabs[tab] = next.to_owned();
        }
        app.pass(Duration::from_secs(9)).await;
    }
    assert_eq!(app.session(&session.sid).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_the_pause_the_client_keeps_its_refresh_token() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let first = app.refresh(&session.refresh).await.must_be(200);
    let kept = app.refresh(&first.text("/refresh_token")).await.must_be(200);
    assert!(kept.body.get("refresh_token").is_none(), "RFC 6749 §6: the client keeps the one it has");
    app.pass(WINDOW).await;
    let rotated = app.refresh(&first.text("/refresh_token")).await.must_be(200);
    assert_ne!(rotated.text("/refresh_token"), first.text("/refresh_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_does_not_eat_the_window() {
    let mut app = TestApp::with(NO_PAUSE).await;
    let session = app.open("alice").await;
    let first = app.refresh(&session.refresh).await.must_be(200);
    app.stop().await;
    app.clock.advance(Duration::from_secs(3_600));
    app.restart().await;
    let again = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(first.text("/refresh_token"), again.text("/refresh_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_clients_own_is_refused_and_the_session_untouched() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let other =
        json!({ "id": "other", "type": "public", "grants": ["refresh_token"], "scopes": ["read"], "audiences": ["https://api.example"] });
    app.post("/v1/clients", &admin, &other).await.must_be(201);
    let session = app.open_with(json!({ "subject": "alice", "client_id": "app", "scope": "read" })).await;

    app.refresh_at("other", &session.refresh).await.must_be(400).must_be_error("invalid_grant");
    app.refresh_at("nobody", &session.refresh).await.must_be_error("invalid_client");
    app.refresh(&session.access).await.must_be(400).must_be_error("invalid_grant");
    let last = if session.refresh.ends_with('A') { 'B' } else { 'A' };
    let bent = format!("{}{last}", &session.refresh[..session.refresh.len() - 1]);
    app.refresh(&bent).await.must_be(400).must_be_error("invalid_grant");
    let wider = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &session.refresh), ("scope", "read write")];
    app.form("/oauth/token", &wider).await.must_be(400).must_be_error("invalid_scope");
    let elsewhere =
        [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &session.refresh), ("resource", "https://other.example")];
    app.form("/oauth/token", &elsewhere).await.must_be(400).must_be_error("invalid_target");

    let seen = app.session(&session.sid).await;
    assert_eq!(seen["state"], "active");
    app.refresh(&session.refresh).await.must_be(200).text("/refresh_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrower_scope_applies_to_the_access_token_only() {
    let app = TestApp::with(NO_PAUSE).await;
    let session = app.open("alice").await;
    let narrow = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &session.refresh), ("scope", "read")];
    let narrowed = app.form("/oauth/token", &narrow).await.must_be(200);
    assert_eq!(narrowed.body["scope"], "read");
    let whole = app.refresh(&narrowed.text("/refresh_token")).await.must_be(200);
    assert_eq!(whole.body["scope"], "read write");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_at_its_absolute_and_at_its_idle_end() {
    let app = TestApp::with("[defaults]\nabsolute = \"10m\"\nidle = \"2m\"\nretry_window = \"0s\"\nrotation_pause = \"0s\"\n").await;
    let idle = app.open("alice").await;
    let mut used = app.open("bob").await;
    for _ in 0..5 {
        app.pass(Duration::from_secs(119)).await;
        used.refresh = app.refresh(&used.refresh).await.must_be(200).text("/refresh_token");
    }
    app.refresh(&idle.refresh).await.must_be(400).must_be_error("invalid_grant");
    assert_eq!(app.session(&idle.sid).await["ended"]["reason"], "idle");
    app.pass(Duration::from_secs(10)).await;
    app.refresh(&used.refresh).await.must_be(400).must_be_error("invalid_grant");
    assert_eq!(app.session(&used.sid).await["ended"]["reason"], "expired", "rotation never extends the absolute end");
}
