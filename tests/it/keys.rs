//! Signing keys: announced, active, retiring, retired, revoked.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;

const HOURLY: &str = "[defaults]\naccess_ttl = \"5m\"\n\n[signing]\nrotation = \"1h\"\njwks_max_age = \"5m\"\n";

async fn keys(app: &TestApp) -> Vec<Value> {
    app.get("/v1/keys", &app.admin().await).await.must_be(200).body["items"].as_array().cloned().expect("items")
}

async fn kids_in_state(app: &TestApp, algorithm: &str, state: &str) -> Vec<String> {
    let keys = keys(app).await;
    let of = keys.iter().filter(|key| key["algorithm"] == algorithm && key["state"] == state);
    of.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

async fn published(app: &TestApp) -> Vec<String> {
    let set = app.send(app.request(reqwest::Method::GET, "/.well-known/jwks.json")).await.must_be(200).body;
    set["keys"].as_array().expect("keys").iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

fn kid_of(token: &str) -> String {
    use base64::Engine;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    serde_json::from_slice::<Value>(&header).expect("JSON")["kid"].as_str().expect("a kid").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_of_each_format_signs_and_one_stands_by_published() {
    let app = TestApp::start().await;
    for algorithm in ["EdDSA", "v4.public"] {
        assert_eq!(kids_in_state(&app, algorithm, "active").await.len(), 1, "{algorithm}");
        assert_eq!(kids_in_state(&app, algorithm, "announced").await.len(), 1, "{algorithm}");
    }
    let set = published(&app).await;
    assert!(kids_in_state(&app, "EdDSA", "announced").await.iter().all(|kid| set.contains(kid)), "the standby is known before it signs");
    assert_eq!(kid_of(&app.open("alice").await.access), kids_in_state(&app, "EdDSA", "active").await[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_on_schedule_and_no_token_dies_of_it() {
    let app = TestApp::with(HOURLY).await;
    let first = kids_in_state(&app, "EdDSA", "active").await.remove(0);
    let standby = kids_in_state(&app, "EdDSA", "announced").await.remove(0);
    app.pass(Duration::from_secs(3_590)).await;
    let old = app.open("alice").await;
    assert_eq!(kid_of(&old.access), first);
    app.pass(Duration::from_secs(20)).await;
    let new = app.open("alice").await;
    assert_eq!(kid_of(&new.access), standby, "the switch needs nobody");
    assert!(app.is_active(&old.access).await, "what the old key signed is good until it expires");
    app.tend().await;
    assert_eq!(kids_in_state(&app, "EdDSA", "retiring").await, std::slice::from_ref(&first));
    assert_eq!(kids_in_state(&app, "EdDSA", "announced").await.len(), 1, "and the next one is announced");
    assert!(published(&app).await.contains(&first));
    app.pass(Duration::from_secs(400)).await;
    app.tend().await;
    assert!(!published(&app).await.contains(&first), "nothing that it signed is alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_by_command_waits_until_everybody_can_know_the_key() {
    let app = TestApp::with(HOURLY).await;
    let standby = kids_in_state(&app, "EdDSA", "announced").await.remove(0);
    app.post("/v1/keys/rotate", &app.admin().await, &json!({})).await.must_be(200);
    assert_ne!(kid_of(&app.open("alice").await.access), standby, "caches may still not have it");
    app.pass(Duration::from_secs(601)).await;
    assert_eq!(kid_of(&app.open("alice").await.access), standby);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_the_active_key_voids_what_it_signed_and_the_standby_signs_at_once() {
    let mut app = TestApp::start().await;
    let session = app.open("alice").await;
    let (active, standby) =
        (kids_in_state(&app, "EdDSA", "active").await.remove(0), kids_in_state(&app, "EdDSA", "announced").await.remove(0));
    let answer = app.post(&format!("/v1/keys/{active}/revoke"), &app.admin().await, &json!({})).await.must_be(200);
    assert_eq!(answer.body["state"], "revoked", "{}", answer.text);
    assert!(!app.is_active(&session.access).await);
    let refreshed = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(kid_of(&refreshed.text("/access_token")), standby, "the session goes on under the standby");
    assert!(!published(&app).await.contains(&active));
    app.restart().await;
    assert!(!app.is_active(&session.access).await, "after a restart too");
    assert!(app.is_active(&refreshed.text("/access_token")).await);
    app.post("/v1/keys/no-such-key/revoke", &app.admin().await, &json!({})).await.must_be(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn retiring_the_active_key_hands_over() {
    let app = TestApp::with(HOURLY).await;
    let active = kids_in_state(&app, "EdDSA", "active").await.remove(0);
    app.pass(Duration::from_secs(700)).await;
    app.post(&format!("/v1/keys/{active}/retire"), &app.admin().await, &json!({})).await.must_be(200);
    assert_ne!(kid_of(&app.open("alice").await.access), active);
    assert_eq!(kids_in_state(&app, "EdDSA", "retiring").await, std::slice::from_ref(&active));
    app.post(&format!("/v1/keys/{active}/retire"), &app.admin().await, &json!({})).await.must_be(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn retiring_the_standby_leaves_the_active_key_signing_and_announces_another() {
    let app = TestApp::with(HOURLY).await;
    let (active, standby) =
        (kids_in_state(&app, "EdDSA", "active").await.remove(0), kids_in_state(&app, "EdDSA", "announced").await.remove(0));
    app.post(&format!("/v1/keys/{standby}/retire"), &app.admin().await, &json!({})).await.must_be(200);
    assert_eq!(kid_of(&app.open("alice").await.access), active);
    let announced = kids_in_state(&app, "EdDSA", "announced").await;
    assert!(announced.len() == 1 && announced[0] != standby);
    assert!(!published(&app).await.contains(&standby));
}

#[tokio::test(flavor = "multi_thread")]
async fn lifetimes_that_grow_keep_the_retiring_key_alive_as_long() {
    let mut app = TestApp::with(HOURLY).await;
    let end = async |app: &TestApp, kid: &str| {
        let keys = keys(app).await;
        keys.iter().find(|key| key["kid"] == kid).expect("the key is there")["ends_at"].as_str().expect("an end").to_owned()
    };
    let active = kids_in_state(&app, "EdDSA", "active").await.remove(0);
    let before = end(&app, &active).await;
    app.stop().await;
    app.configure(&HOURLY.replace("5m\"\n\n", "2h\"\n\n"));
    app.restart().await;
    assert!(end(&app, &active).await > before, "tokens may live two hours now");
}
