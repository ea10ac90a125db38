//! Client assertions (`private_key_jwt`, RFC 7523 as hardened by RFC 10070).

use mintage::keyring::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, ISSUER, TestApp};
use crate::hand::{Hand, JWT_BEARER};
use crate::wire::{is_about_field, is_oauth_error, is_problem, node_with, secret_of};
use crate::zero_calls::calls;

const BOTH: &str = r#"
[[clients]]
id = "both"
type = "confidential"
secret_file = "{dir}/both.secret"
jwks_file = "{dir}/both.secret.jwks"
grants = ["client_credentials"]
scopes = ["jobs"]
audiences = ["https://jobs.example"]
"#;

async fn register(app: &TestApp, id: &str, hand: &Hand) -> Answer {
    let body = json!({ "id": id, "type": "confidential", "jwks": hand.jwks(), "grants": ["client_credentials", "refresh_token"], "scopes": ["jobs"],
        "audiences": ["https://jobs.example"] });
    app.post("/v1/clients", &app.admin().await, &body).await
}

/// A node, and a client `svc` with the key in this hand.
async fn with_svc() -> (TestApp, Hand) {
    let (app, hand) = (TestApp::start().await, Hand::new(Algorithm::EdDsa, 7));
    let added = register(&app, "svc", &hand).await.must_be(201);
    assert_eq!(added.body["client_secret"], Value::Null, "a client with keys needs no secret");
    (app, hand)
}

async fn token(app: &TestApp, assertion: &str) -> Answer {
    let fields = [("grant_type", "client_credentials"), ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
    app.form("/oauth/token", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_keys_proves_itself_at_every_endpoint() {
    let (app, hand) = with_svc().await;
    let issued = token(&app, &hand.assertion(&app, "svc", "a")).await.must_be(200);
    assert_eq!(issued.body["token_type"], "Bearer");
    let access = issued.text("/access_token");
    let as_svc = |jti: &str| vec![("client_assertion_type", JWT_BEARER.to_owned()), ("client_assertion", hand.assertion(&app, "svc", jti))];
    let post = async |path: &str, mut fields: Vec<(&str, String)>, name, value: &str| {
        fields.push((name, value.to_owned()));
        app.send(app.request(Method::POST, path).form(&fields)).await
    };
    assert_eq!(post("/oauth/introspect", as_svc("b"), "token", &access).await.must_be(200).body["active"], true);
    post("/oauth/revoke", as_svc("c"), "token", &access).await.must_be(200);
    assert_eq!(post("/oauth/introspect", as_svc("d"), "token", &access).await.must_be(200).body["active"], false);

    let session = app.open_with(json!({ "subject": "alice", "client_id": "svc" })).await;
    let mut refresh = as_svc("e");
    refresh.push(("grant_type", "refresh_token".to_owned()));
    post("/oauth/token", refresh, "refresh_token", &session.refresh).await.must_be(200);

    let curve = Hand::new(Algorithm::Es256, 0);
    register(&app, "curve", &curve).await.must_be(201);
    token(&app, &curve.assertion(&app, "curve", "a")).await.must_be(200);
}

/// Requirements §6: `aud` is the token URL, two audiences, a replayed `jti`, a disabled client.
#[tokio::test(flavor = "multi_thread")]
async fn what_proves_nothing_is_refused_alike_and_costs_no_store_call() {
    let (app, hand) = with_svc().await;
    let stranger = Hand::new(Algorithm::EdDsa, 8);
    let now = app.now();
    let bent = |bend: &dyn Fn(&mut Value, &mut Value)| hand.bent_assertion(&app, "svc", "x", |header, claims| bend(header, claims));
    let claim = |name: &'static str, value: Value| bent(&|_, claims| claims[name] = value.clone());
    let rows = [
        ("aud is the token URL", claim("aud", json!(format!("{ISSUER}/oauth/token")))),
        ("two audiences", claim("aud", json!([ISSUER, "https://other.example"]))),
        ("a list of one audience", claim("aud", json!([ISSUER]))),
        ("no audience", bent(&|_, claims| drop(claims.as_object_mut().and_then(|claims| claims.remove("aud"))))),
        ("iss is not sub", claim("iss", json!("admin"))),
        ("expired", claim("exp", json!(now))),
        ("lives for an hour", claim("exp", json!(now + 3_600))),
        ("from the future", claim("iat", json!(now + 11))),
        ("no jti", bent(&|_, claims| drop(claims.as_object_mut().and_then(|claims| claims.remove("jti"))))),
        ("typ JWT", bent(&|header, _| header["typ"] = json!("JWT"))),
        ("alg none", bent(&|header, _| header["alg"] = json!("none"))),
        ("brings its own key", bent(&|header, _| header["jwk"] = hand.jwk())),
        ("another's signature", stranger.assertion(&app, "svc", "x")),
        ("an unknown client", hand.assertion(&app, "nobody", "x")),
        ("a public client", hand.assertion(&app, "app", "x")),
        ("a client with a secret alone", hand.assertion(&app, "admin", "x")),
        ("no JWT", "junk".to_owned()),
    ];
    let before = calls(&app).await;
    let mut said = std::collections::BTreeSet::new();
    for (why, assertion) in &rows {
        let answer = token(&app, assertion).await;
        is_oauth_error(&answer, 401, "invalid_client");
        assert_eq!(answer.body["mintage_code"], "client_not_authenticated", "{why}");
        said.insert(answer.text);
    }
    assert_eq!(said.len(), 1, "told apart by nothing: {said:?}");
    assert_eq!(calls(&app).await, before, "no refusal costs a store call");
    token(&app, &hand.assertion(&app, "svc", "x")).await.must_be(200);
    assert_eq!(calls(&app).await - before, 1, "a good one costs one");
    println!("assertions refused alike: {} of {}, store calls: 0", rows.len(), rows.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_taken_once() {
    let (mut app, hand) = with_svc().await;
    let assertion = hand.assertion(&app, "svc", "only");
    let (first, second) = tokio::join!(token(&app, &assertion), token(&app, &assertion));
    assert_eq!([first.status.as_u16(), second.status.as_u16()].iter().filter(|status| **status == 200).count(), 1);
    is_oauth_error(&token(&app, &assertion).await, 401, "invalid_client");
    let again = hand.bent_assertion(&app, "svc", "only", |_, claims| claims["exp"] = json!(app.now() + 90));
    is_oauth_error(&token(&app, &again).await, 401, "invalid_client");
    app.restart().await;
    is_oauth_error(&token(&app, &assertion).await, 401, "invalid_client");
    token(&app, &hand.assertion(&app, "svc", "next")).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_client_proves_nothing() {
    let (app, hand) = with_svc().await;
    let admin = app.admin().await;
    let mut whole = app.get("/v1/clients/svc", &admin).await.must_be(200).body;
    for derived in ["id", "lifetimes", "read_only", "secret_ids"] {
        whole.as_object_mut().expect("an object").remove(derived);
    }
    let put =
        async |whole: &Value| app.send(app.request(Method::PUT, "/v1/clients/svc").bearer_auth(&admin).json(whole)).await.must_be(200);
    whole["disabled"] = json!(true);
    put(&whole).await;
    is_oauth_error(&token(&app, &hand.assertion(&app, "svc", "a")).await, 401, "invalid_client");
    whole["disabled"] = json!(false);
    put(&whole).await;
    token(&app, &hand.assertion(&app, "svc", "a")).await.must_be(200);
    let next = Hand::new(Algorithm::EdDsa, 9);
    whole["jwks"] = next.jwks();
    put(&whole).await;
    is_oauth_error(&token(&app, &hand.assertion(&app, "svc", "b")).await, 401, "invalid_client");
    token(&app, &next.assertion(&app, "svc", "b")).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_proves_itself_in_one_way() {
    let hand = Hand::new(Algorithm::EdDsa, 7);
    let app = TestApp::with_files(
        &format!("{}{BOTH}", crate::wire::ADMIN_AND_APP),
        &[("admin.secret", &secret_of("admin")), ("both.secret", &secret_of("both")), ("both.secret.jwks", &hand.jwks().to_string())],
    )
    .await;
    let fields = |jti: &str| {
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_assertion_type", JWT_BEARER.to_owned()),
            ("client_assertion", hand.assertion(&app, "both", jti)),
        ]
    };
    let post = |fields: &[(&str, String)]| app.request(Method::POST, "/oauth/token").form(fields);
    app.form_as("/oauth/token", "both", &secret_of("both"), &[("grant_type", "client_credentials")]).await.must_be(200);
    app.send(post(&fields("a"))).await.must_be(200);
    let basic = app.send(post(&fields("b")).basic_auth("both", Some(secret_of("both")))).await;
    is_oauth_error(&basic, 400, "invalid_request");
    assert_eq!(basic.body["mintage_code"], "client_authentication_repeated");
    let posted = [fields("b"), vec![("client_id", "both".to_owned()), ("client_secret", secret_of("both"))]].concat();
    is_oauth_error(&app.send(post(&posted)).await, 400, "invalid_request");
    let untyped: Vec<_> = fields("b").into_iter().filter(|(name, _)| *name != "client_assertion_type").collect();
    is_oauth_error(&app.send(post(&untyped)).await, 401, "invalid_client");
    let saml = [&fields("b")[..1], &[("client_assertion_type", JWT_BEARER.replace("jwt", "saml2"))], &fields("b")[2..]].concat();
    is_oauth_error(&app.send(post(&saml)).await, 401, "invalid_client");
    let other = [fields("b"), vec![("client_id", "app".to_owned())]].concat();
    is_oauth_error(&app.send(post(&other)).await, 401, "invalid_client");
    let named = [fields("b"), vec![("client_id", "both".to_owned())]].concat();
    app.send(post(&named)).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_public_keys_can_be_registered() {
    let app = node_with("").await;
    let (admin, hand) = (admin_of_clients(&app).await, Hand::new(Algorithm::EdDsa, 7));
    let add = async |kind: &str, jwks: Value| app.post("/v1/clients", &admin, &json!({ "id": "new", "type": kind, "jwks": jwks })).await;
    let mut private = hand.jwk();
    private["d"] = json!("n4bQgYhMfWWaL-qgxVrQ_wn4bQgYhMfWWaL-qgxVrQ_w");
    let mut weak = hand.jwk();
    weak["x"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let rows = [
        (json!({ "keys": [hand.jwk(), private] }), "/jwks/keys/1", "private_key"),
        (json!({ "keys": [weak] }), "/jwks/keys/0", "malformed"),
        (json!({ "keys": [hand.jwk(), hand.jwk()] }), "/jwks/keys/1", "duplicate"),
        (json!({ "keys": [] }), "/jwks", "required"),
        (json!({ "keys": "x" }), "/jwks", "malformed"),
        (json!({}), "/jwks", "malformed"),
    ];
    for (jwks, pointer, code) in rows {
        let answer = add("confidential", jwks).await;
        is_problem(&answer, 400, "invalid_request");
        is_about_field(&answer, pointer, code);
        assert!(!answer.text.contains("n4bQgYhMfWWaL"), "a private key is not repeated");
    }
    let public = add("public", hand.jwks()).await;
    is_problem(&public, 400, "invalid_request");
    is_about_field(&public, "/jwks", "not_for_public_clients");
    let added = add("confidential", hand.jwks()).await.must_be(201);
    assert_eq!(added.body["client"]["jwks"]["keys"][0]["x"], hand.jwk()["x"]);
}

async fn admin_of_clients(app: &TestApp) -> String {
    crate::wire::admin_with(app, "mintage:clients").await
}
