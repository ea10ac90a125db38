//! A client's secret changes without a gap, and nobody changes it who may do less than the client.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::wire::{admin_with, is_about_field, is_oauth_error, is_problem, node_with, secret_of};

async fn secrets(app: &TestApp, token: &str, client: &str) -> Answer {
    app.send(app.request(Method::POST, &format!("/v1/clients/{client}/secrets")).bearer_auth(token)).await
}

async fn drop_secret(app: &TestApp, token: &str, client: &str, secret: &str) -> Answer {
    app.send(app.request(Method::DELETE, &format!("/v1/clients/{client}/secrets/{secret}")).bearer_auth(token)).await
}

async fn works(app: &TestApp, secret: &str) -> bool {
    let answer = app.form_as("/oauth/token", "worker", secret, &[("grant_type", "client_credentials"), ("scope", "jobs.run")]).await;
    if answer.status != 200 {
        is_oauth_error(&answer, 401, "invalid_client");
    }
    answer.status == 200
}

fn worker() -> Value {
    json!({ "id": "worker", "type": "confidential", "grants": ["client_credentials"], "scopes": ["jobs.run"],
        "audiences": ["https://jobs.example"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_secret_and_the_new_one_are_good_until_the_old_one_is_dropped() {
    let mut app = TestApp::start().await;
    let admin = app.admin().await;
    let added = app.post("/v1/clients", &admin, &worker()).await.must_be(201);
    let old = added.text("/client_secret");
    let old_id = added.text("/client/secret_ids/0");

    let created = secrets(&app, &admin, "worker").await.must_be(201);
    let (new, new_id) = (created.text("/client_secret"), created.text("/id"));
    assert_eq!(created.headers["location"], format!("/v1/clients/worker/secrets/{new_id}").as_str());
    assert!(new != old && new_id != old_id && works(&app, &old).await && works(&app, &new).await);
    is_problem(&secrets(&app, &admin, "worker").await, 409, "too_many_secrets");
    app.restart().await;
    assert!(works(&app, &old).await && works(&app, &new).await);

    let admin = app.admin().await;
    drop_secret(&app, &admin, "worker", &old_id).await.must_be(204);
    assert!(!works(&app, &old).await && works(&app, &new).await);
    is_problem(&drop_secret(&app, &admin, "worker", &old_id).await, 404, "not_found");
    is_problem(&drop_secret(&app, &admin, "worker", &new_id).await, 409, "last_secret");
    app.restart().await;
    assert!(!works(&app, &old).await && works(&app, &new).await);

    // Shown once, and kept hashed.
    let admin = app.admin().await;
    let shown = app.get("/v1/clients/worker", &admin).await.must_be(200);
    assert_eq!(shown.body["secret_ids"], json!([new_id]));
    app.stop().await;
    let stored = std::fs::read(app.folder().join("data/store.redb")).expect("the store");
    for secret in [&old, &new] {
        assert!(!shown.text.contains(secret.as_str()));
        assert!(!stored.windows(secret.len()).any(|part| part == secret.as_bytes()), "a secret stands in the store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_secrets_to_change_where_there_can_be_none() {
    let app = node_with("").await;
    let admin = app.admin().await;
    is_problem(&secrets(&app, &admin, "nobody").await, 404, "not_found");
    is_problem(&secrets(&app, &admin, "admin").await, 409, "client_read_only");
    app.post("/v1/clients", &admin, &json!({ "id": "tv", "type": "public" })).await.must_be(201);
    let answer = secrets(&app, &admin, "tv").await;
    is_about_field(&answer, "/type", "not_for_public_clients");
    let narrow = admin_with(&app, "mintage:keys").await;
    is_problem(&secrets(&app, &narrow, "tv").await, 403, "insufficient_scope");
}

const REGISTRARS: &str = r#"
[[clients]]
id = "registrar"
type = "confidential"
secret_file = "{dir}/registrar.secret"
grants = ["client_credentials"]
scopes = ["mintage:clients", "mintage:sessions.read", "jobs.run"]
audiences = ["https://jobs.example"]
opens_for = ["app"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_touches_a_client_that_may_do_more() {
    let app = node_with(REGISTRARS).await;
    let admin = app.admin().await;
    let form = [("grant_type", "client_credentials"), ("scope", "mintage:clients mintage:sessions.read")];
    let token = app.form_as("/oauth/token", "registrar", &secret_of("registrar"), &form).await.must_be(200).text("/access_token");
    let strong = [
        json!({ "id": "strong", "type": "confidential", "grants": ["client_credentials"], "scopes": ["mintage:keys"] }),
        json!({ "id": "opener", "type": "confidential", "grants": ["client_credentials"], "opens_for": ["*"] }),
        json!({ "id": "server", "type": "confidential", "audiences": ["https://money.example"] }),
        json!({ "id": "scoped", "type": "confidential", "scopes": ["jobs.delete"], "audiences": ["https://jobs.example"] }),
    ];
    for client in &strong {
        let id = client["id"].as_str().expect("an id");
        let added = app.post("/v1/clients", &admin, client).await.must_be(201);
        let secret_id = added.text("/client/secret_ids/0");
        let mut stripped = added.body["client"].clone();
        for name in ["id", "lifetimes", "read_only", "secret_ids"] {
            stripped.as_object_mut().expect("an object").remove(name);
        }
        (stripped["scopes"], stripped["audiences"], stripped["opens_for"]) = (json!([]), json!([]), json!([]));
        let path = format!("/v1/clients/{id}");
        is_problem(&app.send(app.request(Method::PUT, &path).bearer_auth(&token).json(&stripped)).await, 403, "client_beyond_yours");
        is_problem(&app.send(app.request(Method::DELETE, &path).bearer_auth(&token)).await, 403, "client_beyond_yours");
        is_problem(&secrets(&app, &token, id).await, 403, "client_beyond_yours");
        is_problem(&drop_secret(&app, &token, id, &secret_id).await, 403, "client_beyond_yours");
        assert_eq!(app.get(&path, &admin).await.must_be(200).body, added.body["client"], "untouched");
    }
    // Nor gives what it lacks; what it and the clients that it opens for have, it gives.
    let with = |audience: &str, scopes: Value| json!({ "id": "new", "type": "confidential", "scopes": scopes, "audiences": [audience] });
    for (audience, scopes) in [
        ("https://money.example", json!([])),
        ("https://unheard-of.example", json!([])),
        ("https://jobs.example", json!(["jobs.delete"])),
        ("https://api.example", json!(["jobs.run"])),
    ] {
        let answer = app.post("/v1/clients", &token, &with(audience, scopes)).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        is_about_field(&answer, "/audiences", "beyond_your_own");
    }
    app.post("/v1/clients", &token, &with("https://api.example", json!(["read"]))).await.must_be(201);
    secrets(&app, &token, "new").await.must_be(201);
    app.send(app.request(Method::DELETE, "/v1/clients/new").bearer_auth(&token)).await.must_be(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_grants_has_the_default_of_the_file() {
    let app = TestApp::start().await;
    let body = json!({ "id": "phone", "type": "public", "audiences": ["https://api.example"] });
    let added = app.post("/v1/clients", &app.admin().await, &body).await.must_be(201);
    assert_eq!(added.body["client"]["grants"], json!(["refresh_token"]));
    let session = app.open_with(json!({ "subject": "alice", "client_id": "phone" })).await;
    app.refresh_at("phone", &session.refresh).await.must_be(200);
}
