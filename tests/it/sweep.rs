//! What is over is forgotten after its grace: in bounded steps, counted, and not when the node is about to stop.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::TestApp;

/// More than one step of the sweep takes.
const SESSIONS: usize = 1_100;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_forgotten_in_steps_and_counted_but_not_while_stopping() {
    let app = TestApp::with("[sessions]\ngrace = \"1m\"\n").await;
    app.pass(Duration::from_secs(2)).await;
    let admin = app.admin().await;
    let sid = app.open("alice").await.sid;
    for n in (0..SESSIONS).step_by(50) {
        let mut opening = JoinSet::new();
        for n in n..n + 50 {
            let body = json!({ "subject": format!("user {n}"), "client_id": "app" });
            opening.spawn(app.request(Method::POST, "/v1/sessions").bearer_auth(&admin).json(&body).send());
        }
        for opened in opening.join_all().await {
            assert_eq!(opened.expect("the node answers").status(), 201);
        }
    }
    let opened = SESSIONS + 1;
    app.revoke(json!({ "type": "all" }), "sessions").await.must_be(201);
    app.sweep().await;
    assert_eq!(swept(&app, "sessions").await, 0, "support can still ask why");
    assert_eq!(app.session(&sid).await["ended"]["reason"], "all_revoked");
    app.pass(Duration::from_secs(70)).await;

    let stopping = CancellationToken::new();
    stopping.cancel();
    app.jobs().sweep(&stopping).await;
    assert_eq!(swept(&app, "sessions").await, 0, "a node that stops begins no step");

    let before = steps(&app).await;
    app.sweep().await;
    let steps = steps(&app).await - before;
    assert_eq!(swept(&app, "sessions").await, opened, "all of them, once");
    assert!(steps > 1, "no step is longer than a thousand");
    let admin = app.admin().await;
    app.send(app.request(Method::GET, &format!("/v1/sessions/{sid}")).bearer_auth(admin)).await.must_be(404);
    println!("sweep: {opened} sessions forgotten after their grace in {steps} steps; 0 before, 0 while stopping");
}

async fn swept(app: &TestApp, what: &str) -> usize {
    metric(app, &format!("mintage_swept_total{{namespace=\"mintage\",what=\"{what}\"}} ")).await
}

async fn steps(app: &TestApp) -> usize {
    app.beat().await;
    metric(app, "mintage_store_calls_total{namespace=\"mintage\",operation=\"sweep\"} ").await
}

async fn metric(app: &TestApp, begin: &str) -> usize {
    let page = app.metrics().await;
    page.lines().find_map(|line| line.strip_prefix(begin)).map_or(0, |value| value.parse().expect("a whole number"))
}
