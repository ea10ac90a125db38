//! Requirements §4 and issue 4: each effect leaves an intent and an outcome, and no secret ever stands in them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, Opened, TestApp};

/// What changes nothing that the trail tells of: a plain refresh, and a question.
const NO_EFFECT: [&str; 2] = ["token", "introspect"];

fn trail_text(app: &TestApp) -> String {
    let folder = std::fs::read_dir(app.folder().join("data/audit")).expect("the folder of the trail");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "ndjson"));
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).expect("a file of the trail")).collect()
}

/// The lines of the trail once the node has stopped.
async fn trail_of(app: &mut TestApp) -> Vec<Value> {
    app.stop().await;
    trail_text(app).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn of_request<'a>(lines: &'a [Value], id: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["request_id"] == id).collect()
}

struct Driver {
    app: TestApp,
    token: String,
    driven: BTreeSet<String>,
}

impl Driver {
    /// Sends a request under the name of its operation in the API's description.
    async fn api(&mut self, operation: &str, method: Method, path: &str, body: Option<Value>) -> Value {
        self.driven.insert(operation.to_owned());
        let request = self.app.request(method, path).bearer_auth(&self.token).header("x-request-id", operation);
        let answer = self.app.send(if let Some(body) = body { request.json(&body) } else { request }).await;
        assert!(answer.status.is_success(), "{operation}: {}", answer.text);
        answer.body
    }

    async fn give_back(&mut self, operation: &str, token: &str) {
        self.driven.insert(operation.to_owned());
        let form = [("token", token), ("client_id", "app")];
        let request = self.app.request(Method::POST, "/oauth/revoke").header("x-request-id", operation).form(&form);
        self.app.send(request).await.must_be(200);
    }

    async fn sessions_and_revocations(&mut self) -> Vec<String> {
        let opened = self.api("open_session", Method::POST, "/v1/sessions", Some(json!({ "subject": "alice", "client_id": "app" }))).await;
        let sid = opened["session"]["sid"].as_str().expect("a sid").to_owned();
        let patch = json!({ "claims": { "role": "reader" } });
        self.api("patch_session", Method::PATCH, &format!("/v1/sessions/{sid}"), Some(patch)).await;
        let patch = json!({ "subject": "alice", "claims": { "role": "writer" }, "void_access_tokens": true });
        self.api("patch_subject", Method::POST, "/v1/sessions/claims", Some(patch)).await;
        self.api("end_session", Method::DELETE, &format!("/v1/sessions/{sid}"), None).await;
        let leaked = opened["refresh_token"].as_str().expect("a refresh token").to_owned();
        let revocation = json!({ "target": { "type": "subject", "subject": "bob" }, "reason": { "code": leaked[..60], "note": leaked } });
        self.api("revoke", Method::POST, "/v1/revocations", Some(revocation)).await;
        let Opened { access, refresh, .. } = self.app.open("carol").await;
        self.give_back("revoke_token", &refresh).await;
        vec![opened["access_token"].as_str().expect("a token").to_owned(), leaked, access, refresh]
    }

    async fn clients_and_keys(&mut self) -> Vec<String> {
        let body = json!({ "type": "confidential", "grants": ["client_credentials"], "scopes": ["x"], "audiences": ["https://x.example"],
            "opens_for": [], "jwks": null, "format": "jwt", "origins": [], "access_ttl": null, "absolute": null, "idle": null, "retry_window": null,
            "rotation_pause": null, "rotates": true, "dpop_bound_access_tokens": false, "sessions_per_slot": null, "disabled": false });
        let mut new = body.clone();
        new["id"] = "helper".into();
        let secret =
            self.api("add_client", Method::POST, "/v1/clients", Some(new)).await["client_secret"].as_str().expect("one").to_owned();
        self.api("replace_client", Method::PUT, "/v1/clients/helper", Some(body)).await;
        let added = self.api("add_client_secret", Method::POST, "/v1/clients/helper/secrets", None).await;
        let second = |member: &str| added[member].as_str().expect("text").to_owned();
        self.api("remove_client_secret", Method::DELETE, &format!("/v1/clients/helper/secrets/{}", second("id")), None).await;
        self.api("remove_client", Method::DELETE, "/v1/clients/helper", None).await;
        let key = self.api("announce_key", Method::POST, "/v1/keys", Some(json!({ "algorithm": "ES256" }))).await;
        let at = |verb: &str| format!("/v1/keys/{}/{verb}", key["kid"].as_str().expect("a kid"));
        self.api("retire_key", Method::POST, &at("retire"), None).await;
        self.api("revoke_key", Method::POST, &at("revoke"), None).await;
        self.api("rotate_keys", Method::POST, "/v1/keys/rotate", None).await;
        self.api("rotate_mac_keys", Method::POST, "/v1/keys/macs/rotate", None).await;
        vec![secret, second("client_secret")]
    }
}

/// Every operation of the API's description that may change something.
async fn mutating(app: &TestApp) -> BTreeSet<String> {
    let document = app.send(app.request(Method::GET, "/openapi.json")).await.must_be(200).body;
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| ["post", "put", "patch", "delete"].map(|method| path[method]["operationId"].as_str()));
    operations.flatten().map(str::to_owned).filter(|name| !NO_EFFECT.contains(&name.as_str())).collect()
}

#[tokio::test]
async fn every_route_that_changes_something_leaves_its_two_lines_and_no_secret() {
    let app = TestApp::start().await;
    let token = app.admin().await;
    let mut driver = Driver { app, token, driven: BTreeSet::new() };
    let mut secrets = driver.sessions_and_revocations().await;
    secrets.extend(driver.clients_and_keys().await);
    assert_eq!(driver.driven, mutating(&driver.app).await, "a route that changes something is not driven by this test");
    secrets.extend([driver.token, ADMIN_SECRET.to_owned()]);
    let mut app = driver.app;
    let lines = trail_of(&mut app).await;
    for operation in &driver.driven {
        let [intent, outcome] = of_request(&lines, operation)[..] else { panic!("{operation} left other than two lines: {lines:?}") };
        assert_eq!((&intent["kind"], &outcome["kind"]), (&"intent".into(), &"outcome".into()), "{operation}");
        assert_eq!((&intent["id"], &outcome["result"]), (&outcome["id"], &"done".into()), "{operation}");
        let by = if operation == "revoke_token" { "app" } else { "admin" };
        assert_eq!((&outcome["by"]["client_id"], &outcome["from"]), (&by.into(), &"127.0.0.1".into()), "{operation}");
        assert_eq!(outcome["by"]["jti"].is_string(), by == "admin", "{operation}");
    }
    let opened = of_request(&lines, "open_session")[1];
    assert_eq!((&opened["subject"], &opened["client_id"], &opened["target"]["type"]), (&"alice".into(), &"app".into(), &"session".into()));
    assert_eq!(of_request(&lines, "revoke")[0]["reason_code"], "[removed]", "a token that came as a reason is left out");
    let text = trail_text(&app);
    for secret in &secrets {
        let end = &secret[secret.len().saturating_sub(30)..];
        assert!(!text.contains(secret.as_str()) && !text.contains(end), "a secret stands in the trail: {end}");
    }
    println!("routes that change something: {}, lines: {}, secrets sought: {}", driver.driven.len(), lines.len(), secrets.len());
}

#[tokio::test]
async fn what_is_refused_to_a_known_client_is_told_and_a_stranger_leaves_nothing() {
    let mut app = TestApp::start().await;
    let scope = [("grant_type", "client_credentials"), ("scope", "mintage:sessions.read")];
    let reader = app.form_as("/oauth/token", "admin", ADMIN_SECRET, &scope).await.must_be(200).text("/access_token");
    let send = |bearer: &str, id: &str| {
        let body = json!({ "subject": "alice", "client_id": "app" });
        app.send(app.request(Method::POST, "/v1/sessions").bearer_auth(bearer).header("x-request-id", id).json(&body))
    };
    send(&reader, "known").await.must_be(403);
    send("no token at all", "stranger").await.must_be(401);
    let dry = json!({ "target": { "type": "all" }, "dry_run": true });
    app.post("/v1/revocations", &app.admin().await, &dry).await.must_be(200);
    let lines = trail_of(&mut app).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    let told = of_request(&lines, "known")[1];
    assert_eq!((&told["result"], &told["code"]), (&"refused".into(), &"insufficient_scope".into()));
}

#[tokio::test]
async fn a_superseded_refresh_token_is_an_event() {
    let mut app = TestApp::with("[defaults]\nretry_window = \"0s\"\nrotation_pause = \"0s\"\n").await;
    let opened = app.open("alice").await;
    app.refresh(&opened.refresh).await.must_be(200);
    app.refresh(&opened.refresh).await.must_be(400);
    let lines = trail_of(&mut app).await;
    let thefts: Vec<_> = lines.iter().filter(|line| line["action"] == "reuse_detected").collect();
    let [theft] = thefts[..] else { panic!("one theft: {lines:?}") };
    assert_eq!(
        (&theft["target"]["id"], &theft["subject"], &theft["by"]["client_id"]),
        (&opened.sid.into(), &"alice".into(), &"app".into())
    );
    assert_eq!(lines.len(), 3, "a plain refresh is no event: {lines:?}");
}

#[tokio::test]
async fn where_the_trail_cannot_be_written_nothing_is_done_but_what_takes_back() {
    let app = TestApp::with("[audit]\nfolder = \"{dir}/trail\"\n").await;
    let opened = app.open("alice").await;
    let files = std::fs::read_dir(app.folder().join("trail")).expect("the folder").count();
    assert_eq!(files, 2, "the node's name and one file");
    std::fs::remove_dir_all(app.folder().join("trail")).expect("the folder is removed");
    // The file of the day is still open; only the next one cannot be begun.
    app.clock.advance(std::time::Duration::from_secs(86_400));
    app.pass(std::time::Duration::from_secs(4)).await;
    let body = json!({ "subject": "bob", "client_id": "app" });
    let refused = app.post("/v1/sessions", &app.admin().await, &body).await.must_be(503);
    assert_eq!(refused.text("/code"), "audit_trail");
    app.revoke(json!({ "type": "session", "sid": opened.sid }), "sessions").await.must_be(201);
    assert_eq!(app.session(&opened.sid).await["state"], "ended");
}

#[tokio::test]
async fn without_a_trail_everything_works() {
    let app = TestApp::with("[audit]\nenabled = false\n").await;
    app.open("alice").await;
    assert!(!app.folder().join("data/audit").exists());
}
