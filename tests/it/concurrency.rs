//! Many at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{ADMIN_SECRET, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_opened_at_once_and_one_after_another_are_all_different() {
    let app = Arc::new(TestApp::start().await);
    let admin = app.admin().await;
    let mut opening = JoinSet::new();
    for _ in 0..20 {
        let (app, admin) = (app.clone(), admin.clone());
        opening
            .spawn(async move { app.post("/v1/sessions", &admin, &json!({ "subject": "alice", "client_id": "app" })).await.must_be(201) });
    }
    let mut answers = opening.join_all().await;
    for _ in 0..10 {
        answers.push(app.post("/v1/sessions", &admin, &json!({ "subject": "alice", "client_id": "app" })).await.must_be(201));
    }
    for member in ["/session/sid", "/access_token", "/refresh_token"] {
        let different: BTreeSet<String> = answers.iter().map(|answer| answer.text(member)).collect();
        assert_eq!(different.len(), 30, "{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_introspections_at_once_give_one_answer() {
    let app = Arc::new(TestApp::start().await);
    let session = app.open("alice").await;
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let (app, access) = (app.clone(), session.access.clone());
        asking.spawn(async move { app.form_as("/oauth/introspect", "admin", ADMIN_SECRET, &[("token", &access)]).await.must_be(200).text });
    }
    let answers: BTreeSet<String> = asking.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_refreshes_of_one_token_all_get_one_successor() {
    let app = Arc::new(TestApp::start().await);
    let session = app.open("alice").await;
    let mut refreshing = JoinSet::new();
    for _ in 0..1_000 {
        let (app, refresh) = (app.clone(), session.refresh.clone());
        refreshing.spawn(async move { app.refresh(&refresh).await.must_be(200) });
    }
    let answers = refreshing.join_all().await;
    let successors: BTreeSet<String> = answers.iter().map(|answer| answer.text("/refresh_token")).collect();
    assert_eq!(successors.len(), 1, "all succeed with one successor");
    let access: BTreeSet<String> = answers.iter().map(|answer| answer.text("/access_token")).collect();
    assert_eq!(access.len(), 1_000, "every access token is its own");
    assert_eq!(app.session(&session.sid).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_window_one_of_many_gets_the_successor_and_the_session_ends() {
    let app = Arc::new(TestApp::with("[defaults]\nretry_window = \"0s\"\nrotation_pause = \"0s\"\n").await);
    let session = app.open("alice").await;
    let mut refreshing = JoinSet::new();
    for _ in 0..100 {
        let (app, refresh) = (app.clone(), session.refresh.clone());
        refreshing.spawn(async move { app.refresh(&refresh).await.status.as_u16() });
    }
    let answers = refreshing.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|status| **status == 400).count(), 99);
    assert_eq!(app.session(&session.sid).await["ended"]["reason"], "refresh_token_reused");
}
