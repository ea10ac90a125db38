//! Every row of design §4: what must be refused, what must live on, and that a restart takes nothing back.

use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, Opened, TestApp};

/// Two clients, so that there is always somebody whom a revocation must spare; no windows, so that a refresh shows the session's state.
const TWO_CLIENTS: &str = r#"
[defaults]
retry_window = "30s"
rotation_pause = "0s"

[[clients]]
id = "admin"
type = "confidential"
secret_file = "{dir}/admin.secret"
grants = ["client_credentials"]
scopes = ["mintage:sessions.open", "mintage:sessions.read", "mintage:sessions.update", "mintage:revoke", "mintage:revoke.all", "mintage:keys", "mintage:clients", "mintage:introspect"]
opens_for = ["*"]

[[clients]]
id = "app"
type = "public"
grants = ["refresh_token"]
scopes = ["read", "write"]
audiences = ["https://api.example"]

[[clients]]
id = "web"
type = "public"
grants = ["refresh_token"]
scopes = ["read", "write"]
audiences = ["https://api.example"]
format = "paseto"

[[clients]]
id = "batch"
type = "confidential"
secret_file = "{dir}/admin.secret"
grants = ["client_credentials"]
scopes = ["read"]
audiences = ["https://api.example"]
"#;

/// Everything that a revocation may hit or must spare.
struct World {
    /// alice at app, with a second access token.
    first: Opened,
    first_again: String,
    /// alice at app, another device.
    second: Opened,
    /// alice at web.
    elsewhere: Opened,
    /// bob at app.
    bob: Opened,
    /// A token without a session.
    batch: String,
}

impl World {
    async fn new(app: &TestApp) -> Self {
        let open = async |subject: &str, client: &str| app.open_with(json!({ "subject": subject, "client_id": client })).await;
        let mut first = open("alice", "app").await;
        let answer = app.refresh(&first.refresh).await.must_be(200);
        first.refresh = answer.text("/refresh_token");
        let batch = app.form_as("/oauth/token", "batch", ADMIN_SECRET, &[("grant_type", "client_credentials")]).await.must_be(200);
        Self {
            first,
            first_again: answer.text("/access_token"),
            second: open("alice", "app").await,
            elsewhere: open("alice", "web").await,
            bob: open("bob", "app").await,
            batch: batch.text("/access_token"),
        }
    }

    /// Which access tokens are active, and which sessions can be refreshed, by name.
    async fn alive(&self, app: &TestApp) -> Vec<&'static str> {
        let mut alive = Vec::new();
        let tokens = [
            ("first", &self.first.access),
            ("first again", &self.first_again),
            ("second", &self.second.access),
            ("elsewhere", &self.elsewhere.access),
            ("bob", &self.bob.access),
            ("batch", &self.batch),
        ];
        for (name, token) in tokens {
            if app.is_active(token).await {
                alive.push(name);
            }
        }
        let sessions = [
            ("refresh first", "app", &self.first),
            ("refresh second", "app", &self.second),
            ("refresh elsewhere", "web", &self.elsewhere),
            ("refresh bob", "app", &self.bob),
        ];
        for (name, client, session) in sessions {
            // A retry inside the window answers the same again, so looking changes nothing.
            match app.refresh_at(client, &session.refresh).await {
                answer if answer.status == 200 => {
                    assert!(app.is_active(&answer.text("/access_token")).await, "what a living session mints is good");
                    alive.push(name);
                }
                answer => drop(answer.must_be(400).must_be_error("invalid_grant")),
            }
        }
        alive
    }
}

const EVERYTHING: [&str; 10] =
    ["first", "first again", "second", "elsewhere", "bob", "batch", "refresh first", "refresh second", "refresh elsewhere", "refresh bob"];

/// Target, extent, and what it voids.
fn rows(world: &World, key: &str) -> Vec<(&'static str, Value, &'static str, Vec<&'static str>)> {
    let jti = claim(&world.first.access, "jti");
    vec![
        ("nothing", Value::Null, "sessions", vec![]),
        ("one access token", json!({ "type": "token", "jti": jti }), "sessions", vec!["first"]),
        ("one session", json!({ "type": "session", "sid": world.first.sid }), "sessions", vec!["first", "first again", "refresh first"]),
        (
            "a subject",
            json!({ "type": "subject", "subject": "alice" }),
            "sessions",
            vec!["first", "first again", "second", "elsewhere", "refresh first", "refresh second", "refresh elsewhere"],
        ),
        (
            "a subject at one client",
            json!({ "type": "subject", "subject": "alice", "client_id": "app" }),
            "sessions",
            vec!["first", "first again", "second", "refresh first", "refresh second"],
        ),
        (
            "a client",
            json!({ "type": "client", "client_id": "app" }),
            "sessions",
            vec!["first", "first again", "second", "bob", "refresh first", "refresh second", "refresh bob"],
        ),
        ("everything", json!({ "type": "all" }), "sessions", EVERYTHING.to_vec()),
        (
            "a subject's access tokens",
            json!({ "type": "subject", "subject": "alice" }),
            "access_tokens",
            vec!["first", "first again", "second", "elsewhere"],
        ),
        (
            "a subject's access tokens at one client",
            json!({ "type": "subject", "subject": "alice", "client_id": "app" }),
            "access_tokens",
            vec!["first", "first again", "second"],
        ),
        (
            "a client's access tokens",
            json!({ "type": "client", "client_id": "app" }),
            "access_tokens",
            vec!["first", "first again", "second", "bob"],
        ),
        (
            "all access tokens",
            json!({ "type": "all" }),
            "access_tokens",
            vec!["first", "first again", "second", "elsewhere", "bob", "batch"],
        ),
        (
            "my other devices",
            json!({ "type": "subject", "subject": "alice", "except_sid": world.first.sid }),
            "sessions",
            vec!["second", "elsewhere", "refresh second", "refresh elsewhere"],
        ),
        (
            "my other devices at one client",
            json!({ "type": "subject", "subject": "alice", "client_id": "app", "except_sid": world.first.sid }),
            "sessions",
            vec!["second", "refresh second"],
        ),
        // `elsewhere` is PASETO, signed by another key.
        ("a signing key", json!({ "type": "key", "kid": key }), "sessions", vec!["first", "first again", "second", "bob", "batch"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_target_and_extent_voids_what_it_should_and_nothing_else() {
    let count = {
        let app = start().await;
        let world = World::new(&app).await;
        rows(&world, "x").len()
    };
    for row in 0..count {
        let mut app = start().await;
        let world = World::new(&app).await;
        let kid = signing_key(&world.first.access);
        let (name, target, extent, voided) = rows(&world, &kid).swap_remove(row);
        if !target.is_null() {
            let answer = app.revoke(target, extent).await.must_be(201);
            assert!(answer.body["stamp_ms"].is_u64() && answer.body["enforced_by"].is_string(), "{name}: {}", answer.text);
            let id = answer.text("/id");
            let read = app.get(&format!("/v1/revocations/{id}"), &app.admin().await).await.must_be(200);
            assert_eq!(read.body["target"], answer.body["target"], "{name}");
        }
        let survivors: Vec<_> = EVERYTHING.into_iter().filter(|thing| !voided.contains(thing)).collect();
        assert_eq!(world.alive(&app).await, survivors, "{name}");

        // Whoever logs in again right after is let in.
        let back = app.open_with(json!({ "subject": "alice", "client_id": "app" })).await;
        assert!(app.is_active(&back.access).await, "{name}: a new session lives");
        app.refresh(&back.refresh).await.must_be(200);

        app.restart().await;
        assert_eq!(world.alive(&app).await, survivors, "{name}: after a restart");
        assert!(app.is_active(&back.access).await, "{name}: the new session lives after a restart");
    }
    println!("{count} rows of design §4, each before and after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_say_why_and_by_whom() {
    let app = start().await;
    let world = World::new(&app).await;
    app.revoke(json!({ "type": "subject", "subject": "alice" }), "sessions").await.must_be(201);
    let seen = app.session(&world.first.sid).await;
    assert_eq!(
        (&seen["state"], &seen["ended"]["reason"], &seen["ended"]["by"]),
        (&json!("ended"), &json!("subject_revoked"), &json!("admin"))
    );
    let gone =
        app.send(app.request(reqwest::Method::DELETE, &format!("/v1/sessions/{}", world.bob.sid)).bearer_auth(app.admin().await)).await;
    assert!(gone.status.is_success(), "{}", gone.text);
    assert_eq!(app.session(&world.bob.sid).await["ended"]["reason"], "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_changes_nothing() {
    let app = start().await;
    let world = World::new(&app).await;
    let body = json!({ "target": { "type": "subject", "subject": "alice" }, "dry_run": true });
    let answer = app.post("/v1/revocations", &app.admin().await, &body).await.must_be(200);
    assert_eq!(answer.body["sessions"], 3, "{}", answer.text);
    assert!(answer.body["id"].is_null() && answer.body["stamp_ms"].is_null());
    assert_eq!(world.alive(&app).await, EVERYTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_revokes_once() {
    let app = start().await;
    World::new(&app).await;
    let admin = app.admin().await;
    let post = async |body: Value| {
        let request =
            app.request(reqwest::Method::POST, "/v1/revocations").bearer_auth(&admin).header("Idempotency-Key", "once").json(&body);
        app.send(request).await
    };
    let body = json!({ "target": { "type": "subject", "subject": "alice" } });
    let first = post(body.clone()).await.must_be(201);
    let again = post(body).await.must_be(201);
    assert_eq!((first.text("/id"), &first.body["stamp_ms"]), (again.text("/id"), &again.body["stamp_ms"]));
    let other = post(json!({ "target": { "type": "subject", "subject": "bob" } })).await;
    assert_eq!(other.body["code"], "idempotency_key_reused", "{}", other.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_give_back_their_own_tokens_and_no_others() {
    let app = start().await;
    let world = World::new(&app).await;
    let give = async |client: &str, token: &str| app.form("/oauth/revoke", &[("client_id", client), ("token", token)]).await;
    give("web", &world.first.refresh).await.must_be(400);
    give("web", &world.bob.access).await.must_be(400);
    assert_eq!(world.alive(&app).await, EVERYTHING, "nothing of another client's was touched");
    give("app", &world.bob.access).await.must_be(200);
    give("app", &world.first.refresh).await.must_be(200);
    give("app", "mrt_not-a-token-at-all").await.must_be(200);
    give("app", "neither is this").await.must_be(200);
    assert_eq!(world.alive(&app).await, ["second", "elsewhere", "batch", "refresh second", "refresh elsewhere", "refresh bob"]);
    assert_eq!(app.session(&world.first.sid).await["ended"]["reason"], "logged_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_not_promised_yet() {
    let app = start().await;
    let body = json!({ "target": { "type": "all" } });
    let answer = app.post("/v1/revocations?wait=edges", &app.admin().await, &body).await.must_be(400);
    assert_eq!(answer.body["code"], "unsupported", "{}", answer.text);
}

async fn start() -> TestApp {
    TestApp::with_files(TWO_CLIENTS, &[("admin.secret", ADMIN_SECRET)]).await
}

fn claim(token: &str, name: &str) -> String {
    part(token, 1)[name].as_str().expect("the claim is text").to_owned()
}

fn signing_key(token: &str) -> String {
    part(token, 0)["kid"].as_str().expect("a kid").to_owned()
}

fn part(token: &str, at: usize) -> Value {
    use base64::Engine;
    let segment = token.split('.').nth(at).expect("the part is there");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(segment).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
