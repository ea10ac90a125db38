//! DPoP (RFC 9449) at our own endpoints.

use std::time::Duration;

use mintage::keyring::Algorithm;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{ADMIN_SECRET, Answer, Opened, TestApp};
use crate::hand::{Hand, JWT_BEARER};
use crate::wire::{challenge, is_about_field, is_oauth_error, is_problem, node_with, part_of, secret_of};
use crate::zero_calls::calls;

const CLIENTS: &str = r#"
[[clients]]
id = "web"
type = "confidential"
secret_file = "{dir}/web.secret"
grants = ["refresh_token"]
scopes = ["read"]
audiences = ["https://api.example"]

[[clients]]
id = "bound"
type = "public"
grants = ["refresh_token"]
scopes = ["read"]
audiences = ["https://api.example"]
dpop_bound_access_tokens = true
rotates = false

[[clients]]
id = "svc"
type = "confidential"
secret_file = "{dir}/svc.secret"
grants = ["client_credentials"]
scopes = ["jobs"]
audiences = ["https://jobs.example"]
dpop_bound_access_tokens = true

[defaults]
rotation_pause = "0s"
"#;

const TOKEN: &str = "/oauth/token";

fn hand() -> Hand {
    Hand::new(Algorithm::Es256, 0)
}

/// The nonce that the node asks for.
async fn nonce(app: &TestApp) -> String {
    let proof = hand().proof(app, &Method::POST, TOKEN, None, None);
    let asked = app.send(app.request(Method::POST, TOKEN).header("dpop", proof).form(&[("client_id", "app")])).await;
    is_oauth_error(&asked, 400, "use_dpop_nonce");
    nonce_of(&asked)
}

fn nonce_of(answer: &Answer) -> String {
    answer.headers["dpop-nonce"].to_str().expect("text").to_owned()
}

async fn open(app: &TestApp, client: &str, hand: &Hand) -> Opened {
    app.open_with(json!({ "subject": "alice", "client_id": client, "cnf": { "jkt": hand.jkt() } })).await
}

async fn refresh_with(app: &TestApp, client: &str, token: &str, proof: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
    app.send(app.request(Method::POST, TOKEN).header("dpop", proof).form(&fields)).await
}

/// Refreshes with a good proof and the nonce of now.
async fn refresh(app: &TestApp, client: &str, token: &str, hand: &Hand) -> Answer {
    let nonce = nonce(app).await;
    refresh_with(app, client, token, &hand.proof(app, &Method::POST, TOKEN, Some(&nonce), None)).await
}

#[track_caller]
fn is_bound(answer: &Answer, hand: &Hand) {
    assert_eq!(answer.body["token_type"], "DPoP", "{}", answer.text);
    assert_eq!(part_of(&answer.text("/access_token"), 1)["cnf"], json!({ "jkt": hand.jkt() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_bound_to_a_key_is_refreshed_by_that_key_alone() {
    let app = node_with(CLIENTS).await;
    let (own, other) = (hand(), hand());
    let body = json!({ "subject": "alice", "client_id": "app", "cnf": { "jkt": own.jkt() } });
    let opened = app.post("/v1/sessions", &app.admin().await, &body).await.must_be(201);
    is_bound(&opened, &own);
    let (sid, token) = (opened.text("/session/sid"), opened.text("/refresh_token"));

    for refused in [app.refresh(&token).await, refresh(&app, "app", &token, &other).await] {
        is_oauth_error(&refused, 400, "invalid_grant");
        assert_eq!(refused.body["mintage_code"], "refresh_token_foreign");
        assert_eq!(app.session(&sid).await["state"], "active", "the session is left untouched");
    }
    let refreshed = refresh(&app, "app", &token, &own).await.must_be(200);
    is_bound(&refreshed, &own);
    is_bound(&refresh(&app, "app", &refreshed.text("/refresh_token"), &own).await.must_be(200), &own);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_proves_a_key_may_retry_without_limit() {
    let app = node_with(CLIENTS).await;
    let own = hand();
    let (bound, plain) = (open(&app, "app", &own).await, app.open("bob").await);
    let first = refresh(&app, "app", &bound.refresh, &own).await.must_be(200).text("/refresh_token");
    app.refresh(&plain.refresh).await.must_be(200);
    app.pass(Duration::from_secs(600)).await;
    let again = refresh(&app, "app", &bound.refresh, &own).await.must_be(200);
    assert_eq!(again.text("/refresh_token"), first, "the very same successor, long after the window");
    is_oauth_error(&app.refresh(&plain.refresh).await, 400, "invalid_grant");
    assert_eq!(app.session(&plain.sid).await["ended"]["reason"], "refresh_token_reused", "without a key it is theft");
    let second = refresh(&app, "app", &first, &own).await.must_be(200).text("/refresh_token");
    assert_ne!(second, first);
    is_oauth_error(&refresh(&app, "app", &bound.refresh, &own).await, 400, "invalid_grant");
    assert_eq!(
        app.session(&bound.sid).await["ended"]["reason"],
        "refresh_token_reused",
        "two generations back is theft whoever presents it"
    );
}

/// RFC 9449 §4.3, each step with a proof that fails in it alone.
#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_the_check_refuses_and_costs_nothing() {
    let app = node_with(CLIENTS).await;
    let own = hand();
    let session = open(&app, "app", &own).await;
    let (nonce, now) = (nonce(&app).await, app.now());
    let bent = |bend: &dyn Fn(&mut Value, &mut Value)| {
        own.bent_proof(&app, &Method::POST, TOKEN, Some(&nonce), None, |header, claims| bend(header, claims))
    };
    let claim = |name: &'static str, value: Value| bent(&|_, claims| claims[name] = value.clone());
    let without = |name: &'static str| bent(&|_, claims| drop(claims.as_object_mut().and_then(|claims| claims.remove(name))));
    let good = own.proof(&app, &Method::POST, TOKEN, Some(&nonce), None);
    let rows = [
        ("no JWT", "junk".to_owned()),
        ("no jti", without("jti")),
        ("no htm", without("htm")),
        ("no htu", without("htu")),
        ("no iat", without("iat")),
        ("typ", bent(&|header, _| header["typ"] = json!("JWT"))),
        ("alg none", bent(&|header, _| header["alg"] = json!("none"))),
        ("alg of another key", bent(&|header, _| header["alg"] = json!("EdDSA"))),
        ("another's key", bent(&|header, _| header["jwk"] = hand().jwk())),
        ("a private key", bent(&|header, _| header["jwk"]["d"] = json!("AAAA"))),
        ("no key", bent(&|header, _| drop(header.as_object_mut().and_then(|header| header.remove("jwk"))))),
        ("method", claim("htm", json!("GET"))),
        ("address", claim("htu", json!(format!("{}{TOKEN}", app.url)))),
        ("another endpoint", claim("htu", json!("http://127.0.0.1:8080/oauth/revoke"))),
        ("old", claim("iat", json!(now - 301))),
        ("from the future", claim("iat", json!(now + 301))),
        ("cut", good[..good.len() - 2].to_owned()),
        ("huge", format!("{}.{}.x", "A".repeat(10_000), "A".repeat(10_000))),
    ];
    let before = calls(&app).await;
    for (why, proof) in &rows {
        let answer = refresh_with(&app, "app", &session.refresh, proof).await;
        assert_eq!(answer.body["mintage_code"], "dpop_proof_invalid", "{why}: {}", answer.text);
        is_oauth_error(&answer, 400, "invalid_dpop_proof");
    }
    let twice = app.request(Method::POST, TOKEN).header("dpop", &good).header("dpop", &good);
    let fields = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str())];
    is_oauth_error(&app.send(twice.form(&fields)).await, 400, "invalid_dpop_proof");
    for bad in [
        own.proof(&app, &Method::POST, TOKEN, None, None),
        own.proof(&app, &Method::POST, TOKEN, Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAA"), None),
    ] {
        is_oauth_error(&refresh_with(&app, "app", &session.refresh, &bad).await, 400, "use_dpop_nonce");
    }
    assert_eq!(calls(&app).await, before, "not one call of the store");
    refresh_with(&app, "app", &session.refresh, &good).await.must_be(200);
    println!("proofs refused: {} of {}, store calls: 0", rows.len() + 3, rows.len() + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_taken_once() {
    let app = node_with(CLIENTS).await;
    let own = hand();
    let session = open(&app, "app", &own).await;
    let proof = own.proof(&app, &Method::POST, TOKEN, Some(&nonce(&app).await), None);
    refresh_with(&app, "app", "mrt_junk", &proof).await.must_be(400).must_be_error("invalid_grant");
    let good = refresh_with(&app, "app", &session.refresh, &proof).await.must_be(200);
    assert!(good.body["refresh_token"].is_string(), "what could do nothing used nothing up");
    let again = refresh_with(&app, "app", &session.refresh, &proof).await;
    is_oauth_error(&again, 400, "invalid_dpop_proof");
    assert_eq!(app.session(&session.sid).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_dated_and_every_answer_brings_the_next() {
    let app = node_with(CLIENTS).await;
    let own = hand();
    let session = open(&app, "app", &own).await;
    let first = nonce(&app).await;
    let proof = |app: &TestApp, nonce: &str| own.proof(app, &Method::POST, TOKEN, Some(nonce), None);
    app.pass(Duration::from_secs(240)).await;
    let answer = refresh_with(&app, "app", &session.refresh, &proof(&app, &first)).await.must_be(200);
    let second = nonce_of(&answer);
    assert_ne!(second, first, "the next one comes with a success");
    app.pass(Duration::from_secs(122)).await;
    let late = refresh_with(&app, "app", &session.refresh, &proof(&app, &first)).await;
    is_oauth_error(&late, 400, "use_dpop_nonce");
    assert_eq!(late.body["mintage_code"], "dpop_nonce_wanted");
    refresh_with(&app, "app", &session.refresh, &proof(&app, &second)).await.must_be(200);
    let silent = app.form(TOKEN, &[("client_id", "app")]).await;
    assert!(!silent.headers.contains_key("dpop-nonce"), "who sends no proof is told no nonce");
}

/// A token for the management API that is bound to this key.
async fn bound_admin(app: &TestApp, hand: &Hand) -> String {
    let proof = hand.proof(app, &Method::POST, TOKEN, Some(&nonce(app).await), None);
    let request = app.request(Method::POST, TOKEN).basic_auth("admin", Some(ADMIN_SECRET)).header("dpop", proof);
    let issued = app.send(request.form(&[("grant_type", "client_credentials")])).await.must_be(200);
    is_bound(&issued, hand);
    issued.text("/access_token")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_good_with_its_proof_and_never_as_bearer() {
    let app = node_with(CLIENTS).await;
    let (own, other) = (hand(), hand());
    let token = bound_admin(&app, &own).await;
    let as_bearer = app.get("/v1/keys", &token).await;
    is_problem(&as_bearer, 401, "token_invalid");
    assert_eq!(challenge(&as_bearer), r#"DPoP realm="mintage", algs="EdDSA Ed25519 ES256 RS256", error="invalid_token""#);

    let nonce = nonce(&app).await;
    let send = async |token: &str, proof: &str| {
        let request =
            app.request(Method::GET, "/v1/keys?x=1".split('?').next().expect("a path")).header("authorization", format!("DPoP {token}"));
        app.send(request.header("dpop", proof)).await
    };
    let proof = |hand: &Hand, token: &str| hand.proof(&app, &Method::GET, "/v1/keys", Some(&nonce), Some(token));
    let good = proof(&own, &token);
    let answer = send(&token, &good).await.must_be(200);
    assert!(answer.headers.contains_key("dpop-nonce"));

    let plain = app.admin().await;
    let unproven = app.send(app.request(Method::GET, "/v1/keys").header("authorization", format!("DPoP {token}"))).await;
    let rows = [
        ("replayed", send(&token, &good).await, "invalid_dpop_proof"),
        ("no proof", unproven, "invalid_dpop_proof"),
        ("another key", send(&token, &proof(&other, &token)).await, "invalid_token"),
        ("over another token", send(&token, &proof(&own, &plain)).await, "invalid_dpop_proof"),
        ("no ath", send(&token, &own.proof(&app, &Method::GET, "/v1/keys", Some(&nonce), None)).await, "invalid_dpop_proof"),
        (
            "another address",
            send(&token, &own.proof(&app, &Method::GET, "/v1/clients", Some(&nonce), Some(&token))).await,
            "invalid_dpop_proof",
        ),
        (
            "another method",
            send(&token, &own.proof(&app, &Method::POST, "/v1/keys", Some(&nonce), Some(&token))).await,
            "invalid_dpop_proof",
        ),
        ("no nonce", send(&token, &own.proof(&app, &Method::GET, "/v1/keys", None, Some(&token))).await, "use_dpop_nonce"),
        ("a token that is not bound", send(&plain, &proof(&own, &plain)).await, "invalid_token"),
        ("no token", send("x", &proof(&own, "x")).await, "invalid_token"),
    ];
    for (why, answer, error) in rows {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{why}: {}", answer.text);
        assert!(challenge(&answer).contains(&format!("error=\"{error}\"")), "{why}: {}", challenge(&answer));
        assert_eq!(error == "use_dpop_nonce", answer.body["code"] == "dpop_nonce_wanted", "{why}");
    }
    let nobody = app.send(app.request(Method::GET, "/v1/keys")).await.must_be(401);
    assert!(challenge(&nobody).contains("Bearer") && challenge(&nobody).contains("DPoP") && !challenge(&nobody).contains("error"));
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_takes_bound_tokens_and_tells_of_the_binding() {
    let app = node_with(CLIENTS).await;
    let own = hand();
    let session = open(&app, "app", &own).await;
    let (token, nonce) = (bound_admin(&app, &own).await, nonce(&app).await);
    let path = "/oauth/introspect";
    let ask = |scheme: &str, proof: Option<String>| {
        let request =
            app.request(Method::POST, path).header("authorization", format!("{scheme} {token}")).form(&[("token", &session.access)]);
        app.send(match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        })
    };
    let proof = |nonce: Option<&str>| Some(own.proof(&app, &Method::POST, path, nonce, Some(&token)));
    let answer = ask("DPoP", proof(Some(&nonce))).await.must_be(200);
    assert_eq!((&answer.body["active"], &answer.body["token_type"]), (&json!(true), &json!("DPoP")));
    assert_eq!(answer.body["cnf"], json!({ "jkt": own.jkt() }));
    let as_bearer = ask("Bearer", None).await;
    is_oauth_error(&as_bearer, 401, "invalid_token");
    assert!(challenge(&as_bearer).starts_with("DPoP "));
    let dated = ask("DPoP", proof(None)).await;
    is_oauth_error(&dated, 401, "use_dpop_nonce");
    assert!(challenge(&dated).contains("use_dpop_nonce") && dated.headers.contains_key("dpop-nonce"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_bound_tokens_gets_no_others() {
    let app = node_with(CLIENTS).await;
    let own = hand();
    let bare = app.post("/v1/sessions", &app.admin().await, &json!({ "subject": "alice", "client_id": "bound" })).await;
    is_problem(&bare, 400, "invalid_request");
    is_about_field(&bare, "/cnf", "required");
    let session = open(&app, "bound", &own).await;
    let unproven = app.refresh_at("bound", &session.refresh).await;
    is_oauth_error(&unproven, 400, "invalid_dpop_proof");
    assert_eq!(unproven.body["mintage_code"], "dpop_proof_required");
    for _ in 0..2 {
        let kept = refresh(&app, "bound", &session.refresh, &own).await.must_be(200);
        is_bound(&kept, &own);
        assert!(kept.body["refresh_token"].is_null(), "a bound client may keep its refresh token for ever");
    }
    let svc = async |proof: Option<String>| {
        let request =
            app.request(Method::POST, TOKEN).basic_auth("svc", Some(secret_of("svc"))).form(&[("grant_type", "client_credentials")]);
        app.send(match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        })
        .await
    };
    is_oauth_error(&svc(None).await, 400, "invalid_dpop_proof");
    let nonce = nonce(&app).await;
    is_bound(&svc(Some(own.proof(&app, &Method::POST, TOKEN, Some(&nonce), None))).await.must_be(200), &own);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_authenticates_binds_each_token_to_the_key_it_proves() {
    let app = node_with(CLIENTS).await;
    let (first, second) = (hand(), hand());
    let session = app.open_with(json!({ "subject": "alice", "client_id": "web" })).await;
    let mut token = session.refresh.clone();
    for key in [Some(&first), Some(&second), None] {
        let request = app.request(Method::POST, TOKEN).basic_auth("web", Some(secret_of("web")));
        let request = request.form(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
        let answer = match key {
            Some(key) => {
                let answer = app
                    .send(request.header("dpop", key.proof(&app, &Method::POST, TOKEN, Some(&nonce(&app).await), None)))
                    .await
                    .must_be(200);
                is_bound(&answer, key);
                answer
            }
            None => app.send(request).await.must_be(200),
        };
        if key.is_none() {
            assert_eq!(answer.body["token_type"], "Bearer");
        }
        token = answer.text("/refresh_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_binds_no_session_that_was_opened_without_a_key() {
    let app = node_with(CLIENTS).await;
    let (thief, session) = (hand(), app.open("alice").await);
    let stolen = refresh(&app, "app", &session.refresh, &thief).await.must_be(200);
    is_bound(&stolen, &thief);
    let owners = app.refresh(&session.refresh).await.must_be(200);
    assert_eq!(owners.body["token_type"], "Bearer", "the owner needs no key, then or later");
    assert_eq!(owners.text("/refresh_token"), stolen.text("/refresh_token"));
    app.refresh(&owners.text("/refresh_token")).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_is_asked_for_uses_no_assertion_up() {
    let (app, keys, own) = (TestApp::start().await, Hand::new(Algorithm::EdDsa, 7), hand());
    let body = json!({ "id": "svc", "type": "confidential", "jwks": keys.jwks(), "grants": ["client_credentials"], "audiences": ["https://jobs.example"] });
    app.post("/v1/clients", &app.admin().await, &body).await.must_be(201);
    let assertion = keys.assertion(&app, "svc", "a");
    let fields = [("grant_type", "client_credentials"), ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())];
    let ask = |nonce: Option<&str>| {
        app.send(app.request(Method::POST, TOKEN).header("dpop", own.proof(&app, &Method::POST, TOKEN, nonce, None)).form(&fields))
    };
    let asked = ask(None).await;
    is_oauth_error(&asked, 400, "use_dpop_nonce");
    is_bound(&ask(Some(&nonce_of(&asked))).await.must_be(200), &own);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_send_proofs_and_read_nonces() {
    let app = node_with(CLIENTS).await;
    let origin = "https://app.example";
    let asked = app.request(Method::OPTIONS, TOKEN).header("origin", origin).header("access-control-request-method", "POST");
    let asked = app.send(asked.header("access-control-request-headers", "dpop")).await.must_be(204);
    assert!(asked.headers["access-control-allow-headers"].to_str().expect("text").contains("dpop"));
    let proof = hand().proof(&app, &Method::POST, TOKEN, None, None);
    let answer =
        app.send(app.request(Method::POST, TOKEN).header("origin", origin).header("dpop", proof).form(&[("client_id", "app")])).await;
    is_oauth_error(&answer, 400, "use_dpop_nonce");
    assert!(answer.headers["access-control-expose-headers"].to_str().expect("text").contains("dpop-nonce"));
}
