//! What tokens say, and how that changes.

use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, TestApp};

const NO_PAUSE: &str = "[defaults]\nretry_window = \"30s\"\nrotation_pause = \"0s\"\n";

async fn introspect(app: &TestApp, token: &str) -> Value {
    app.form_as("/oauth/introspect", "admin", ADMIN_SECRET, &[("token", token)]).await.must_be(200).body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_change_takes_effect_at_once_and_signs_nobody_out() {
    let app = TestApp::with(NO_PAUSE).await;
    let session = app.open_with(json!({ "subject": "alice", "client_id": "app", "claims": { "role": "editor", "team": 7 } })).await;
    let other = app.open("bob").await;
    assert_eq!(introspect(&app, &session.access).await["role"], "editor");

    let change = json!({ "subject": "alice", "claims": { "role": "reader", "team": null }, "void_access_tokens": true });
    app.post("/v1/sessions/claims", &app.admin().await, &change).await.must_be(200);
    assert!(!app.is_active(&session.access).await, "the old access token is refused");
    assert!(app.is_active(&other.access).await);

    let refreshed = app.refresh(&session.refresh).await.must_be(200);
    let says = introspect(&app, &refreshed.text("/access_token")).await;
    assert_eq!((&says["active"], &says["role"], &says["team"]), (&json!(true), &json!("reader"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_voiding_old_tokens_stay_and_new_ones_carry_the_change() {
    let app = TestApp::with(NO_PAUSE).await;
    let session = app.open("alice").await;
    let admin = app.admin().await;
    let patch = app.request(reqwest::Method::PATCH, &format!("/v1/sessions/{}", session.sid)).bearer_auth(&admin);
    let patched = app.send(patch.json(&json!({ "claims": { "plan": "gold" }, "scope": "read" }))).await.must_be(200);
    assert_eq!(patched.body["scope"], "read");
    assert!(app.is_active(&session.access).await);
    let refreshed = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(refreshed.body["scope"], "read");
    let says = introspect(&app, &refreshed.text("/access_token")).await;
    assert_eq!((&says["plan"], &says["scope"]), (&json!("gold"), &json!("read")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_from_a_session_is_refused_and_never_given_back() {
    let app = TestApp::with(NO_PAUSE).await;
    let session = app.open("alice").await;
    let admin = app.admin().await;
    let patch = async |scope: &str| {
        let request = app.request(reqwest::Method::PATCH, &format!("/v1/sessions/{}", session.sid)).bearer_auth(&admin);
        app.send(request.json(&json!({ "scope": scope }))).await
    };
    patch("read").await.must_be(200);
    let ask = async |refresh: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", refresh), ("scope", scope)];
        app.form("/oauth/token", &form).await
    };
    for taken in ["write", "read write"] {
        ask(&session.refresh, taken).await.must_be(400).must_be_error("invalid_scope");
        assert_eq!(patch(taken).await.must_be(403).text("/code"), "scope_not_allowed");
    }
    let kept = ask(&session.refresh, "read").await.must_be(200);
    assert_eq!(kept.body["scope"], "read");
    assert_eq!(
        app.refresh(&kept.text("/refresh_token")).await.must_be(200).body["scope"],
        "read",
        "who asks for nothing gets what there is"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_would_speak_for_the_issuer_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let many: serde_json::Map<String, Value> = (0..33).map(|n| (format!("c{n}"), json!(n))).collect();
    for claims in [
        json!({ "sub": "root" }),
        json!({ "exp": 9 }),
        json!({ "cnf": {} }),
        json!({ "x": "a".repeat(2_100) }),
        Value::Object(many),
        json!([1]),
    ] {
        let answer = app.post("/v1/sessions", &admin, &json!({ "subject": "alice", "client_id": "app", "claims": claims })).await;
        assert!((400..=422).contains(&answer.status.as_u16()), "{claims}: {}", answer.text);
    }
    let none = app.get("/v1/sessions?subject=alice", &admin).await.must_be(200);
    assert_eq!(none.body["items"], json!([]), "nothing was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_has_one_audience_and_the_client_picks_it() {
    let file = format!(
        "{NO_PAUSE}\n[[clients]]\nid = \"admin\"\ntype = \"confidential\"\nsecret_file = \"{{dir}}/admin.secret\"\ngrants = [\"client_credentials\"]\nscopes = [\"mintage:sessions.open\", \"mintage:sessions.read\", \"mintage:introspect\"]\nopens_for = [\"app\"]\n\n[[clients]]\nid = \"app\"\ntype = \"public\"\ngrants = [\"refresh_token\"]\nscopes = [\"read\"]\naudiences = [\"https://a.example\", \"https://b.example\", \"https://c.example\"]\n"
    );
    let app = TestApp::with_files(&file, &[("admin.secret", ADMIN_SECRET)]).await;
    let session =
        app.open_with(json!({ "subject": "alice", "client_id": "app", "audience": ["https://a.example", "https://b.example"] })).await;
    assert_eq!(introspect(&app, &session.access).await["aud"], "https://a.example");
    let ask = async |resources: &[&str]| {
        let mut fields = vec![("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str())];
        fields.extend(resources.iter().map(|resource| ("resource", *resource)));
        app.form("/oauth/token", &fields).await
    };
    ask(&["https://c.example"]).await.must_be(400).must_be_error("invalid_target");
    ask(&["https://a.example", "https://b.example"]).await.must_be(400).must_be_error("invalid_target");
    let picked = ask(&["https://b.example"]).await.must_be(200);
    assert_eq!(introspect(&app, &picked.text("/access_token")).await["aud"], "https://b.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_a_twentieth_is_taken_off_a_lifetime_however_short() {
    for (configured, least) in [(1, 1), (5, 5), (60, 57), (300, 285)] {
        let app = TestApp::with(&format!("[defaults]\naccess_ttl = \"{configured}s\"\n")).await;
        for _ in 0..8 {
            let session =
                app.post("/v1/sessions", &app.admin().await, &json!({ "subject": "alice", "client_id": "app" })).await.must_be(201);
            let expires_in = session.body["expires_in"].as_u64().expect("a number");
            assert!((least..=configured).contains(&expires_in), "{expires_in} s of {configured} s");
            let says = introspect(&app, &session.text("/access_token")).await;
            assert_eq!(says["exp"].as_u64().zip(says["iat"].as_u64()).map(|(exp, iat)| exp - iat), Some(expires_in));
        }
    }
}
