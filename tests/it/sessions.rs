//! Opening and looking at sessions.

use serde_json::json;

use crate::app::{ADMIN_SECRET, TestApp};

const BACKENDS: &str = r#"
[[clients]]
id = "admin"
type = "confidential"
secret_file = "{dir}/admin.secret"
grants = ["client_credentials"]
scopes = ["mintage:sessions.open", "mintage:sessions.read", "mintage:revoke"]
opens_for = ["app"]

[[clients]]
id = "app"
type = "public"
grants = ["refresh_token"]
scopes = ["read"]
audiences = ["https://api.example"]

[[clients]]
id = "other"
type = "public"
grants = ["refresh_token"]
scopes = ["read"]
audiences = ["https://other.example"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_opens_only_what_it_may() {
    let app = TestApp::with_files(BACKENDS, &[("admin.secret", ADMIN_SECRET)]).await;
    let admin = app.admin().await;
    for refused in [
        json!({ "subject": "alice", "client_id": "other" }),
        json!({ "subject": "alice", "client_id": "app", "scope": "mintage:revoke" }),
        json!({ "subject": "alice", "client_id": "app", "scope": "read admin" }),
        json!({ "subject": "alice", "client_id": "app", "audience": ["https://other.example"] }),
    ] {
        app.post("/v1/sessions", &admin, &refused).await.must_be(403);
    }
    assert_eq!(app.get("/v1/sessions?subject=alice", &admin).await.must_be(200).body["items"], json!([]), "nothing was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_leaves_no_orphan() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let open = async |subject: &str| {
        let body = json!({ "subject": subject, "client_id": "app" });
        app.send(app.request(reqwest::Method::POST, "/v1/sessions").bearer_auth(&admin).header("Idempotency-Key", "login-17").json(&body))
            .await
    };
    let first = open("alice").await.must_be(201);
    let again = open("alice").await.must_be(201);
    assert_eq!(first.text("/session/sid"), again.text("/session/sid"));
    assert_eq!(first.text("/refresh_token"), again.text("/refresh_token"));
    assert!(app.is_active(&again.text("/access_token")).await);
    let other = open("bob").await;
    assert_eq!(other.body["code"], "idempotency_key_reused", "{}", other.text);
    let listed = app.get("/v1/sessions?client_id=app", &admin).await.must_be(200);
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1));
    app.refresh(&again.text("/refresh_token")).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_in_pages() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for n in 0..7 {
        app.open(if n % 2 == 0 { "alice" } else { "bob" }).await;
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/v1/sessions?subject=alice&limit=3{next}"), &admin).await.must_be(200).body;
        seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["sid"].to_string()));
        match page["next_page_token"].as_str() {
            Some(token) => next = format!("&page_token={token}"),
            None => break,
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 4);
    app.get("/v1/sessions?limit=0", &admin).await.must_be(400);
    app.get("/v1/sessions?page_token=junk", &admin).await.must_be(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_shows_what_the_backend_said() {
    let app = TestApp::start().await;
    let body = json!({
        "subject": "alice", "client_id": "app", "scope": "read", "acr": "urn:gold", "amr": ["pwd", "otp"], "auth_time": app.now(),
        "device": { "name": "Alice's phone", "user_agent": "x/1", "ip": "192.0.2.7" }, "slot": "phone", "lifetime": 3600,
        "upstream": { "iss": "https://idp.example", "sid": "u-1" },
    });
    let opened = app.open_with(body).await;
    let seen = app.session(&opened.sid).await;
    assert_eq!(seen["subject"], "alice");
    assert_eq!(seen["device"]["name"], "Alice's phone");
    assert_eq!(seen["slot"], "phone");
    assert_eq!(seen["upstream"]["iss"], "https://idp.example");
    assert_eq!(seen["audience"], json!(["https://api.example"]));
    assert!(seen["ended"].is_null() && seen["state"] == "active");
    for secret in ["generation", "rotated_at", "secret"] {
        assert!(seen.get(secret).is_none(), "{secret} is nobody's to see");
    }
    let says = app.form_as("/oauth/introspect", "admin", ADMIN_SECRET, &[("token", &opened.access)]).await.body;
    assert_eq!((&says["acr"], &says["amr"], &says["sid"]), (&json!("urn:gold"), &json!(["pwd", "otp"]), &json!(opened.sid)));
}
