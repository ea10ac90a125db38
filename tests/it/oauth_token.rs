//! The protocol of the token endpoint (RFC 6749, OAuth 2.1), whatever is asked for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, Answer, ISSUER, TestApp};
use crate::wire::{call, challenge, is_oauth_error, node_with, part_of, secret_of};

const CLIENTS: &str = r#"
[[clients]]
id = "svc"
type = "confidential"
secret_file = "{dir}/svc.secret"
grants = ["client_credentials"]
scopes = ["jobs.read", "jobs.write", "mintage:introspect"]
audiences = ["https://jobs.example", "https://mail.example"]

[[clients]]
id = "web"
type = "confidential"
secret_file = "{dir}/web.secret"
grants = ["refresh_token"]
scopes = ["read"]
audiences = ["https://api.example"]

[[clients]]
id = "off"
type = "confidential"
secret_file = "{dir}/off.secret"
grants = ["client_credentials"]
scopes = ["jobs.read"]
audiences = ["https://jobs.example"]
disabled = true

[[clients]]
id = "off-public"
type = "public"
disabled = true
"#;

type Fields<'a> = &'a [(&'a str, &'a str)];

const CREDENTIALS: (&str, &str) = ("grant_type", "client_credentials");

async fn post_form(app: &TestApp, body: &'static str) -> Answer {
    let request = app.request(Method::POST, "/oauth/token").header("content-type", "application/x-www-form-urlencoded");
    app.send(request.body(body)).await
}

async fn ask(app: &TestApp, client: &str, fields: &[(&str, &str)]) -> Answer {
    app.form_as("/oauth/token", client, &secret_of(client), fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_posted_form_is_taken() {
    let app = TestApp::start().await;
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = call(&app, method.clone(), path).await.must_be(405);
            is_oauth_error(&answer, 405, "invalid_request");
            assert_eq!(answer.headers["allow"], "POST", "{method} {path}");
        }
        let request = || app.request(Method::POST, path);
        let wrong = [
            request().json(&json!({ "grant_type": "client_credentials" })),
            request().body("grant_type=client_credentials"),
            request().header("content-type", "text/plain").body("grant_type=client_credentials"),
            request().header("content-type", "multipart/form-data; boundary=x").body("--x--"),
            request().header("content-type", "application/x-www-form-urlencoded; charset=iso-8859-1").body("a=b"),
        ];
        for request in wrong {
            is_oauth_error(&app.send(request).await, 415, "invalid_request");
        }
    }
    let utf8 = app.request(Method::POST, "/oauth/token").basic_auth("admin", Some(ADMIN_SECRET));
    let utf8 = utf8.header("content-type", "Application/X-WWW-Form-Urlencoded; charset=\"UTF-8\"");
    app.send(utf8.body("grant_type=client_credentials")).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_from_the_query() {
    let app = TestApp::start().await;
    let query = format!("/oauth/token?grant_type=client_credentials&client_id=admin&client_secret={ADMIN_SECRET}");
    let nobody = app.send(app.request(Method::POST, &query).form(&[("scope", "mintage:revoke")])).await;
    is_oauth_error(&nobody, 400, "invalid_request");
    let request = app.request(Method::POST, "/oauth/token?grant_type=client_credentials").basic_auth("admin", Some(ADMIN_SECRET));
    is_oauth_error(&app.send(request.form(&[("scope", "mintage:revoke")])).await, 400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_parameter_is_refused_and_an_unknown_one_ignored() {
    let app = TestApp::start().await;
    let session = app.open("alice").await;
    let good = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str())];
    let extra =
        [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str()), ("scope", "read"), ("x", "1")];
    for twice in extra {
        let mut fields = Vec::from(extra);
        fields.push(twice);
        is_oauth_error(&app.form("/oauth/token", &fields).await, 400, "invalid_request");
    }
    assert_eq!(app.session(&session.sid).await["state"], "active");
    let mut fields = Vec::from(good);
    fields.extend([("x", "1"), ("audience", "https://a.example"), ("audience", "https://b.example"), ("scope", "")]);
    let answer = app.form("/oauth/token", &fields).await.must_be(200);
    assert_eq!(answer.body["scope"], "read write", "an empty parameter counts as left out (RFC 6749 §3.1)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_no_form_is_refused() {
    let app = TestApp::start().await;
    for body in ["grant_type=%", "grant_type=%zz", "a=%ff", "%c3=a", "client_id=%ED%A0%80"] {
        is_oauth_error(&post_form(&app, body).await, 400, "invalid_request");
    }
    is_oauth_error(&post_form(&app, "").await, 401, "invalid_client");
    let many: String = (0..1_000).map(|n| format!("p{n}=1&")).collect();
    let request = app.request(Method::POST, "/oauth/token").header("content-type", "application/x-www-form-urlencoded");
    is_oauth_error(&app.send(request.body(many)).await, 400, "invalid_request");
    let long = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &"a".repeat(70_000))];
    is_oauth_error(&app.form("/oauth/token", &long).await, 413, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_presents_itself_in_one_way() {
    let app = node_with(CLIENTS).await;
    let secret = secret_of("svc");
    let posted = [CREDENTIALS, ("client_id", "svc"), ("client_secret", secret.as_str())];
    app.form("/oauth/token", &posted).await.must_be(200);
    ask(&app, "svc", &[CREDENTIALS, ("client_id", "svc")]).await.must_be(200);

    is_oauth_error(&ask(&app, "svc", &posted).await, 400, "invalid_request");
    is_oauth_error(&ask(&app, "svc", &[CREDENTIALS, ("client_id", "web")]).await, 400, "invalid_request");
    is_oauth_error(&ask(&app, "svc", &[CREDENTIALS, ("client_secret", &secret)]).await, 400, "invalid_request");
    let two = app.request(Method::POST, "/oauth/token").basic_auth("svc", Some(&secret)).basic_auth("svc", Some(&secret));
    is_oauth_error(&app.send(two.form(&[CREDENTIALS])).await, 400, "invalid_request");
    let assertion = [
        CREDENTIALS,
        ("client_id", "svc"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "a.b.c"),
    ];
    assert!(matches!(app.form("/oauth/token", &assertion).await.status.as_u16(), 400 | 401));
    for other in ["Bearer abc", "Digest username=\"svc\"", "Basic", "Basic !!!", "Basic c3Zj"] {
        let request = app.request(Method::POST, "/oauth/token").header("authorization", other);
        is_oauth_error(&app.send(request.form(&[CREDENTIALS, ("client_id", "app")])).await, 401, "invalid_client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_credentials_are_form_encoded_first() {
    let secret = "p+q w%3A:~/x9Zt4Lw7Rb2Xn5Vk8Hs1Jd6Fg3Pc0Ma";
    let client = "\n[[clients]]\nid = \"a:b~c@d\"\ntype = \"confidential\"\nsecret_file = \"{dir}/odd\"\ngrants = [\"client_credentials\"]\nscopes = [\"x\"]\naudiences = [\"https://api.example\"]\n";
    let app = TestApp::with_files(client, &[("odd", secret)]).await;
    let encoded = "a%3Ab%7Ec%40d:p%2Bq+w%253A%3A%7E%2Fx9Zt4Lw7Rb2Xn5Vk8Hs1Jd6Fg3Pc0Ma";
    let send = async |pair: &str| {
        let request = app.request(Method::POST, "/oauth/token").header("authorization", format!("Basic {}", STANDARD.encode(pair)));
        app.send(request.form(&[CREDENTIALS])).await
    };
    send(encoded).await.must_be(200);
    is_oauth_error(&send(&format!("a:b~c@d:{secret}")).await, 401, "invalid_client");
    let posted = [CREDENTIALS, ("client_id", "a:b~c@d"), ("client_secret", secret)];
    app.form("/oauth/token", &posted).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_disabled_and_wrong_secret_are_told_apart_by_nothing() {
    let app = node_with(CLIENTS).await;
    let wrong = secret_of("nobody");
    let answers = [
        app.form_as("/oauth/token", "nobody", &wrong, &[CREDENTIALS]).await,
        app.form_as("/oauth/token", "svc", &wrong, &[CREDENTIALS]).await,
        app.form_as("/oauth/token", "svc", "", &[CREDENTIALS]).await,
        app.form_as("/oauth/token", "app", &wrong, &[CREDENTIALS]).await,
        app.form_as("/oauth/token", "off", &secret_of("off"), &[CREDENTIALS]).await,
        app.form("/oauth/token", &[CREDENTIALS, ("client_id", "nobody")]).await,
        app.form("/oauth/token", &[CREDENTIALS, ("client_id", "svc")]).await,
        app.form("/oauth/token", &[CREDENTIALS, ("client_id", "off-public")]).await,
    ];
    for answer in &answers {
        is_oauth_error(answer, 401, "invalid_client");
        assert!(challenge(answer).starts_with("Basic realm="), "{}", challenge(answer));
        assert_eq!(answer.text, answers[0].text);
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(answer), names(&answers[0]));
        for (name, value) in &answers[0].headers {
            assert!(name == "date" || name == "x-request-id" || answer.headers[name] == value, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_word_and_status() {
    let app = node_with(CLIENTS).await;
    let refused = [
        ("svc", vec![], "invalid_request"),
        ("svc", vec![("grant_type", "")], "invalid_request"),
        ("svc", vec![("grant_type", "password"), ("username", "u"), ("password", "p")], "unsupported_grant_type"),
        ("svc", vec![("grant_type", "authorization_code"), ("code", "c")], "unsupported_grant_type"),
        ("svc", vec![("grant_type", "Client_Credentials")], "unsupported_grant_type"),
        ("svc", vec![("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")], "unsupported_grant_type"),
        ("svc", vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", "a.b.c")], "unsupported_grant_type"),
        ("svc", vec![("grant_type", "refresh_token"), ("refresh_token", "mrt_x")], "unauthorized_client"),
        ("web", vec![CREDENTIALS], "unauthorized_client"),
        ("web", vec![("grant_type", "refresh_token")], "invalid_request"),
        ("web", vec![("grant_type", "refresh_token"), ("refresh_token", "mrt_x")], "invalid_grant"),
        ("web", vec![("grant_type", "refresh_token"), ("refresh_token", "a.b.c")], "invalid_grant"),
        ("svc", vec![CREDENTIALS, ("scope", "jobs.delete")], "invalid_scope"),
        ("svc", vec![CREDENTIALS, ("scope", "jobs.read  jobs.write")], "invalid_scope"),
        ("svc", vec![CREDENTIALS, ("scope", "jobs.\"read\"")], "invalid_scope"),
        ("svc", vec![CREDENTIALS, ("scope", "mintage:clients")], "invalid_scope"),
        ("svc", vec![CREDENTIALS, ("scope", "jobs.read mintage:introspect")], "invalid_scope"),
        ("svc", vec![CREDENTIALS, ("scope", "mintage:introspect"), ("resource", "https://jobs.example")], "invalid_scope"),
        ("svc", vec![CREDENTIALS, ("scope", "jobs.read"), ("resource", ISSUER)], "invalid_scope"),
        ("svc", vec![CREDENTIALS, ("resource", "https://api.example")], "invalid_target"),
        ("svc", vec![CREDENTIALS, ("resource", "not a uri")], "invalid_target"),
        ("svc", vec![CREDENTIALS, ("resource", "https://jobs.example"), ("resource", "https://mail.example")], "invalid_target"),
    ];
    for (client, fields, word) in refused {
        let answer = ask(&app, client, &fields).await;
        assert_eq!(answer.body["error"], word, "{client} {fields:?}: {}", answer.text);
        is_oauth_error(&answer, 400, word);
    }
    let public = app.form("/oauth/token", &[CREDENTIALS, ("client_id", "app")]).await;
    is_oauth_error(&public, 400, "unauthorized_client");
}

/// So none can clear one. (Every other test asks the same of every answer that it gets.)
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_sets_a_cookie() {
    let app = node_with(CLIENTS).await;
    let session = app.open("alice").await;
    let with_cookie = || app.request(Method::POST, "/oauth/token").header("cookie", "__Host-session=x");
    let fields =
        |token: &str| [("grant_type", "refresh_token".to_owned()), ("client_id", "app".to_owned()), ("refresh_token", token.to_owned())];
    let winner = app.send(with_cookie().form(&fields(&session.refresh))).await.must_be(200);
    let loser = app.send(with_cookie().form(&fields(&session.refresh))).await.must_be(200);
    app.form("/oauth/revoke", &[("client_id", "app"), ("token", &session.refresh)]).await.must_be(200);
    let gone = app.send(with_cookie().form(&fields(&session.refresh))).await.must_be(400).must_be_error("invalid_grant");
    let junk = app.send(with_cookie().form(&fields("mrt_x"))).await.must_be(400);
    for answer in [winner, loser, gone, junk] {
        assert!(!answer.headers.contains_key("set-cookie"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_a_token_for_itself() {
    let app = node_with(CLIENTS).await;
    let rows: [(Fields<'_>, &str, &str); 6] = [
        (&[], "https://jobs.example", "jobs.read jobs.write"),
        (&[("scope", "jobs.write")], "https://jobs.example", "jobs.write"),
        (&[("resource", "https://mail.example")], "https://mail.example", "jobs.read jobs.write"),
        (&[("resource", "https://mail.example"), ("scope", "jobs.read")], "https://mail.example", "jobs.read"),
        (&[("scope", "mintage:introspect")], ISSUER, "mintage:introspect"),
        (&[("resource", ISSUER)], ISSUER, "mintage:introspect"),
    ];
    for (more, audience, scope) in rows {
        let mut fields = vec![CREDENTIALS];
        fields.extend(more);
        let answer = ask(&app, "svc", &fields).await.must_be(200);
        assert_eq!((&answer.body["scope"], &answer.body["token_type"]), (&json!(scope), &json!("Bearer")), "{}", answer.text);
        assert!(answer.body.get("refresh_token").is_none(), "RFC 6749 §4.4.3");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["content-type"], "application/json");
        let claims = part_of(&answer.text("/access_token"), 1);
        assert_eq!((&claims["aud"], &claims["scope"], &claims["iss"]), (&json!(audience), &json!(scope), &json!(ISSUER)));
        assert_eq!((&claims["sub"], &claims["client_id"], &claims["sid"]), (&json!("svc"), &json!("svc"), &Value::Null));
        let lives = claims["exp"].as_u64().expect("exp") - claims["iat"].as_u64().expect("iat");
        assert_eq!(answer.body["expires_in"], lives);
        assert!((285..=300).contains(&lives), "five minutes less at most a twentieth: {lives}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_administrator_gets_every_management_scope_at_the_issuer() {
    let app = TestApp::start().await;
    let token = app.admin().await;
    let (header, claims) = (part_of(&token, 0), part_of(&token, 1));
    assert_eq!((&header["typ"], &header["alg"], &claims["aud"]), (&json!("at+jwt"), &json!("EdDSA"), &json!(ISSUER)));
    assert!(claims["scope"].as_str().expect("a scope").split(' ').all(|scope| scope.starts_with("mintage:")));
    let me = app.form_as("/oauth/token", "admin", ADMIN_SECRET, &[CREDENTIALS, ("scope", "mintage:me")]).await;
    is_oauth_error(&me, 400, "invalid_scope");
}
