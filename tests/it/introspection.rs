//! `POST /oauth/introspect` (RFC 7662, RFC 9701).

use std::collections::BTreeSet;
use std::time::Duration;

use mintage::keyring::VerifyingKey;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, Answer, ISSUER, TestApp};
use crate::wire::{admin_with, call, challenge, is_oauth_error, node_with, part_of, secret_of, signer_of};

const CLIENTS: &str = r#"
[[clients]]
id = "api"
type = "confidential"
secret_file = "{dir}/api.secret"
grants = []
audiences = ["https://api.example"]

[[clients]]
id = "jobs"
type = "confidential"
secret_file = "{dir}/jobs.secret"
grants = []
audiences = ["https://jobs.example"]

[[clients]]
id = "other"
type = "public"
grants = ["refresh_token"]
audiences = ["https://api.example"]

[[clients]]
id = "sealed"
type = "public"
grants = ["refresh_token"]
scopes = ["read", "write"]
audiences = ["https://api.example"]
format = "paseto"

[defaults]
rotation_pause = "0s"
"#;

const INACTIVE: &str = r#"{"active":false}"#;
const SIGNED: &str = "application/token-introspection+jwt";

async fn ask(app: &TestApp, client: &str, token: &str) -> Answer {
    app.form_as("/oauth/introspect", client, &secret_of(client), &[("token", token)]).await.must_be(200)
}

#[track_caller]
fn is_inactive(answer: &Answer, why: &str) {
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, INACTIVE), "{why}");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_says_who_they_are() {
    let app = node_with(CLIENTS).await;
    let session = app.open("alice").await;
    let token = ("token", session.access.as_str());
    is_oauth_error(&app.form("/oauth/introspect", &[token]).await, 401, "invalid_client");
    is_oauth_error(&app.form("/oauth/introspect", &[token, ("client_id", "app")]).await, 401, "invalid_client");
    is_oauth_error(&app.form_as("/oauth/introspect", "api", "wrong", &[token]).await, 401, "invalid_client");
    is_oauth_error(&app.form_as("/oauth/introspect", "api", &secret_of("api"), &[]).await, 400, "invalid_request");

    let bearer = async |bearer: &str, fields: &[(&str, &str)]| {
        app.send(app.request(Method::POST, "/oauth/introspect").bearer_auth(bearer).form(fields)).await
    };
    let introspector = admin_with(&app, "mintage:introspect").await;
    assert_eq!(bearer(&introspector, &[token]).await.must_be(200).body["active"], true);
    let mixed = bearer(&introspector, &[token, ("client_id", "api"), ("client_secret", &secret_of("api"))]).await;
    is_oauth_error(&mixed, 400, "invalid_request");
    let wrong = bearer(&admin_with(&app, "mintage:revoke").await, &[token]).await.must_be(403);
    assert!(challenge(&wrong).contains("error=\"insufficient_scope\"") && challenge(&wrong).contains("mintage:introspect"));
    let users = bearer(&session.access, &[token]).await;
    is_oauth_error(&users, 401, "invalid_token");
    is_oauth_error(&bearer("garbage", &[token]).await, 401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_says_what_it_is() {
    let app = node_with(CLIENTS).await;
    let session = app.open("alice").await;
    let answer = ask(&app, "api", &session.access).await;
    let claims = part_of(&session.access, 1);
    assert_eq!(answer.body["active"], true);
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "scope"] {
        assert_eq!(answer.body[name], claims[name], "{name}");
    }
    assert_eq!(answer.body["token_type"], "Bearer");
    let hinted = [("token", session.access.as_str()), ("token_type_hint", "refresh_token")];
    let hinted = app.form_as("/oauth/introspect", "api", &secret_of("api"), &hinted).await.must_be(200);
    assert_eq!(hinted.text, answer.text, "a hint is only a hint (RFC 7662 §2.1)");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_answer_with_the_same_members() {
    let app = node_with(CLIENTS).await;
    let open =
        async |client: &str| app.open_with(json!({ "subject": "alice", "client_id": client, "acr": "a", "claims": { "team": 7 } })).await;
    let (jwt, paseto) = (open("app").await, open("sealed").await);
    assert!(paseto.access.starts_with("v4.public."));
    let of = async |token: &str| ask(&app, "api", token).await.body;
    let (jwt, paseto) = (of(&jwt.access).await, of(&paseto.access).await);
    let shape = |answer: &Value| -> BTreeSet<(String, u8)> {
        let kind = |value: &Value| match value {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Number(_) => 2,
            Value::String(_) => 3,
            Value::Array(_) => 4,
            Value::Object(_) => 5,
        };
        answer.as_object().expect("an object").iter().map(|(name, value)| (name.clone(), kind(value))).collect()
    };
    assert_eq!(shape(&jwt), shape(&paseto));
    assert_eq!((&paseto["sub"], &paseto["aud"], &paseto["team"]), (&json!("alice"), &json!("https://api.example"), &json!(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_active_is_exactly_inactive() {
    let app = node_with(CLIENTS).await;
    let (revoked, voided, expired) = (app.open("a").await, app.open("b").await, app.open("c").await);
    app.form("/oauth/revoke", &[("token", &revoked.access), ("client_id", "app")]).await.must_be(200);
    app.revoke(json!({ "type": "subject", "subject": "b" }), "access_tokens").await.must_be(201);
    for token in ["x", "a.b.c", "mrt_x", "v4.public.AAAA", "v4.local.AAAA", "....", "null", "{}", "\u{0}", "é", " "] {
        is_inactive(&ask(&app, "admin", token).await, token);
    }
    is_inactive(&ask(&app, "admin", &revoked.access).await, "revoked");
    is_inactive(&ask(&app, "admin", &voided.access).await, "by an epoch");

    let key = signer_of(&app, false);
    let signed = |typ: &str, change: &dyn Fn(&mut Value)| {
        let mut claims = part_of(&expired.access, 1);
        change(&mut claims);
        let input = mintage::token::jwt::signing_input_typed(typ, key.key.verifying(), &claims.to_string());
        let signature = key.key.sign(input.as_bytes()).expect("it signs");
        mintage::token::jwt::finish(input, &signature)
    };
    assert!(app.is_active(&signed("at+jwt", &|_| ())).await, "the forger's hand is good");
    is_inactive(&ask(&app, "admin", &signed("at+jwt", &|claims| claims["iss"] = json!("https://evil.example"))).await, "another issuer");
    is_inactive(&ask(&app, "admin", &signed("at+jwt", &|claims| claims["exp"] = json!(1))).await, "expired long ago");
    for typ in ["JWT", "token-introspection+jwt", "client-authentication+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt"] {
        is_inactive(&ask(&app, "admin", &signed(typ, &|_| ())).await, typ);
    }
    let stranger = expired.access.replacen(expired.access.split('.').next().expect("a header"), &header_with_kid("nobody"), 1);
    is_inactive(&ask(&app, "admin", &stranger).await, "unknown kid");

    app.pass(Duration::from_secs(301)).await;
    is_inactive(&ask(&app, "admin", &expired.access).await, "expired");
}

fn header_with_kid(kid: &str) -> String {
    mintage::token::b64::encode(json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid }).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_server_sees_only_tokens_for_its_audience() {
    let app = node_with(CLIENTS).await;
    for client in ["app", "sealed"] {
        let session = app.open_with(json!({ "subject": "alice", "client_id": client })).await;
        assert_eq!(ask(&app, "api", &session.access).await.body["active"], true);
        is_inactive(&ask(&app, "jobs", &session.access).await, "another audience");
        is_inactive(&ask(&app, "api", &session.refresh).await, "refresh tokens are nobody's but the client's");
        is_inactive(&ask(&app, "jobs", &session.refresh).await, "nor this one's");
    }
    let management = app.admin().await;
    is_inactive(&ask(&app, "api", &management).await, "a token for the issuer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_active_while_it_is_the_current_one() {
    let app = node_with(CLIENTS).await;
    let session = app.open("alice").await;
    let answer = ask(&app, "admin", &session.refresh).await;
    assert_eq!((&answer.body["active"], &answer.body["sub"], &answer.body["client_id"]), (&json!(true), &json!("alice"), &json!("app")));
    assert!(answer.body.get("generation").is_none());
    let next = app.refresh(&session.refresh).await.must_be(200).text("/refresh_token");
    assert!(app.is_active(&next).await);
    is_inactive(&ask(&app, "admin", &session.refresh).await, "superseded");
    assert_eq!(app.session(&session.sid).await["state"], "active", "asking about a superseded token is not using it");
    app.form("/oauth/revoke", &[("token", &next), ("client_id", "app")]).await.must_be(200);
    is_inactive(&ask(&app, "admin", &next).await, "ended");

    let idle = app.open("bob").await;
    app.pass(Duration::from_secs(60)).await;
    app.revoke(json!({ "type": "all" }), "sessions").await.must_be(201);
    is_inactive(&ask(&app, "admin", &idle.refresh).await, "by an epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_can_be_signed_and_is_no_access_token() {
    let app = node_with(CLIENTS).await;
    let session = app.open("alice").await;
    let signed = async |client: &str, token: &str| {
        let request = app.request(Method::POST, "/oauth/introspect").basic_auth(client, Some(secret_of(client))).header("accept", SIGNED);
        let answer = app.send(request.form(&[("token", token)])).await.must_be(200);
        assert_eq!(answer.headers["content-type"], SIGNED);
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.text
    };
    let set = call(&app, Method::GET, "/.well-known/jwks.json").await.body;
    let plain = ask(&app, "api", &session.access).await.body;
    let jwt = signed("api", &session.access).await;
    let (header, payload) = (part_of(&jwt, 0), part_of(&jwt, 1));
    let published = set["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == header["kid"]).expect("published");
    let (input, signature) = jwt.rsplit_once('.').expect("a signature");
    let signature = mintage::token::b64::decode(signature).expect("base64url");
    assert!(VerifyingKey::from_jwk(&published.to_string()).expect("a key").verify(input.as_bytes(), &signature));
    assert_eq!(header["typ"], "token-introspection+jwt");
    let refused = app.request(Method::POST, "/oauth/introspect").basic_auth("api", Some(secret_of("api")));
    let refused = refused.header("accept", format!("{SIGNED};q=0, application/json")).form(&[("token", &session.access)]);
    assert_eq!(app.send(refused).await.must_be(200).body, plain, "q=0 is a refusal (RFC 9110 §12.4.2)");
    assert_eq!((&payload["iss"], &payload["aud"], &payload["iat"]), (&json!(ISSUER), &json!("api"), &json!(app.now())));
    assert_eq!(payload["token_introspection"], plain);
    for name in ["sub", "exp", "scope", "client_id", "jti"] {
        assert!(payload.get(name).is_none(), "RFC 9701 §5: {name} would make it look like an access token");
    }
    assert_eq!(part_of(&signed("jobs", &session.access).await, 1)["token_introspection"], json!({ "active": false }));

    is_inactive(&ask(&app, "admin", &jwt).await, "an introspection answer");
    let used = app.get("/v1/sessions", &jwt).await.must_be(401);
    assert!(challenge(&used).contains("error=\"invalid_token\""));
    app.form_as("/oauth/revoke", "admin", ADMIN_SECRET, &[("token", &jwt)]).await.must_be(200);
    assert!(app.is_active(&session.access).await);
}
