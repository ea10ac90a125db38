//! What a hostile or careless caller found a way to do, once.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Opened, TestApp};
use crate::wire::{is_problem, node_with, raw, secret_of};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_was_left_empty_does_not_list_everybody() {
    let app = TestApp::start().await;
    app.open("alice").await;
    let admin = app.admin().await;
    for query in ["subject=", "subject", "client_id=", "state=&limit=5"] {
        let answer = app.get(&format!("/v1/sessions?{query}"), &admin).await.must_be(400);
        assert_eq!((answer.text("/code"), answer.text("/errors/0/code")), ("invalid_query".to_owned(), "required".to_owned()), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_address_is_refused_however_the_rest_of_it_looks() {
    let app = TestApp::start().await;
    let (admin, session) = (app.admin().await, app.open("alice").await);
    let many = "&a=1".repeat(70);
    for query in ["access_token=x&access_token=y", "access_token=%zz", "access%5Ftoken=x&b=%", &format!("b=1{many}&access_token=x")] {
        let open = json!({ "subject": "bob", "client_id": "app" });
        app.post(&format!("/v1/sessions?{query}"), &admin, &open).await.must_be(400);
        let form = [("token", session.access.as_str())];
        let asking = app.request(Method::POST, &format!("/oauth/introspect?{query}")).bearer_auth(&admin).form(&form);
        app.send(asking).await.must_be(400).must_be_error("invalid_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_calls_a_field_is_cut_before_it_is_told() {
    let app = TestApp::start().await;
    let name = "n".repeat(20_000);
    let answer = app.send(app.request(Method::POST, "/oauth/token").form(&[(&name, "1"), (&name, "1")])).await.must_be(400);
    assert!(answer.text.len() < 500, "{} bytes", answer.text.len());
    let answer = app.post("/v1/sessions", &app.admin().await, &json!({ name: 1 })).await.must_be(400);
    assert!(answer.text.len() < 1_000, "{} bytes", answer.text.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_is_called_what_an_address_cannot_say() {
    let app = TestApp::start().await;
    for id in [".", ".."] {
        let mut body = long_lived();
        body["id"] = json!(id);
        app.post("/v1/clients", &app.admin().await, &body).await.must_be(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_lost_revives_no_token() {
    let mut app = TestApp::start().await;
    let session = app.open("alice").await;
    app.revoke(json!({ "type": "session", "sid": session.sid }), "sessions").await.must_be(201);
    app.stop().await;
    std::fs::remove_dir_all(app.folder().join("data")).expect("the store is lost");
    app.restart().await;
    assert!(!app.is_active(&session.access).await, "un-revoked with the store that knew of it");
    let fresh = app.open("alice").await;
    assert!(app.is_active(&fresh.access).await, "what is minted from now on is good");
    app.refresh(&fresh.refresh).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_from_a_client_is_gone_at_its_sessions_next_refresh() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let client = |scopes: serde_json::Value, audiences: serde_json::Value| {
        json!({ "type": "public", "jwks": null, "grants": ["refresh_token"], "scopes": scopes, "audiences": audiences, "opens_for": [], "format": "jwt",
                "origins": [], "access_ttl": null, "absolute": null, "idle": null, "retry_window": null, "rotation_pause": null,
                "rotates": true, "dpop_bound_access_tokens": false, "sessions_per_slot": null, "disabled": false })
    };
    let mut body = client(json!(["read", "write"]), json!(["https://a.example", "https://b.example"]));
    body["id"] = json!("spa");
    app.post("/v1/clients", &admin, &body).await.must_be(201);
    let session = app.open_with(json!({ "subject": "alice", "client_id": "spa" })).await;
    let narrower = client(json!(["read"]), json!(["https://b.example"]));
    let put = app.request(reqwest::Method::PUT, "/v1/clients/spa").bearer_auth(&admin).json(&narrower);
    app.send(put).await.must_be(200);
    let gone =
        [("grant_type", "refresh_token"), ("client_id", "spa"), ("refresh_token", &session.refresh), ("resource", "https://a.example")];
    app.form("/oauth/token", &gone).await.must_be(400).must_be_error("invalid_target");
    for taken in ["write", "read write"] {
        let gone = [("grant_type", "refresh_token"), ("client_id", "spa"), ("refresh_token", &session.refresh), ("scope", taken)];
        app.form("/oauth/token", &gone).await.must_be(400).must_be_error("invalid_scope");
    }
    let refreshed = app.refresh_at("spa", &session.refresh).await.must_be(200);
    assert_eq!(refreshed.body["scope"], "read");
    let says =
        app.form_as("/oauth/introspect", "admin", crate::app::ADMIN_SECRET, &[("token", &refreshed.text("/access_token"))]).await.body;
    assert_eq!((&says["aud"], &says["scope"]), (&json!("https://b.example"), &json!("read")));

    // And who takes the id of a removed client later inherits nothing.
    app.send(app.request(reqwest::Method::DELETE, "/v1/clients/spa").bearer_auth(&admin)).await;
    assert!(!app.is_active(&refreshed.text("/access_token")).await);
    app.post("/v1/clients", &admin, &body).await.must_be(201);
    app.refresh_at("spa", &session.refresh).await.must_be(400).must_be_error("invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_made_that_verifiers_would_not_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for too_much in [json!({ "amr": ["\u{1}".repeat(32)] }), json!({ "acr": "\n" }), json!({ "amr": vec!["x"; 9] })] {
        let mut body = too_much.clone();
        body["subject"] = json!("alice");
        body["client_id"] = json!("app");
        app.post("/v1/sessions", &admin, &body).await.must_be(400);
    }
    let scopes: Vec<String> = (0..300).map(|n| format!("{n:050}")).collect();
    let client =
        json!({ "id": "wide", "type": "public", "grants": ["refresh_token"], "scopes": scopes, "audiences": ["https://a.example"] });
    app.post("/v1/clients", &admin, &client).await.must_be(201);
    app.post("/v1/sessions", &admin, &json!({ "subject": "alice", "client_id": "wide" })).await.must_be(400);
}

/// `shop` opens and changes sessions at the client `app` alone.
const TWO_BACKENDS: &str = r#"
[[clients]]
id = "shop"
type = "confidential"
secret_file = "{dir}/shop.secret"
grants = ["client_credentials"]
scopes = ["mintage:sessions.open", "mintage:sessions.update"]
opens_for = ["app"]

[[clients]]
id = "bank"
type = "public"
grants = ["refresh_token"]
scopes = ["read"]
audiences = ["https://bank.example"]
origins = ["https://bank.example"]
"#;

async fn token_of(app: &TestApp, client: &str) -> String {
    app.form_as("/oauth/token", client, &secret_of(client), &[("grant_type", "client_credentials")])
        .await
        .must_be(200)
        .text("/access_token")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_ends_no_session_of_another_client_by_opening_many() {
    let app = node_with(&format!("{TWO_BACKENDS}\n[sessions]\nper_subject = 3\n")).await;
    let at_bank = app.open_with(json!({ "subject": "dave", "client_id": "bank" })).await;
    let shop = token_of(&app, "shop").await;
    for _ in 0..10 {
        app.post("/v1/sessions", &shop, &json!({ "subject": "dave", "client_id": "app" })).await.must_be(201);
    }
    assert_eq!(app.session(&at_bank.sid).await["state"], "active");
    app.refresh_at("bank", &at_bank.refresh).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_changes_what_tokens_say_only_where_it_may_open_sessions() {
    let app = node_with(TWO_BACKENDS).await;
    let at_bank = app.open_with(json!({ "subject": "carol", "client_id": "bank" })).await;
    let at_app = app.open_with(json!({ "subject": "carol", "client_id": "app" })).await;
    let shop = token_of(&app, "shop").await;
    let change = |client: Value| json!({ "subject": "carol", "client_id": client, "claims": { "role": "admin" } });
    for elsewhere in [change(Value::Null), change(json!("bank"))] {
        is_problem(&app.post("/v1/sessions/claims", &shop, &elsewhere).await, 403, "client_not_openable");
    }
    let patch = async |sid: &str| {
        let request = app.request(Method::PATCH, &format!("/v1/sessions/{sid}")).bearer_auth(&shop);
        app.send(request.json(&json!({ "claims": { "role": "admin" } }))).await
    };
    is_problem(&patch(&at_bank.sid).await, 403, "client_not_openable");
    assert!(!app.session(&at_bank.sid).await.to_string().contains("role"), "nothing was written");
    patch(&at_app.sid).await.must_be(200);
    app.post("/v1/sessions/claims", &shop, &change(json!("app"))).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_only_the_answers_of_the_client_that_it_is_registered_for() {
    let app = node_with(TWO_BACKENDS).await;
    let session = app.open_with(json!({ "subject": "erin", "client_id": "bank" })).await;
    let readable_by = async |origin: &str, path: &str| {
        let request = app.request(Method::POST, path).header("origin", origin);
        let fields = [("client_id", "bank"), ("token", "x"), ("grant_type", "refresh_token"), ("refresh_token", &session.refresh)];
        app.send(request.form(&fields)).await.must_be(200).headers.contains_key("access-control-allow-origin")
    };
    for path in ["/oauth/token", "/oauth/revoke"] {
        assert!(readable_by("https://bank.example", path).await, "{path}");
        assert!(!readable_by("https://app.example", path).await, "{path}: registered, but for another client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_a_disabled_client_are_void() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.post("/v1/clients", &admin, &long_lived()).await.must_be(201);
    let session = app.open_with(json!({ "subject": "alice", "client_id": "tv" })).await;
    let mut whole = app.get("/v1/clients/tv", &admin).await.must_be(200).body;
    for answered_only in ["id", "read_only", "secret_ids", "lifetimes"] {
        whole.as_object_mut().expect("an object").remove(answered_only);
    }
    for disabled in [true, false] {
        whole["disabled"] = json!(disabled);
        app.send(app.request(Method::PUT, "/v1/clients/tv").bearer_auth(&admin).json(&whole)).await.must_be(200);
        assert!(!app.is_active(&session.access).await, "also when it is enabled again");
    }
    let next = app.refresh_at("tv", &session.refresh).await.must_be(200).text("/access_token");
    assert!(app.is_active(&next).await, "its sessions have waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_form_nothing_stands_in_the_address() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let fields = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str()), ("token", "x")];
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        for query in ["x=1", "client_secret=abc", "access_token=abc", &format!("refresh_token={}", session.refresh), "%"] {
            let answer = app.form(&format!("{path}?{query}"), &fields).await.must_be(400).must_be_error("invalid_request");
            assert!(!answer.text.contains(&session.refresh));
        }
        assert_ne!(app.form(&format!("{path}?"), &fields).await.status, 400, "an empty query is none: {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_one_host() {
    let app = TestApp::start().await;
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a b/..\r\n", "Host:\r\n"] {
        let request = format!("GET /v1/keys HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        assert_eq!(raw(&app, request.as_bytes()).await.map(|answer| answer.status), Some(400), "{hosts}");
    }
    let good = raw(&app, b"GET /v1/keys HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(good.map(|answer| answer.status), Some(401));
}
