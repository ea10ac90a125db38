//! `/v1/clients`: what a client may do is given out by somebody who may do it.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Answer, TestApp};
use crate::wire::{call, is_about_field, is_oauth_error, is_problem, node_with, secret_of};

async fn put(app: &TestApp, id: &str, body: &Value) -> Answer {
    app.send(app.request(Method::PUT, &format!("/v1/clients/{id}")).bearer_auth(app.admin().await).json(body)).await
}

async fn remove(app: &TestApp, id: &str) -> Answer {
    app.send(app.request(Method::DELETE, &format!("/v1/clients/{id}")).bearer_auth(app.admin().await)).await
}

async fn add(app: &TestApp, body: &Value) -> Answer {
    app.post("/v1/clients", &app.admin().await, body).await
}

fn backend() -> Value {
    json!({ "id": "backend", "type": "confidential", "grants": ["client_credentials", "refresh_token"],
        "scopes": ["mintage:sessions.open", "read"], "audiences": ["https://api.example"], "opens_for": ["app"], "access_ttl": 60 })
}

/// What `PUT` takes, from what `GET` shows.
fn whole(mut shown: Value) -> Value {
    let members = shown.as_object_mut().expect("an object");
    for name in ["id", "lifetimes", "read_only", "secret_ids"] {
        assert!(members.remove(name).is_some(), "{name}");
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_client_works_and_its_secret_is_shown_once() {
    let mut app = TestApp::start().await;
    let added = add(&app, &backend()).await.must_be(201);
    assert_eq!(added.headers["location"], "/v1/clients/backend");
    assert_eq!(added.headers["cache-control"], "no-store");
    let secret = added.text("/client_secret");
    assert!(secret.starts_with("mcs_") && secret.len() >= 4 + 43, "256 random bits");
    let shown = app.get("/v1/clients/backend", &app.admin().await).await.must_be(200);
    assert_eq!(shown.body, added.body["client"]);
    assert_eq!((&shown.body["access_ttl"], &shown.body["lifetimes"]["access_ttl"]), (&json!(60), &json!(60)));
    assert_eq!((&shown.body["absolute"], &shown.body["read_only"]), (&Value::Null, &json!(false)));
    let listed = app.get("/v1/clients", &app.admin().await).await.must_be(200);
    let ids: Vec<_> = listed.body["items"].as_array().expect("items").iter().map(|client| client["id"].clone()).collect();
    assert_eq!(ids, ["admin", "app", "backend"]);
    for text in [&shown.text, &listed.text] {
        assert!(!text.contains(&secret) && !text.replace("secret_ids", "").contains("secret"), "no secret, nor the hash of one: {text}");
    }
    is_problem(&add(&app, &backend()).await, 409, "client_exists");

    let open = async |app: &TestApp| {
        let fields = [("grant_type", "client_credentials"), ("scope", "mintage:sessions.open")];
        let token = app.form_as("/oauth/token", "backend", &secret, &fields).await.must_be(200).text("/access_token");
        app.post("/v1/sessions", &token, &json!({ "subject": "alice", "client_id": "app" })).await
    };
    open(&app).await.must_be(201);
    app.restart().await;
    open(&app).await.must_be(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_names_every_member_and_keeps_the_secret() {
    let mut app = TestApp::start().await;
    let secret = add(&app, &backend()).await.must_be(201).text("/client_secret");
    let before = app.get("/v1/clients/backend", &app.admin().await).await.must_be(200).body;
    let full = whole(before.clone());
    for name in full.as_object().expect("an object").keys() {
        let mut part = full.clone();
        part.as_object_mut().expect("an object").remove(name);
        let answer = put(&app, "backend", &part).await;
        is_problem(&answer, 400, "invalid_request");
        is_about_field(&answer, &format!("/{name}"), "required");
    }
    assert_eq!(app.get("/v1/clients/backend", &app.admin().await).await.body, before, "an omitted member is an error, not a reset");
    let mut next = full.clone();
    (next["access_ttl"], next["scopes"]) = (Value::Null, json!(["read"]));
    let answer = put(&app, "backend", &next).await.must_be(200);
    assert_eq!((&answer.body["access_ttl"], &answer.body["scopes"]), (&Value::Null, &json!(["read"])));
    app.restart().await;
    assert_eq!(app.get("/v1/clients/backend", &app.admin().await).await.body, answer.body);
    let token = app.form_as("/oauth/token", "backend", &secret, &[("grant_type", "client_credentials")]).await.must_be(200);
    assert_eq!(token.body["scope"], "read");

    next["type"] = json!("public");
    assert_eq!(put(&app, "backend", &next).await.status, 400, "a client's type does not change");
    let other = put(&app, "nobody", &full).await;
    is_problem(&other, 404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_client_is_unknown_and_its_sessions_refresh_no_more() {
    let mut app = TestApp::start().await;
    let client =
        json!({ "id": "phone", "type": "public", "grants": ["refresh_token"], "scopes": ["read"], "audiences": ["https://api.example"] });
    let added = add(&app, &client).await.must_be(201);
    assert_eq!(added.body["client_secret"], Value::Null, "a public client has no secret");
    let session = app.open_with(json!({ "subject": "alice", "client_id": "phone" })).await;
    app.refresh_at("phone", &session.refresh).await.must_be(200);
    remove(&app, "phone").await.must_be(204);
    is_oauth_error(&app.refresh_at("phone", &session.refresh).await, 401, "invalid_client");
    is_problem(&remove(&app, "phone").await, 404, "not_found");
    app.restart().await;
    is_oauth_error(&app.refresh_at("phone", &session.refresh).await, 401, "invalid_client");
    is_problem(&app.get("/v1/clients/phone", &app.admin().await).await, 404, "not_found");
}

/// The tokens that `backend` gets, by eight hands, from before `change` until it gets none.
async fn minted_during(app: &Arc<TestApp>, secret: &str, change: impl Future<Output = Answer>) -> Vec<String> {
    let mut minting = JoinSet::new();
    for _ in 0..8 {
        let (app, secret) = (app.clone(), secret.to_owned());
        minting.spawn(async move {
            let mut tokens = Vec::new();
            loop {
                let answer =
                    app.form_as("/oauth/token", "backend", &secret, &[("grant_type", "client_credentials"), ("scope", "read")]).await;
                if answer.status != 200 {
                    is_oauth_error(&answer, 401, "invalid_client");
                    return tokens;
                }
                tokens.push(answer.text("/access_token"));
            }
        });
    }
    assert!(change.await.status.is_success());
    minting.join_all().await.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_gets_while_it_is_disabled_or_removed_is_void() {
    let app = Arc::new(TestApp::start().await);
    let mut secret = add(&app, &backend()).await.must_be(201).text("/client_secret");
    let mut minted = 0;
    for _ in 0..5 {
        let mut disabled = whole(app.get("/v1/clients/backend", &app.admin().await).await.body);
        disabled["disabled"] = json!(true);
        let tokens = minted_during(&app, &secret, put(&app, "backend", &disabled)).await;
        disabled["disabled"] = json!(false);
        put(&app, "backend", &disabled).await.must_be(200);
        for token in &tokens {
            assert!(!app.is_active(token).await, "disabled");
        }
        let removed = minted_during(&app, &secret, remove(&app, "backend")).await;
        secret = add(&app, &backend()).await.must_be(201).text("/client_secret");
        for token in &removed {
            assert!(!app.is_active(token).await, "removed");
        }
        minted += tokens.len() + removed.len();
    }
    println!("{minted} tokens minted while their client was disabled or removed, 0 of them good afterwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_file_are_changed_in_the_file() {
    let app = node_with("").await;
    let shown = app.get("/v1/clients/app", &app.admin().await).await.must_be(200).body;
    assert_eq!(shown["read_only"], true);
    is_problem(&put(&app, "app", &whole(shown.clone())).await, 409, "client_read_only");
    is_problem(&remove(&app, "app").await, 409, "client_read_only");
    is_problem(&add(&app, &json!({ "id": "app", "type": "public" })).await, 409, "client_exists");
    assert_eq!(app.get("/v1/clients/app", &app.admin().await).await.body, shown);
}

const REGISTRAR: &str = r#"
[[clients]]
id = "registrar"
type = "confidential"
secret_file = "{dir}/registrar.secret"
grants = ["client_credentials"]
scopes = ["mintage:clients", "mintage:sessions.read", "mintage:sessions.open"]
opens_for = ["app"]

[[clients]]
id = "tv"
type = "public"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hands_out_more_than_they_have() {
    let app = node_with(REGISTRAR).await;
    let fields = [("grant_type", "client_credentials")];
    let token = app.form_as("/oauth/token", "registrar", &secret_of("registrar"), &fields).await.must_be(200).text("/access_token");
    let add = async |scopes: Value, opens_for: Value| {
        let body =
            json!({ "id": "new", "type": "confidential", "grants": ["client_credentials"], "scopes": scopes, "opens_for": opens_for });
        app.post("/v1/clients", &token, &body).await
    };
    for scopes in [json!(["mintage:revoke.all"]), json!(["mintage:clients", "mintage:keys"]), json!(["mintage:introspect"])] {
        let answer = add(scopes.clone(), json!([])).await;
        assert_eq!(answer.status, 400, "{scopes}: {}", answer.text);
        is_about_field(&answer, "/scopes", "beyond_your_own");
    }
    for opens_for in [json!(["*"]), json!(["tv"]), json!(["app", "tv"])] {
        let answer = add(json!(["mintage:sessions.open"]), opens_for.clone()).await;
        assert_eq!(answer.status, 400, "{opens_for}: {}", answer.text);
        is_about_field(&answer, "/opens_for", "beyond_your_own");
    }
    is_problem(&app.get("/v1/clients/new", &token).await, 404, "not_found");
    add(json!(["mintage:sessions.read", "mintage:sessions.open", "jobs.run"]), json!(["app"])).await.must_be(201);

    let shown = app.get("/v1/clients/new", &token).await.must_be(200).body;
    for (name, value) in [("scopes", json!(["mintage:keys"])), ("opens_for", json!(["*"]))] {
        let mut wider = whole(shown.clone());
        wider[name] = value;
        let answer = app.send(app.request(Method::PUT, "/v1/clients/new").bearer_auth(&token).json(&wider)).await;
        is_about_field(&answer, &format!("/{name}"), "beyond_your_own");
    }
    assert_eq!(app.get("/v1/clients/new", &token).await.body, shown);

    // A token that was narrowed hands out no more than it says itself.
    let narrow = [("grant_type", "client_credentials"), ("scope", "mintage:clients")];
    let narrow = app.form_as("/oauth/token", "registrar", &secret_of("registrar"), &narrow).await.must_be(200).text("/access_token");
    let body = json!({ "id": "sly", "type": "confidential", "grants": ["client_credentials"], "scopes": ["mintage:sessions.read"] });
    is_about_field(&app.post("/v1/clients", &narrow, &body).await, "/scopes", "beyond_your_own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_cannot_be_is_refused_by_field() {
    let app = TestApp::start().await;
    let public = |member: &str, value: Value| json!({ "id": "new", "type": "public", member: value });
    let secret = |member: &str, value: Value| json!({ "id": "new", "type": "confidential", member: value });
    let rows = [
        (json!({ "id": "", "type": "public" }), "/id"),
        (json!({ "id": "a b", "type": "public" }), "/id"),
        (json!({ "id": "a/b", "type": "public" }), "/id"),
        (json!({ "id": "mintage", "type": "public" }), "/id"),
        (json!({ "id": "a".repeat(129), "type": "public" }), "/id"),
        (public("grants", json!(["client_credentials"])), "/grants"),
        (public("grants", json!(["password"])), "/grants/0"),
        (public("scopes", json!(["mintage:revoke"])), "/scopes"),
        (public("scopes", json!(["a b"])), "/scopes"),
        (public("opens_for", json!(["app"])), "/opens_for"),
        (public("rotates", json!(false)), "/rotates"),
        (public("format", json!("saml")), "/format"),
        (public("audiences", json!(["api"])), "/audiences"),
        (public("audiences", json!(["https://a.example#x"])), "/audiences"),
        (public("audiences", json!(["https://a.example", "https://a.example"])), "/audiences"),
        (public("origins", json!(["*"])), "/origins"),
        (public("origins", json!(["null"])), "/origins"),
        (public("origins", json!(["https://app.example/"])), "/origins"),
        (public("origins", json!(["http://app.example"])), "/origins"),
        (public("access_ttl", json!(0)), "/access_ttl"),
        (public("access_ttl", json!(86_401)), "/access_ttl"),
        (public("rotation_pause", json!(1)), "/rotation_pause"),
        (public("sessions_per_slot", json!(0)), "/sessions_per_slot"),
        (secret("scopes", json!(["mintage:everything"])), "/scopes"),
        (secret("scopes", json!(["mintage:revoke"])), "/scopes"),
        (secret("opens_for", json!(["nobody"])), "/opens_for"),
        (secret("opens_for", json!(["*", "app"])), "/opens_for"),
    ];
    for (body, pointer) in rows {
        let answer = add(&app, &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        is_problem(&answer, 400, "invalid_request");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}: {}", answer.text);
    }
    is_problem(&app.get("/v1/clients/new", &app.admin().await).await, 404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_in_addresses_are_taken_literally() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    add(&app, &json!({ "id": "a:b~c@d", "type": "public" })).await.must_be(201);
    app.get("/v1/clients/a:b~c@d", &admin).await.must_be(200);
    app.get("/v1/clients/a%3Ab%7Ec%40d", &admin).await.must_be(200);
    for strange in ["nobody", "%00", "a%2fb", "%ff", "app%20", "APP"] {
        is_problem(&app.get(&format!("/v1/clients/{strange}"), &admin).await, 404, "not_found");
    }
    assert_eq!(call(&app, Method::GET, "/v1/clients/app/").await.status, 404);
}
