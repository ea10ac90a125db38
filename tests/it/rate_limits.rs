//! Whoever fails too often, or asks too often, waits; and costs nothing meanwhile.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::app::{ADMIN_SECRET, Answer, TestApp};
use crate::wire::{is_oauth_error, is_problem};
use crate::zero_calls::calls;

/// Five failures at once and then one in ten seconds; three requests of a client at once and then one a second.
const LIMITS: &str =
    "trusted_proxies = [\"127.0.0.1\"]\nproxy_header = \"x-forwarded-for\"\n[rate_limits]\nfailures_per_minute = 6\nfailures_burst = 5\n";

const ATTACKER: &str = "198.51.100.66";
const HONEST: &str = "203.0.113.7";

fn from(address: &str, request: RequestBuilder) -> RequestBuilder {
    request.header("x-forwarded-for", address)
}

async fn token_from(app: &TestApp, address: &str, secret: &str) -> Answer {
    let form = [("grant_type", "client_credentials"), ("scope", "mintage:keys mintage:sessions.open mintage:introspect")];
    app.send(from(address, app.request(Method::POST, "/oauth/token").basic_auth("admin", Some(secret)).form(&form))).await
}

async fn form_from(app: &TestApp, address: &str, path: &str, form: &[(&str, &str)]) -> Answer {
    app.send(from(address, app.request(Method::POST, path).form(form))).await
}

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds")
}

fn is_limited(answer: &Answer, code: &str) -> u64 {
    assert_eq!(answer.status, 429, "{}", answer.text);
    is_oauth_error(answer, 429, "temporarily_unavailable");
    assert_eq!(answer.body["mintage_code"], code);
    retry_after(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_fails_too_often_waits_and_others_do_not() {
    let app = TestApp::with(LIMITS).await;
    for _ in 0..5 {
        is_oauth_error(&token_from(&app, ATTACKER, "wrong").await, 401, "invalid_client");
    }
    assert_eq!(is_limited(&token_from(&app, ATTACKER, "wrong").await, "too_many_failures"), 10);
    assert_eq!(is_limited(&token_from(&app, ATTACKER, ADMIN_SECRET).await, "too_many_failures"), 10, "the right secret waits too");
    token_from(&app, HONEST, ADMIN_SECRET).await.must_be(200);

    // Being refused is no failure: the wait does not grow, and one try comes back after it.
    app.clock.advance(Duration::from_secs(9));
    assert_eq!(is_limited(&token_from(&app, ATTACKER, "wrong").await, "too_many_failures"), 1);
    app.clock.advance(Duration::from_secs(1));
    is_oauth_error(&token_from(&app, ATTACKER, "wrong").await, 401, "invalid_client");
    is_limited(&token_from(&app, ATTACKER, "wrong").await, "too_many_failures");
    app.clock.advance(Duration::from_secs(10));
    token_from(&app, ATTACKER, ADMIN_SECRET).await.must_be(200);
    let metrics = app.metrics().await;
    assert!(metrics.contains("mintage_refusals_total{namespace=\"mintage\",code=\"too_many_failures\"} 4"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_counts_at_every_door_and_a_limited_address_costs_nothing() {
    let app = TestApp::with(LIMITS).await;
    let session = app.open("alice").await;
    let junk = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", "mrt_junk")];
    let revoke = [("client_id", "app"), ("token", "a.b.c")];
    let bearer = |token: &str| from(ATTACKER, app.request(Method::GET, "/v1/sessions").bearer_auth(token));
    form_from(&app, ATTACKER, "/oauth/token", &junk).await.must_be(400);
    form_from(&app, ATTACKER, "/oauth/revoke", &revoke).await.must_be(200);
    form_from(&app, ATTACKER, "/oauth/introspect", &[("token", "x"), ("client_id", "nobody"), ("client_secret", "x")]).await.must_be(401);
    app.send(bearer("a.b.c")).await.must_be(401);
    app.send(from(ATTACKER, app.request(Method::GET, "/v1/keys"))).await.must_be(401);

    let before = (calls(&app).await, minted(&app).await);
    assert!(before.0 > 0 && before.1 > 0, "the counters count");
    let good = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str())];
    for (path, form) in [("/oauth/token", &good[..]), ("/oauth/revoke", &revoke), ("/oauth/introspect", &revoke)] {
        assert_eq!(is_limited(&form_from(&app, ATTACKER, path, form).await, "too_many_failures"), 10, "{path}");
    }
    for _ in 0..20 {
        is_problem(&app.send(bearer("a.b.c")).await, 429, "too_many_failures");
    }
    assert_eq!((calls(&app).await, minted(&app).await), before, "no call of the store, and nothing signed");
    assert!(!app.metrics().await.contains("mintage_denials_total{namespace=\"mintage\",denial=\"malformed\"} 2"), "nothing was verified");
    form_from(&app, HONEST, "/oauth/token", &good).await.must_be(200);
    // What everybody may know is for everybody.
    for path in ["/.well-known/jwks.json", "/healthz/ready"] {
        app.send(from(ATTACKER, app.request(Method::GET, path))).await.must_be(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_were_good_once_and_what_a_backend_hands_on_are_no_failures() {
    let app = TestApp::with(LIMITS).await;
    let session = app.open("alice").await;
    let admin = app.admin().await;
    app.revoke(json!({ "type": "session", "sid": session.sid }), "sessions").await.must_be(201);
    app.pass(Duration::from_secs(301)).await;
    for _ in 0..8 {
        let refresh = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str())];
        form_from(&app, HONEST, "/oauth/token", &refresh).await.must_be(400);
        form_from(&app, HONEST, "/oauth/revoke", &[("client_id", "app"), ("token", &session.access)]).await.must_be(200);
        let answer = app.send(from(HONEST, app.request(Method::GET, "/v1/sessions").bearer_auth(&admin))).await;
        is_problem(&answer, 401, "token_expired");
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            let backend = app.request(Method::POST, path).basic_auth("admin", Some(ADMIN_SECRET)).form(&[("token", "a.b.c")]);
            app.send(from(HONEST, backend)).await.must_be(200);
        }
    }
    token_from(&app, HONEST, ADMIN_SECRET).await.must_be(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_waits_whatever_its_address_and_others_do_not() {
    let file = "[rate_limits]\napply = \"on\"\nrequests_per_second = 1\nrequests_burst = 3\n";
    let app = TestApp::with(&format!("trusted_proxies = [\"127.0.0.1\"]\nproxy_header = \"x-forwarded-for\"\n{file}")).await;
    let session = app.open("alice").await; // two requests of admin
    token_from(&app, HONEST, ADMIN_SECRET).await.must_be(200);
    // Who only names a client takes nothing from it, and is told nothing more than anybody.
    app.clock.advance(Duration::from_secs(1));
    for _ in 0..5 {
        is_oauth_error(&token_from(&app, ATTACKER, "wrong").await, 401, "invalid_client");
    }
    let bearer = token_from(&app, HONEST, ADMIN_SECRET).await.must_be(200).text("/access_token");
    let before = (calls(&app).await, minted(&app).await);
    assert_eq!(is_limited(&token_from(&app, "192.0.2.99", ADMIN_SECRET).await, "too_many_requests"), 1);
    let body = json!({ "subject": "bob", "client_id": "app" });
    let answer = app.post("/v1/sessions", &bearer, &body).await;
    is_problem(&answer, 429, "too_many_requests");
    assert_eq!(retry_after(&answer), 1);
    let introspect = app.request(Method::POST, "/oauth/introspect").bearer_auth(&bearer).form(&[("token", &session.access)]);
    is_limited(&app.send(introspect).await, "too_many_requests");
    assert_eq!((calls(&app).await, minted(&app).await), before, "no call of the store, and nothing signed");

    // A public client is counted at each address: anybody can name it, and all its users share it.
    let refresh = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", session.refresh.as_str())];
    for _ in 0..3 {
        form_from(&app, ATTACKER, "/oauth/token", &refresh).await.must_be(200);
    }
    is_limited(&form_from(&app, ATTACKER, "/oauth/token", &refresh).await, "too_many_requests");
    form_from(&app, HONEST, "/oauth/token", &refresh).await.must_be(200);
    app.clock.advance(Duration::from_secs(1));
    app.post("/v1/sessions", &bearer, &body).await.must_be(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_loopback_without_proxies_there_are_no_limits_and_no_header_is_believed() {
    let app = TestApp::with("[rate_limits]\nfailures_per_minute = 1\nfailures_burst = 1\n").await;
    for _ in 0..5 {
        token_from(&app, ATTACKER, "wrong").await.must_be(401);
    }
    let app = TestApp::with("[rate_limits]\napply = \"on\"\nfailures_per_minute = 1\nfailures_burst = 1\n").await;
    token_from(&app, ATTACKER, "wrong").await.must_be(401);
    is_limited(&token_from(&app, HONEST, "wrong").await, "too_many_failures");
}

/// Access tokens minted so far.
async fn minted(app: &TestApp) -> u64 {
    let metrics = app.metrics().await;
    let counted = metrics.lines().filter(|line| line.starts_with("mintage_tokens_minted_total"));
    counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_proof_is_a_failure_like_any_other() {
    for path in ["/v1/keys", "/oauth/token"] {
        let app = TestApp::with(LIMITS).await;
        let knock = async || {
            let method = if path == "/v1/keys" { Method::GET } else { Method::POST };
            let request = from(ATTACKER, app.request(method, path)).header("authorization", "DPoP a.b.c").header("dpop", "x");
            app.send(request.form(&[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", "x")])).await
        };
        for _ in 0..5 {
            assert!(matches!(knock().await.status.as_u16(), 400 | 401), "{path}");
        }
        assert_eq!(knock().await.status, 429, "{path}");
    }
}
