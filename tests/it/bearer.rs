//! The Bearer scheme (RFC 6750) in front of `/v1`, and what each route asks of a token.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, Answer, ISSUER, TestApp};
use crate::wire::{admin_with, call, challenge, is_problem, node_with};

/// Every route of `/v1`: method, address, body, and the scope without which it is 403. `{sid}` is a live session's.
fn routes() -> Vec<(Method, &'static str, Option<Value>, &'static str)> {
    let target = |target: Value| Some(json!({ "target": target }));
    vec![
        (Method::POST, "/v1/sessions", Some(json!({ "subject": "s", "client_id": "app" })), "mintage:sessions.open"),
        (Method::GET, "/v1/sessions", None, "mintage:sessions.read"),
        (Method::GET, "/v1/sessions/{sid}", None, "mintage:sessions.read"),
        (Method::PATCH, "/v1/sessions/{sid}", Some(json!({ "scope": "read" })), "mintage:sessions.update"),
        (Method::POST, "/v1/sessions/claims", Some(json!({ "subject": "nobody", "claims": {} })), "mintage:sessions.update"),
        (Method::DELETE, "/v1/sessions/{sid}", None, "mintage:revoke"),
        (Method::POST, "/v1/revocations", target(json!({ "type": "session", "sid": "{sid}" })), "mintage:revoke"),
        (Method::POST, "/v1/revocations", target(json!({ "type": "subject", "subject": "nobody" })), "mintage:revoke"),
        (Method::POST, "/v1/revocations", target(json!({ "type": "subject", "subject": "nobody", "client_id": "app" })), "mintage:revoke"),
        (Method::POST, "/v1/revocations", target(json!({ "type": "token", "jti": "{sid}" })), "mintage:revoke"),
        (Method::POST, "/v1/revocations", target(json!({ "type": "client", "client_id": "app" })), "mintage:revoke.all"),
        (Method::POST, "/v1/revocations", target(json!({ "type": "all" })), "mintage:revoke.all"),
        (Method::POST, "/v1/revocations", target(json!({ "type": "key", "kid": "x" })), "mintage:revoke.all"),
        (Method::GET, "/v1/revocations/{sid}", None, "mintage:revoke"),
        (Method::GET, "/v1/backup", None, "mintage:backup"),
        (Method::GET, "/v1/keys", None, "mintage:keys"),
        (Method::POST, "/v1/keys", Some(json!({})), "mintage:keys"),
        (Method::POST, "/v1/keys/rotate", Some(json!({})), "mintage:keys"),
        (Method::POST, "/v1/keys/x/retire", Some(json!({})), "mintage:keys"),
        (Method::POST, "/v1/keys/x/revoke", Some(json!({})), "mintage:keys"),
        (Method::GET, "/v1/audit", None, "mintage:audit"),
        (Method::GET, "/v1/clients", None, "mintage:clients"),
        (Method::POST, "/v1/clients", Some(json!({ "id": "new", "type": "public" })), "mintage:clients"),
        (Method::GET, "/v1/clients/app", None, "mintage:clients"),
        (Method::PUT, "/v1/clients/app", Some(whole_client()), "mintage:clients"),
        (Method::DELETE, "/v1/clients/app", None, "mintage:clients"),
    ]
}

fn whole_client() -> Value {
    json!({ "type": "public", "jwks": null, "grants": [], "scopes": [], "audiences": [], "opens_for": [], "format": "jwt", "origins": [],
        "access_ttl": null, "absolute": null, "idle": null, "retry_window": null, "rotation_pause": null, "rotates": true, "dpop_bound_access_tokens": false,
        "sessions_per_slot": null, "disabled": false })
}

const ALL: [&str; 13] = [
    "sessions.open",
    "sessions.read",
    "sessions.update",
    "revoke",
    "revoke.all",
    "keys",
    "clients",
    "introspect",
    "feed",
    "edges",
    "audit",
    "backup",
    "explain",
];

async fn knock(app: &TestApp, (method, path, body, _): &(Method, &str, Option<Value>, &str), sid: &str, bearer: Option<&str>) -> Answer {
    let mut request = app.request(method.clone(), &path.replace("{sid}", sid));
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string().replace("{sid}", sid));
    }
    app.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_there_is_a_challenge_and_no_error_code() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    for route in &routes() {
        let answer = knock(&app, route, &session.sid, None).await;
        is_problem(&answer, 401, "bearer_missing");
        assert!(challenge(&answer).starts_with("Bearer") && !challenge(&answer).contains("error"), "RFC 6750 §3.1: {}", challenge(&answer));
    }
    let basic = app.send(app.request(Method::GET, "/v1/sessions").basic_auth("admin", Some(ADMIN_SECRET))).await;
    is_problem(&basic, 401, "bearer_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_needs_its_scope_and_no_other_scope_will_do() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let opened = app.session(&session.sid).await;
    for route in &routes() {
        let (method, path, _, needed) = route;
        let others: Vec<String> = ALL.iter().map(|scope| format!("mintage:{scope}")).filter(|scope| scope != needed).collect();
        let answer = knock(&app, route, &session.sid, Some(&admin_with(&app, &others.join(" ")).await)).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
        is_problem(&answer, 403, "insufficient_scope");
        let told = challenge(&answer);
        assert!(told.contains("error=\"insufficient_scope\"") && told.contains(&format!("scope=\"{needed}\"")), "{method} {path}: {told}");
    }
    assert_eq!(app.session(&session.sid).await, opened, "nothing was done");
    app.refresh(&session.refresh).await.must_be(200);

    for route in &routes() {
        let (method, path, _, needed) = route;
        if matches!(*needed, "mintage:revoke.all") || *method == Method::DELETE {
            continue; // done by others, and it would end what the next row needs
        }
        // Revoking a key needs both: it is a revocation of everything that the key signed.
        let scope = if *path == "/v1/keys/x/revoke" { "mintage:keys mintage:revoke.all" } else { needed };
        let answer = knock(&app, route, &session.sid, Some(&admin_with(&app, scope).await)).await;
        assert!(!matches!(answer.status.as_u16(), 401 | 403 | 500..), "{method} {path}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_travels_in_one_header_and_nowhere_else() {
    let app = TestApp::start().await;
    let token = app.admin().await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        app.send(app.request(Method::GET, "/v1/clients").header("authorization", format!("{scheme} {token}"))).await.must_be(200);
    }
    let malformed = [
        app.request(Method::GET, &format!("/v1/clients?access_token={token}")),
        app.request(Method::GET, &format!("/v1/clients?access%5ftoken={token}")),
        app.request(Method::GET, &format!("/v1/clients?access_token={token}")).bearer_auth(&token),
        app.request(Method::GET, "/v1/clients").bearer_auth(&token).bearer_auth(&token),
        app.request(Method::GET, "/v1/clients").bearer_auth(&token).basic_auth("admin", Some(ADMIN_SECRET)),
        app.request(Method::GET, "/v1/clients").header("authorization", "Bearer"),
        app.request(Method::GET, "/v1/clients").header("authorization", "Bearer   "),
    ];
    for request in malformed {
        let answer = app.send(request).await;
        is_problem(&answer, 400, "bearer_malformed");
        assert!(challenge(&answer).contains("error=\"invalid_request\""));
    }
    let in_a_form = app.send(app.request(Method::POST, "/v1/sessions").form(&[("access_token", &token)])).await;
    is_problem(&in_a_form, 401, "bearer_missing");
    for wrong in [format!("{token} {token}"), format!("{token},{token}"), format!("\"{token}\""), token.replace('.', ". ")] {
        let answer = app.send(app.request(Method::GET, "/v1/clients").header("authorization", format!("Bearer {wrong}"))).await;
        is_problem(&answer, 401, "token_invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_says_why() {
    let app = TestApp::start().await;
    let (expired, revoked) = (app.admin().await, app.admin().await);
    app.form_as("/oauth/revoke", "admin", ADMIN_SECRET, &[("token", &revoked)]).await.must_be(200);
    let users = app.open("alice").await.access;
    let refused = async |token: &str, code: &str| {
        let answer = app.get("/v1/sessions", token).await;
        is_problem(&answer, 401, code);
        assert!(challenge(&answer).contains("error=\"invalid_token\""), "{}", challenge(&answer));
    };
    refused(&revoked, "token_revoked").await;
    refused(&users, "token_invalid").await;
    refused("garbage", "token_invalid").await;
    app.pass(Duration::from_secs(301)).await;
    refused(&expired, "token_expired").await;
    let next = app.admin().await;
    app.revoke(json!({ "type": "client", "client_id": "admin" }), "access_tokens").await.must_be(201);
    refused(&next, "token_revoked").await;
    app.get("/v1/sessions", &app.admin().await).await.must_be(200);
}

const USERS: &str = r#"
[[clients]]
id = "devices"
type = "public"
grants = ["refresh_token"]
scopes = ["read", "mintage:me"]
audiences = ["http://127.0.0.1:8080", "https://api.example"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_users_token_for_the_issuer_manages_nothing() {
    let app = node_with(USERS).await;
    let session = app.open_with(json!({ "subject": "alice", "client_id": "devices", "audience": [ISSUER] })).await;
    assert_eq!(crate::wire::part_of(&session.access, 1)["aud"], ISSUER);
    for route in &routes() {
        let (method, path, ..) = route;
        let answer = knock(&app, route, &session.sid, Some(&session.access)).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
    }
    let introspect = app.request(Method::POST, "/oauth/introspect").bearer_auth(&session.access).form(&[("token", &session.refresh)]);
    app.send(introspect).await.must_be(403);
    assert_eq!(app.session(&session.sid).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_from_a_client_is_gone_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let new = json!({ "id": "helper", "type": "confidential", "grants": ["client_credentials"],
        "scopes": ["mintage:sessions.read", "mintage:keys"] });
    let secret = app.post("/v1/clients", &admin, &new).await.must_be(201).text("/client_secret");
    let mint = async || app.form_as("/oauth/token", "helper", &secret, &[("grant_type", "client_credentials")]).await;
    let token = mint().await.must_be(200).text("/access_token");
    app.get("/v1/keys", &token).await.must_be(200);
    let mut less = whole_client();
    (less["type"], less["grants"], less["scopes"]) =
        (json!("confidential"), json!(["client_credentials"]), json!(["mintage:sessions.read"]));
    app.send(app.request(Method::PUT, "/v1/clients/helper").bearer_auth(&admin).json(&less)).await.must_be(200);
    app.get("/v1/keys", &token).await.must_be(403);
    app.get("/v1/sessions", &token).await.must_be(200);

    less["disabled"] = json!(true);
    app.send(app.request(Method::PUT, "/v1/clients/helper").bearer_auth(&admin).json(&less)).await.must_be(200);
    assert!(matches!(app.get("/v1/sessions", &token).await.status.as_u16(), 401 | 403), "a disabled client is an unknown one");
    mint().await.must_be(401);

    app.send(app.request(Method::DELETE, "/v1/clients/helper").bearer_auth(&admin)).await.must_be(204);
    assert!(matches!(app.get("/v1/sessions", &token).await.status.as_u16(), 401 | 403));
    mint().await.must_be(401);
    assert_eq!(call(&app, Method::GET, "/v1/clients/helper").await.status, 401);
    app.get("/v1/clients/helper", &admin).await.must_be(404);
}
