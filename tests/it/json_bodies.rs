//! Bodies of `/v1`: strict JSON, and refusals that say which field is wrong (RFC 9457, RFC 6901).

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::wire::{is_about_field, is_problem, raw};

async fn send(app: &TestApp, method: Method, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = app.request(method, path).bearer_auth(app.admin().await).header("content-type", content_type);
    app.send(request.body(body)).await
}

async fn open(app: &TestApp, body: impl Into<reqwest::Body>) -> Answer {
    send(app, Method::POST, "/v1/sessions", "application/json", body).await
}

async fn nothing_was_opened(app: &TestApp) {
    assert_eq!(app.get("/v1/sessions", &app.admin().await).await.must_be(200).body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_strict_json_is_refused() {
    let app = TestApp::start().await;
    let good = r#"{"subject":"alice","client_id":"app"}"#;
    let deep = format!(r#"{{"subject":"a","client_id":"app","claims":{{"x":{}{}}}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let wide: String = (0..5_000).map(|n| format!("\"m{n}\":1,")).collect();
    let wide = format!(r#"{{"subject":"a",{wide}"client_id":"app"}}"#);
    let texts = [
        "",
        " ",
        "{",
        "null",
        "nul",
        r#"{"subject":"alice","client_id":"app",}"#,
        r#"{'subject':'alice','client_id':'app'}"#,
        r#"{"subject":"alice","client_id":"app"} {}"#,
        r#"{"subject":"alice","client_id":"app"}x"#,
        r#"{"subject":"alice","subject":"bob","client_id":"app"}"#,
        r#"{"subject":"alice","sub\u006aect":"bob","client_id":"app"}"#,
        r#"{"subject":"alice","client_id":"app","claims":{"a":1,"a":2}}"#,
        r#"{"subject":"alice","client_id":"app","claims":{"a":NaN}}"#,
        r#"{"subject":"alice","client_id":"app","claims":{"a":01}}"#,
        r#"{"subject":"\ud800","client_id":"app"}"#,
        "{\"subject\":\"a\nb\",\"client_id\":\"app\"}",
        "{\"subject\":\"alice\",/* */\"client_id\":\"app\"}",
        &deep,
        &wide,
    ];
    for text in texts {
        let answer = open(&app, text.to_owned()).await;
        assert_eq!(answer.status, 400, "{} {}", text.chars().take(80).collect::<String>(), answer.text);
        if text != "null" {
            is_problem(&answer, 400, "invalid_json");
        }
    }
    let bom = [&b"\xef\xbb\xbf"[..], good.as_bytes()].concat();
    is_problem(&open(&app, bom).await, 400, "invalid_json");
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    is_problem(&open(&app, utf16).await, 400, "invalid_json");
    for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        let text = [&br#"{"client_id":"app","subject":""#[..], bad, b"\"}"].concat();
        is_problem(&open(&app, text).await, 400, "invalid_json");
    }
    nothing_was_opened(&app).await;
    open(&app, good).await.must_be(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_field_is_named() {
    let app = TestApp::start().await;
    let with = |member: Value| {
        let mut body = json!({ "subject": "alice", "client_id": "app" });
        body.as_object_mut().expect("an object").extend(member.as_object().expect("an object").clone());
        body
    };
    let rows = [
        (json!({ "client_id": "app" }), "/subject", "required"),
        (json!({ "subject": "alice" }), "/client_id", "required"),
        (with(json!({ "subject": 7 })), "/subject", "wrong_type"),
        (with(json!({ "subject": "" })), "/subject", "required"),
        (with(json!({ "subject": "s".repeat(256) })), "/subject", "too_long"),
        (with(json!({ "client_id": "nobody" })), "/client_id", "unknown_client"),
        (with(json!({ "admin": true })), "/admin", "unknown_member"),
        (with(json!({ "a/b~c": true })), "/a~1b~0c", "unknown_member"),
        (with(json!({ "audience": "https://api.example" })), "/audience", "wrong_type"),
        (with(json!({ "audience": [1] })), "/audience/0", "wrong_type"),
        (with(json!({ "scope": "a  b" })), "/scope", "malformed"),
        (with(json!({ "scope": ["read"] })), "/scope", "wrong_type"),
        (with(json!({ "claims": [] })), "/claims", "wrong_type"),
        (with(json!({ "claims": { "exp": 1 } })), "/claims/exp", "reserved_claim"),
        (with(json!({ "lifetime": "1h" })), "/lifetime", "wrong_type"),
        (with(json!({ "lifetime": 1.5 })), "/lifetime", "wrong_type"),
        (with(json!({ "lifetime": -1 })), "/lifetime", "out_of_range"),
        (with(json!({ "lifetime": 0 })), "/lifetime", "out_of_range"),
        (with(json!({ "auth_time": "2026-01-01T00:00:00Z" })), "/auth_time", "wrong_type"),
        (with(json!({ "amr": "pwd" })), "/amr", "wrong_type"),
        (with(json!({ "cnf": { "jwk": {} } })), "/cnf/jwk", "unknown_member"),
        (with(json!({ "device": { "ip": 1 } })), "/device/ip", "wrong_type"),
        (with(json!({ "upstream": { "iss": "https://idp.example", "extra": 1 } })), "/upstream/extra", "unknown_member"),
    ];
    for (body, pointer, code) in rows {
        let answer = open(&app, body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        is_problem(&answer, 400, "invalid_request");
        is_about_field(&answer, pointer, code);
    }
    let array = open(&app, r#"["alice","app"]"#).await;
    is_problem(&array, 400, "invalid_request");
    is_about_field(&array, "", "wrong_type");
    nothing_was_opened(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_revocations_and_clients_are_named_too() {
    let app = TestApp::start().await;
    let sid = app.open("alice").await.sid;
    let rows = [
        ("/v1/revocations", json!({}), "/target", "required"),
        ("/v1/revocations", json!({ "target": {} }), "/target/type", "required"),
        ("/v1/revocations", json!({ "target": { "type": "token" } }), "/target/jti", "required"),
        ("/v1/revocations", json!({ "target": { "type": "all", "subject": "s" } }), "/target/subject", "unknown_member"),
        ("/v1/revocations", json!({ "target": { "type": "all" }, "extent": "everything" }), "/extent", "malformed"),
        ("/v1/revocations", json!({ "target": { "type": "all" }, "dry_run": "yes" }), "/dry_run", "wrong_type"),
        (
            "/v1/revocations",
            json!({ "target": { "type": "session", "sid": sid }, "extent": "access_tokens" }),
            "/extent",
            "only_for_epochs",
        ),
        (
            "/v1/sessions",
            json!({ "subject": "s", "client_id": "app", "cnf": { "jkt": format!("{}B", "A".repeat(42)) } }),
            "/cnf/jkt",
            "malformed",
        ),
        ("/v1/sessions/claims", json!({ "subject": "alice" }), "/claims", "required"),
        ("/v1/sessions/claims", json!({ "subject": "alice", "claims": { "iss": "x" } }), "/claims/iss", "reserved_claim"),
        ("/v1/clients", json!({ "id": "c" }), "/type", "required"),
        ("/v1/clients", json!({ "id": "c", "type": "private" }), "/type", "malformed"),
        ("/v1/clients", json!({ "id": "c", "type": "public", "secret": "s" }), "/secret", "unknown_member"),
        ("/v1/keys", json!({ "algorithm": "RS1" }), "/algorithm", "malformed"),
    ];
    for (path, body, pointer, code) in rows {
        let answer = send(&app, Method::POST, path, "application/json", body.to_string()).await;
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
        is_problem(&answer, 400, "invalid_request");
        is_about_field(&answer, pointer, code);
    }
    let wait = send(&app, Method::POST, "/v1/revocations?wait=edges", "application/json", r#"{"target":{"type":"all"}}"#).await;
    is_problem(&wait, 400, "unsupported");
    let query = app.get("/v1/sessions?subjct=alice", &app.admin().await).await;
    is_problem(&query, 400, "invalid_query");
    is_about_field(&query, "/subjct", "unknown_member");
    assert_eq!(app.session(&sid).await["state"], "active", "nothing of this had an effect");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_or_size_is_refused() {
    let app = TestApp::start().await;
    let good = r#"{"subject":"alice","client_id":"app"}"#;
    for wrong in
        ["text/plain", "application/x-www-form-urlencoded", "text/json", "application/json; charset=utf-16", "application/jsonx", ""]
    {
        is_problem(&send(&app, Method::POST, "/v1/sessions", wrong, good).await, 415, "unsupported_media_type");
    }
    let none = app.send(app.request(Method::POST, "/v1/sessions").bearer_auth(app.admin().await).body(good)).await;
    is_problem(&none, 415, "unsupported_media_type");
    let padded = |size: usize| format!("{}{good}", " ".repeat(size - good.len()));
    let large = open(&app, padded(64 * 1024 + 1)).await;
    is_problem(&large, 413, "body_too_large");
    assert_eq!(large.headers["connection"], "close", "nobody sends another request behind a body that is not read");
    let vast = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n{}",
        app.admin().await,
        " ".repeat(64 * 1024 + 1)
    );
    assert_eq!(raw(&app, vast.as_bytes()).await.map(|answer| answer.status), Some(413), "without waiting for the rest");
    nothing_was_opened(&app).await;
    open(&app, padded(64 * 1024)).await.must_be(201);
    send(&app, Method::POST, "/v1/sessions", "application/json;charset=UTF-8", good).await.must_be(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_patch_is_taken_under_its_own_name_too() {
    let app = TestApp::start().await;
    let sid = app.open("alice").await.sid;
    let path = format!("/v1/sessions/{sid}");
    for content_type in ["application/json", "application/merge-patch+json"] {
        let patched = send(&app, Method::PATCH, &path, content_type, r#"{"claims":{"team":7}}"#).await.must_be(200);
        assert_eq!(patched.body["sid"], sid.as_str());
    }
    let wrong = send(&app, Method::PATCH, &path, "application/json", r#"{"subject":"mallory"}"#).await;
    is_about_field(&wrong, "/subject", "unknown_member");
    is_problem(&send(&app, Method::PATCH, &path, "application/json-patch+json", "[]").await, 415, "unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn subjects_are_data_whatever_they_contain() {
    let app = TestApp::start().await;
    for subject in
        ["a b", "{x}", "a:b:c", "a/../b", "a%2fb", "\u{0}", "\r\nX: y", "é\u{1f511}", "' OR 1=1 --", "\"\\", "\u{202e}", &"s".repeat(255)]
    {
        let answer = open(&app, json!({ "subject": subject, "client_id": "app" }).to_string()).await;
        if answer.status == 400 {
            is_problem(&answer, 400, "invalid_request");
            continue;
        }
        assert_eq!(answer.must_be(201).body["session"]["subject"], subject);
        let encoded: String = subject.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let listed = app.get(&format!("/v1/sessions?subject={encoded}"), &app.admin().await).await;
        assert_eq!(listed.must_be(200).body["items"].as_array().map(Vec::len), Some(1), "{subject:?}");
    }
}
