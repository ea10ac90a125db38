//! Requirements §4 and issue 4: each effect leaves an intent and an outcome, and no secret ever stands in them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use mintage::ambient::Clock as _;
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

/// The lines of the trail once the node has stopped, but for what the node did by itself.
async fn trail_of(app: &mut TestApp) -> Vec<Value> {
    app.stop().await;
    let lines = trail_text(app).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect::<Vec<Value>>();
    lines.into_iter().filter(|line| line["by"]["client_id"] != "mintage").collect()
}

async fn read(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/v1/audit{query}"), &app.admin().await).await.must_be(200);
    answer.body["items"].as_array().expect("items").clone()
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
    app.clock.advance(Duration::from_secs(86_400));
    app.pass(Duration::from_secs(4)).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_read_by_every_filter_and_page_after_page() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.open("alice").await, app.open("bob & co").await);
    app.clock.advance(Duration::from_secs(10));
    app.revoke(json!({ "type": "session", "sid": alice.sid }), "sessions").await.must_be(201);
    app.revoke(json!({ "type": "client", "client_id": "app" }), "access_tokens").await.must_be(201);
    let form = [("grant_type", "client_credentials"), ("scope", "mintage:sessions.read")];
    let reader = app.form_as("/oauth/token", "admin", ADMIN_SECRET, &form).await.must_be(200).text("/access_token");
    let body = json!({ "subject": "carol", "client_id": "app" });
    app.send(app.request(Method::POST, "/v1/sessions").bearer_auth(reader).header("x-request-id", "r-17").json(&body)).await.must_be(403);

    let since = app.clock.now().to_rfc3339();
    let told = |events: &[Value]| -> Vec<String> {
        let words = |event: &Value| format!("{} {} {}", event["action"], event["target"]["type"], event["result"]).replace('"', "");
        events.iter().map(words).collect()
    };
    let (refused, void, ended) = ("open_session subject refused", "revoke client done", "revoke session done");
    for (query, expected) in [
        ("?by=admin".to_owned(), vec![refused, void, ended, "open_session session done", "open_session session done"]),
        ("?subject=alice".to_owned(), vec![ended, "open_session session done"]),
        ("?subject=bob%20%26%20co".to_owned(), vec!["open_session session done"]),
        ("?subject=nobody".to_owned(), vec![]),
        ("?client_id=app&action=revoke".to_owned(), vec![void, ended]),
        ("?client_id=admin".to_owned(), vec![]),
        ("?action=revoke&result=done".to_owned(), vec![void, ended]),
        (format!("?sid={}", alice.sid), vec![ended, "open_session session done"]),
        (format!("?target={}&sid={}", bob.sid, bob.sid), vec!["open_session session done"]),
        ("?target=app".to_owned(), vec![void]),
        ("?request_id=r-17".to_owned(), vec![refused]),
        ("?result=refused&subject=carol".to_owned(), vec![refused]),
        ("?result=interrupted".to_owned(), vec![]),
        (format!("?by=admin&since={since}"), vec![refused, void, ended]),
        (format!("?by=admin&until={since}&limit=200"), vec!["open_session session done", "open_session session done"]),
    ] {
        assert_eq!(told(&read(&app, &query).await), expected, "{query}");
    }

    let (mut seen, mut pages, mut next) = (Vec::new(), 0, String::new());
    loop {
        let answer = app.get(&format!("/v1/audit?by=admin&limit=2{next}"), &app.admin().await).await.must_be(200);
        let items = answer.body["items"].as_array().expect("items").clone();
        assert!(items.len() <= 2);
        seen.extend(items);
        pages += 1;
        let Some(token) = answer.body["next_page_token"].as_str() else { break };
        next = format!("&page_token={token}");
    }
    assert_eq!(seen, read(&app, "?by=admin").await, "pages say what one answer says");
    println!("filters: 15, events: {}, pages of 2: {pages}", seen.len());
    let event = &seen[2];
    assert_eq!((&event["subject"], &event["client_id"], &event["from"]), (&"alice".into(), &"app".into(), &"127.0.0.1".into()));
    assert!(event["by"]["jti"].is_string() && event["stamp_ms"].is_u64() && event["sessions"] == 1, "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_filter_is_refused_and_no_trail_is_said() {
    let mut app = TestApp::start().await;
    let admin = app.admin().await;
    for (query, field, code) in [
        ("subjekt=alice", "/subjekt", "unknown_member"),
        ("action=revoked", "/action", "malformed"),
        ("result=ok", "/result", "malformed"),
        ("sid=1", "/sid", "malformed"),
        ("since=yesterday", "/since", "malformed"),
        ("limit=0", "/limit", "out_of_range"),
        ("limit=201", "/limit", "out_of_range"),
        ("limit=-1", "/limit", "malformed"),
        ("page_token=1.2", "/page_token", "malformed"),
        ("page_token=99999999999.1.1", "/page_token", "malformed"),
        ("subject=a&subject=b", "/subject", "duplicate"),
    ] {
        let answer = app.get(&format!("/v1/audit?{query}"), &admin).await.must_be(400);
        assert_eq!((&answer.body["errors"][0]["pointer"], &answer.body["errors"][0]["code"]), (&field.into(), &code.into()), "{query}");
    }
    // A token of a page that was never there: the newest file in a place inside a line, and files long gone.
    app.open("alice").await;
    let day = app.now() / 86_400;
    for token in [format!("{day}.1.7"), format!("{day}.1.18446744073709551615"), "0.1.9".to_owned(), format!("{day}.4294967295.0")] {
        app.get(&format!("/v1/audit?page_token={token}"), &admin).await.must_be(200);
    }
    app.configure("[audit]\nenabled = false\n");
    app.restart().await;
    let answer = app.get("/v1/audit", &app.admin().await).await.must_be(404);
    assert_eq!(answer.text("/code"), "no_audit_trail");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_about_a_session_or_its_token_says_whose_it_was() {
    let app = TestApp::start().await;
    let [deleted, revoked, given_back, voided] =
        [app.open("alice").await, app.open("alice").await, app.open("alice").await, app.open("alice").await];
    app.send(app.request(Method::DELETE, &format!("/v1/sessions/{}", deleted.sid)).bearer_auth(app.admin().await)).await.must_be(200);
    app.revoke(json!({ "type": "session", "sid": revoked.sid }), "sessions").await.must_be(201);
    for token in [&given_back.refresh, &voided.access] {
        app.form("/oauth/revoke", &[("token", token), ("client_id", "app")]).await.must_be(200);
    }
    let ended = read(&app, "?subject=alice&client_id=app&action=revoke").await;
    assert_eq!(ended.iter().map(|event| &event["target"]["id"]).collect::<Vec<_>>(), [&revoked.sid, &deleted.sid]);
    let back = read(&app, "?subject=alice&client_id=app&action=give_back").await;
    assert_eq!(back.iter().map(|event| &event["target"]["type"]).collect::<Vec<_>>(), ["token", "session"]);
    assert_eq!(back[1]["target"]["id"], given_back.sid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_displaced_session_leaves_its_line() {
    let app = TestApp::with("[sessions]\nper_subject = 1\n").await;
    let first = app.open("alice").await;
    let second = app.open("alice").await;
    let told = read(&app, "?action=session_displaced").await;
    let [line] = &told[..] else { panic!("one line: {told:?}") };
    assert_eq!((&line["target"]["id"], &line["subject"], &line["by"]["client_id"]), (&first.sid.into(), &"alice".into(), &"admin".into()));
    let opened = &read(&app, &format!("?action=open_session&sid={}", second.sid)).await[0];
    assert_eq!(line["request_id"], opened["request_id"], "by the request that opened the other one");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schedule_does_to_keys_leaves_a_line_each_and_once() {
    let mut app = TestApp::start().await;
    let is_mac = |turn: &Value| turn["target"]["id"].as_str().is_some_and(|id| id.starts_with("mac"));
    let all = async |app: &TestApp| read(app, "?by=mintage&action=key_turned&limit=200").await;
    let turns = async |app: &TestApp| all(app).await.into_iter().filter(|turn| !is_mac(turn)).collect::<Vec<_>>();
    let macs = |turns: &[Value]| turns.iter().filter(|turn| is_mac(turn)).map(|turn| turn["reason_code"].clone()).collect::<Vec<_>>();
    assert_eq!(macs(&all(&app).await), ["announced", "active"], "a MAC key for refresh tokens, and the next one");
    let of = |turns: &[Value], state: &str| turns.iter().filter(|turn| turn["reason_code"] == state).count();
    let first = turns(&app).await;
    assert_eq!((first.len(), of(&first, "active"), of(&first, "announced")), (4, 2, 2), "two formats, each with a standby: {first:?}");
    app.tend().await;
    assert_eq!(turns(&app).await, first, "nothing new");
    app.clock.advance(Duration::from_secs(30 * 86_400));
    app.pass(Duration::from_secs(4)).await;
    app.tend().await;
    let second = turns(&app).await;
    let new = &second[..second.len() - first.len()];
    assert_eq!((of(new, "active"), of(new, "announced")), (2, 2), "the standbys sign, and there are new ones: {new:?}");
    assert!(of(new, "retiring") + of(new, "retired") == 2, "those before do not: {new:?}");
    app.restart().await;
    assert_eq!(turns(&app).await, second, "a restart tells nothing again");
    // What comes while no node runs is told by the next one.
    app.stop().await;
    app.clock.advance(Duration::from_secs(30 * 86_400));
    app.try_begin().await.expect("the node starts");
    let third = turns(&app).await;
    assert!(of(&third, "active") > of(&second, "active"), "{third:?}");
}

/// How often the trail has been brought to disk.
async fn syncs(app: &TestApp) -> usize {
    app.pass(Duration::from_secs(2)).await;
    let metrics = app.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with("mintage_audit_syncs{")).expect("the gauge");
    line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_waits_for_its_intent_to_be_on_disk() {
    const OPENINGS: usize = 200;
    let apps = [TestApp::start().await, TestApp::with("[audit]\nenabled = false\n").await];
    let admins = [apps[0].admin().await, apps[1].admin().await];
    let before = [syncs(&apps[0]).await, syncs(&apps[1]).await];
    let mut took = [Vec::new(), Vec::new()];
    // By turns, so that whatever else the machine does weighs on both alike.
    for n in 0..OPENINGS {
        for (app, (admin, took)) in apps.iter().zip(admins.iter().zip(&mut took)) {
            let began = tokio::time::Instant::now();
            app.post("/v1/sessions", admin, &json!({ "subject": format!("user {n}"), "client_id": "app" })).await.must_be(201);
            took.push(began.elapsed());
        }
    }
    took.iter_mut().for_each(|took| took.sort_unstable());
    let [with, without] = [syncs(&apps[0]).await - before[0], syncs(&apps[1]).await - before[1]];
    let [median_with, median_without] = took.map(|took| took[OPENINGS / 2]);
    println!(
        "opening a session, one after another, median of {OPENINGS}: {median_with:?} with the trail ({with} fsyncs of it), {median_without:?} without"
    );
    assert!(with >= OPENINGS, "each of them waited: {with}");
    assert_eq!(without, 0);
}
