//! Stopping and starting again; folders that do not belong together.

use std::time::Duration;

use serde_json::json;

use crate::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_keys_and_clients_outlive_a_restart() {
    let mut app = TestApp::start().await;
    let session = app.open("alice").await;
    let first = app.refresh(&session.refresh).await.must_be(200);
    let keys = app.send(app.request(reqwest::Method::GET, "/.well-known/jwks.json")).await.text;
    let added = json!({ "id": "batch", "type": "confidential", "grants": ["client_credentials"], "scopes": ["read"], "audiences": ["https://api.example"] });
    let secret = app.post("/v1/clients", &app.admin().await, &added).await.must_be(201).text("/client_secret");
    app.restart().await;
    assert_eq!(app.send(app.request(reqwest::Method::GET, "/.well-known/jwks.json")).await.text, keys);
    app.form_as("/oauth/token", "batch", &secret, &[("grant_type", "client_credentials")]).await.must_be(200);
    let again = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(first.text("/refresh_token"), again.text("/refresh_token"), "a retry across the restart gets the same bytes");
    assert_eq!(app.session(&session.sid).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_its_keys_does_not_start() {
    let mut app = TestApp::start().await;
    app.open("alice").await;
    app.stop().await;
    let keys = app.folder().join("keys");
    std::fs::remove_dir_all(&keys).expect("the keys are gone");
    let fault = app.try_begin().await.expect_err("a key is never silently replaced");
    assert!(fault.contains("missing") && fault.contains("keys"), "{fault}");
    assert!(
        std::fs::read_dir(&keys)
            .map(|mut files| files.all(|file| file.is_ok_and(|file| file.path().extension().is_none_or(|end| end != "json"))))
            .unwrap_or(true),
        "no key was made"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_key_file_stops_the_start_and_is_named() {
    let mut app = TestApp::start().await;
    app.stop().await;
    let file = std::fs::read_dir(app.folder().join("keys"))
        .expect("the folder")
        .filter_map(|file| file.ok().map(|file| file.path()))
        .find(|path| path.extension().is_some_and(|end| end == "json"))
        .expect("a key file");
    std::fs::write(&file, b"{\"version\":1").expect("cut short");
    let fault = app.try_begin().await.expect_err("a corrupt key stops the start");
    assert!(fault.contains(&file.file_name().expect("a name").to_string_lossy().into_owned()), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_on_the_same_folder_is_refused_kindly() {
    let app = TestApp::start().await;
    let fault = app.try_second().await.map(drop).expect_err("one writer");
    assert!(fault.contains("data"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_key_that_is_over_does_not_come_back_with_an_older_folder() {
    let mut app = TestApp::start().await;
    let published = async |app: &TestApp| app.send(app.request(reqwest::Method::GET, "/.well-known/jwks.json")).await.must_be(200);
    let kid = published(&app).await.text("/keys/0/kid");
    let file = app.folder().join(format!("keys/{kid}.json"));
    let old = std::fs::read(&file).expect("the key's file while it signed");
    app.post(&format!("/v1/keys/{kid}/revoke"), &app.admin().await, &json!({})).await.must_be(200);
    app.clock.advance(Duration::from_secs(25 * 3_600));
    app.pass(Duration::from_secs(8)).await;
    app.tend().await;
    assert!(!file.exists(), "a day later it is buried");
    app.stop().await;
    std::fs::write(&file, old).expect("an older folder is put back");
    std::fs::set_permissions(&file, <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600)).expect("its rights");
    app.try_begin().await.expect("a key that is over is no reason to refuse");
    assert!(!file.exists() && !published(&app).await.text.contains(&kid), "the log has forgotten it, the store has not");
}
