//! What a hostile or careless caller found a way to do, once.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Opened, TestApp};

/// Longer than the defaults keep an entry of the log, shorter than a day-long token lives.
const PAST_THE_DEFAULT_KEEP: Duration = Duration::from_secs(3_600 + 8 * 60);

/// A public client over the API whose access tokens live for a day.
fn long_lived() -> Value {
    json!({ "id": "tv", "type": "public", "grants": ["refresh_token"], "scopes": ["read"], "audiences": ["https://api.example"],
        "access_ttl": 86_400 })
}

/// A session at that client, revoked; its access token has most of a day to live.
async fn revoked_at_a_long_lived_client(app: &TestApp) -> Opened {
    app.post("/v1/clients", &app.admin().await, &long_lived()).await.must_be(201);
    let session = app.open_with(json!({ "subject": "alice", "client_id": "tv" })).await;
    assert!(app.is_active(&session.access).await);
    app.revoke(json!({ "type": "session", "sid": session.sid }), "sessions").await.must_be(201);
    assert!(!app.is_active(&session.access).await);
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_outlives_the_tokens_of_a_client_that_came_over_the_api() {
    let mut app = TestApp::start().await;
    let session = revoked_at_a_long_lived_client(&app).await;
    app.pass(PAST_THE_DEFAULT_KEEP).await;
    app.sweep().await;
    app.restart().await;
    assert!(!app.is_active(&session.access).await, "un-revoked by a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_outlives_the_tokens_of_a_client_that_is_gone() {
    let app = TestApp::start().await;
    let session = revoked_at_a_long_lived_client(&app).await;
    app.send(app.request(Method::DELETE, "/v1/clients/tv").bearer_auth(app.admin().await)).await.must_be(204);
    app.pass(PAST_THE_DEFAULT_KEEP).await;
    assert!(!app.is_active(&session.access).await, "un-revoked by removing its client");
}
